// A cache as ldconfig of glibc 2.33 writes it for libraries with a build for newer processors.

import { type CacheEntry, writeCache } from '../../../lib/binary/cache.ts';

/** The first entry is for x86-64-v3, the others, of the same name, are for every processor. */
export function cacheWithHwcap(first: CacheEntry, ...others: readonly CacheEntry[]): Buffer {
  const plain = writeCache([first, ...others], 'little');
  const level = Buffer.from('x86-64-v3\0');
  const start = Math.ceil((plain.length + level.length) / 4) * 4;
  const data = Buffer.alloc(start + 8 + 16 + 4);
  plain.copy(data);
  level.copy(data, plain.length);
  data.writeUInt32LE(start, 32); // extension_offset
  data.writeBigUInt64LE(1n << 62n, 48 + 16); // hwcap of the first entry: number 0 of the list
  const words = [0xeaa42174, 1, 1, 0, start + 24, 4, plain.length];
  for (const [index, word] of words.entries()) data.writeUInt32LE(word, start + index * 4);
  return data;
}
