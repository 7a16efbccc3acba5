// Reads and writes /etc/ld.so.cache, ldconfig's index of libraries, in the format of glibc 2.2 and later.

import { remember } from '../values/remember.ts';
import { fieldsOf } from './elf-header.ts';
import { type BytePath, toLatin1 } from '../tree/path.ts';

export interface CacheEntry {
  /** The name in DT_NEEDED. */
  readonly name: BytePath;
  readonly path: BytePath;
  /** ABI and C library: cacheFlags() in machine.ts. */
  readonly flags: number;
  /** Its directory below glibc-hwcaps/; undefined for a library for every processor. */
  readonly hwcap?: string;
}

export type LibraryCache = ReturnType<typeof readCache>;

// The layout is defined in sysdeps/generic/dl-cache.h of glibc.
const OLD_MAGIC = 'ld.so-1.7.0';
const OLD_ENTRY_BYTES = 12;
const MAGIC = 'glibc-ld.so.cache1.1';
const HEADER_BYTES = 48;
const ENTRY_BYTES = 24;
const EXTENSION_MAGIC = 0xeaa42174;
const HWCAPS_TAG = 1;
const HWCAP_EXTENSION = 0x40000000; // DL_CACHE_HWCAP_EXTENSION, of the upper word
const ISA_LEVELS = 0x3ff; // DL_CACHE_HWCAP_ISA_LEVEL_MASK, of the upper word
const MAX_NAME_BYTES = 4096;
// A hundred times the size of a large system. Many entries of a hostile file can name the same long string.
const MAX_ENTRIES = 1 << 20;
const MAX_STRING_BYTES = 64 << 20;

/** Invalid entries are left out, as the loader ignores them; so are those by numbers of glibc before 2.37, which have twins. */
export function readCache(data: Uint8Array) {
  const entries = readEntries(data);
  const byName = new Map<BytePath, CacheEntry[]>();
  for (const entry of entries) remember(byName, entry.name, () => []).push(entry);
  /** The entries of a name in file order: the loader takes the first suitable one. */
  const find = (name: BytePath): readonly CacheEntry[] => byName.get(name) ?? [];
  return { entries, find };
}

function readEntries(data: Uint8Array): CacheEntry[] {
  const start = newFormatStart(data);
  if (start === undefined) return [];
  const part = data.subarray(start);
  const little = littleEndian(part);
  const { word } = wordsOf(part, little);
  const count = Math.min(word(20), MAX_ENTRIES, Math.floor((part.length - HEADER_BYTES) / ENTRY_BYTES));
  const text = toLatin1(part);
  const hwcaps = readHwcaps(part, text, word);

  const entries: CacheEntry[] = [];
  let bytes = 0;
  for (let i = 0; i < count && bytes < MAX_STRING_BYTES; i++) {
    const at = HEADER_BYTES + i * ENTRY_BYTES;
    const name = stringAt(text, word(at + 4));
    const path = stringAt(text, word(at + 8));
    const [first, second] = [word(at + 16), word(at + 20)];
    const [low, high] = little ? [first, second] : [second, first];
    if (name === undefined || path === undefined) continue;
    bytes += name.length + path.length;
    if (low === 0 && high === 0) entries.push({ name, path, flags: word(at) });
    const hwcap = (high & ~ISA_LEVELS) === HWCAP_EXTENSION ? hwcaps[low] : undefined;
    if (hwcap !== undefined) entries.push({ name, path, flags: word(at), hwcap });
  }
  return entries;
}

/** The offset of the new format: 0, or after a part in the old format for older loaders. */
function newFormatStart(data: Uint8Array): number | undefined {
  if (hasMagic(data, 0)) return 0;
  if (data.length < 16 || toLatin1(data.subarray(0, OLD_MAGIC.length)) !== OLD_MAGIC) return undefined;
  for (const little of [true, false]) {
    const end = 16 + wordsOf(data, little).word(12) * OLD_ENTRY_BYTES;
    const aligned = Math.ceil(end / 8) * 8;
    if (hasMagic(data, aligned)) return aligned;
  }
  return undefined;
}

function hasMagic(data: Uint8Array, offset: number): boolean {
  return (
    data.length >= offset + HEADER_BYTES && toLatin1(data.subarray(offset, offset + MAGIC.length)) === MAGIC
  );
}

// Since glibc 2.33 the header has a byte order. Before, it was the machine's: the smaller number of entries is right.
function littleEndian(part: Uint8Array): boolean {
  const flag = (part[28] ?? 0) & 3;
  if (flag !== 0) return flag === 2;
  return wordsOf(part, true).word(20) <= wordsOf(part, false).word(20);
}

function wordsOf(data: Uint8Array, little: boolean) {
  return fieldsOf(data, { endian: little ? 'little' : 'big', bits: 32 });
}

function readHwcaps(
  part: Uint8Array,
  text: string,
  word: (offset: number) => number,
): readonly (string | undefined)[] {
  const start = word(32);
  if (start === 0 || start % 4 !== 0 || start + 8 > part.length || word(start) !== EXTENSION_MAGIC) return [];
  const count = Math.min(word(start + 4), Math.floor((part.length - start - 8) / 16));
  for (let i = 0; i < count; i++) {
    const section = start + 8 + i * 16;
    const [tag, offset, size] = [word(section), word(section + 8), word(section + 12)];
    if (tag !== HWCAPS_TAG || offset + size > part.length) continue;
    const names = Math.min(Math.floor(size / 4), 1024);
    return Array.from({ length: names }, (_, index) => stringAt(text, word(offset + index * 4)));
  }
  return [];
}

// A slice of the whole text is faster than decoding each string.
function stringAt(text: string, offset: number): BytePath | undefined {
  const string = text.slice(offset, offset + MAX_NAME_BYTES);
  const length = string.indexOf('\0');
  return length > 0 ? (string.slice(0, length) as BytePath) : undefined;
}

/** Writes a cache for ld.so. Entries with an hwcap are left out: the loader uses their twins. */
export function writeCache(entries: readonly CacheEntry[], endian: 'little' | 'big'): Buffer {
  const sorted = entries
    .filter(({ hwcap }) => hwcap === undefined)
    .toSorted((a, b) => compareNames(b.name, a.name) || b.flags - a.flags);
  const strings: string[] = [];
  const offsets = new Map<string, number>();
  let end = HEADER_BYTES + sorted.length * ENTRY_BYTES;
  const offsetOf = (text: string) =>
    remember(offsets, text, () => {
      strings.push(`${text}\0`);
      end += text.length + 1;
      return end - text.length - 1;
    });

  const words = sorted.map(({ name, path, flags }) => [flags, offsetOf(name), offsetOf(path)] as const);
  const head = Buffer.alloc(HEADER_BYTES + sorted.length * ENTRY_BYTES);
  const view = new DataView(head.buffer, head.byteOffset);
  const put = (value: number, offset: number) => view.setUint32(offset, value, endian === 'little');
  head.write(MAGIC, 'latin1');
  put(sorted.length, 20);
  put(end - head.length, 24);
  head[28] = endian === 'little' ? 2 : 3;
  for (const [index, values] of words.entries())
    for (const [field, value] of values.entries()) put(value, HEADER_BYTES + index * ENTRY_BYTES + field * 4);
  return Buffer.concat([head, Buffer.from(strings.join(''), 'latin1')]);
}

/** _dl_cache_libcmp() of glibc: digits compare as numbers ("libz.so.9" before "libz.so.10"), and come after other characters. */
export function compareNames(a: string, b: string): number {
  const [left, right] = [tokensOf(a), tokensOf(b)];
  for (const [index, x] of left.entries()) {
    const y = right[index] ?? '';
    const [m, n] = [Number.parseInt(x, 10), Number.parseInt(y, 10)];
    if (Number.isNaN(m) !== Number.isNaN(n)) return Number.isNaN(m) ? -1 : 1;
    const order = Number.isNaN(m) ? x.charCodeAt(0) - (y.charCodeAt(0) || 0) : m - n;
    if (order !== 0) return order;
  }
  return left.length - right.length;
}

const tokensOf = (name: string): readonly string[] => name.match(/\d+|[^]/g) ?? [];
