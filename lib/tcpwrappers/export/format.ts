// Addresses out of numbers.

/** An IPv4 address. */
export function formatQuad(net: bigint): string {
  return [24n, 16n, 8n, 0n].map((bits) => (net >> bits) & 255n).join('.');
}

/** An IPv6 address, as short as it can be written: that is how a URL has it (RFC 5952). */
export function formatWords(net: bigint): string {
  const words = Array.from({ length: 8 }, (_, i) => ((net >> BigInt(112 - 16 * i)) & 0xffffn).toString(16));
  return new URL(`http://[${words.join(':')}]`).hostname.slice(1, -1);
}
