// Numbers as atoi(3) and sscanf(3) read them: libwrap takes whatever they make of a word, wrapped to 32 bits.

const LONG_MAX = 2n ** 63n - 1n;
const ULONG_MAX = 2n ** 64n - 1n;

// What strtol(3) answers: out of range is the nearest value there is.
function clampLong(value: bigint): bigint {
  if (value > LONG_MAX) return LONG_MAX;
  return value < -LONG_MAX - 1n ? -LONG_MAX - 1n : value;
}

/** The number a word begins with, as an int; 0 if it begins with none (atoi(3)). */
export function atoi(text: string): number {
  const digits = /^[ \t-\r]*([+-]?)([0-9]+)/.exec(text);
  if (digits === null) return 0;
  const value = BigInt(digits[2] ?? '0');
  return Number(BigInt.asIntN(32, clampLong(digits[1] === '-' ? -value : value)));
}

/** The int that the whole of a word is, or undefined (`%d` of sscanf(3)). */
export function scanInt(text: string): number | undefined {
  return /^[ \t-\r]*[+-]?[0-9]+$/.test(text) ? atoi(text) : undefined;
}

/** The unsigned int that the whole of a word is, in decimal or octal, or undefined (`%u` and `%o` of sscanf(3)). */
export function scanUnsigned(text: string, base: 8 | 10): number | undefined {
  const digits = (base === 8 ? /^[ \t-\r]*([+-]?)([0-7]+)$/ : /^[ \t-\r]*([+-]?)([0-9]+)$/).exec(text);
  if (digits === null) return undefined;
  const value = BigInt(base === 8 ? `0o${digits[2]}` : (digits[2] ?? '0'));
  // "-1" is the largest there is, and so is what is out of range, with or without a sign (strtoul(3))
  const long = value > ULONG_MAX ? ULONG_MAX : digits[1] === '-' ? -value : value;
  return Number(BigInt.asUintN(32, long));
}
