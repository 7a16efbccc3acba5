// XXH64 (https://github.com/Cyan4973/xxHash, doc/xxhash_spec.md), as in native/compiled/xxh64.cc. Pure.

const prime1 = 0x9e3779b185ebca87n;
const prime2 = 0xc2b2ae3d27d4eb4fn;
const prime3 = 0x165667b19e3779f9n;
const prime4 = 0x85ebca77c2b2ae63n;
const prime5 = 0x27d4eb2f165667c5n;

const wrap = (value: bigint): bigint => BigInt.asUintN(64, value);
const rotate = (value: bigint, bits: bigint): bigint => wrap((value << bits) | (value >> (64n - bits)));
const round = (lane: bigint, input: bigint): bigint =>
  wrap(rotate(wrap(lane + input * prime2), 31n) * prime1);

function stripes(bytes: Buffer, seed: bigint): bigint {
  const lanes = [seed + prime1 + prime2, seed + prime2, seed, seed - prime1].map(wrap);
  for (let at = 0; at + 32 <= bytes.length; at += 32) {
    for (const [i, lane] of lanes.entries()) lanes[i] = round(lane, bytes.readBigUInt64LE(at + i * 8));
  }
  const turns = [1n, 7n, 12n, 18n];
  const sum = lanes.reduce((sum, lane, i) => wrap(sum + rotate(lane, turns[i] ?? 0n)), 0n);
  return lanes.reduce((hash, lane) => wrap((hash ^ round(0n, lane)) * prime1 + prime4), sum);
}

/** The unsigned 64-bit hash of `bytes`. */
export function xxh64(bytes: Buffer, seed: bigint): bigint {
  let hash = wrap((bytes.length < 32 ? seed + prime5 : stripes(bytes, seed)) + BigInt(bytes.length));
  let at = bytes.length - (bytes.length % 32);
  for (; at + 8 <= bytes.length; at += 8)
    hash = wrap(rotate(hash ^ round(0n, bytes.readBigUInt64LE(at)), 27n) * prime1 + prime4);
  if (at + 4 <= bytes.length) {
    hash = wrap(rotate(hash ^ wrap(BigInt(bytes.readUInt32LE(at)) * prime1), 23n) * prime2 + prime3);
    at += 4;
  }
  for (; at < bytes.length; at++)
    hash = wrap(rotate(hash ^ wrap(BigInt(bytes.readUInt8(at)) * prime5), 11n) * prime1);
  hash = wrap((hash ^ (hash >> 33n)) * prime2);
  hash = wrap((hash ^ (hash >> 29n)) * prime3);
  return hash ^ (hash >> 32n);
}
