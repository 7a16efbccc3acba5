// Finds names and paths of programs in the text and strings of other programs.

import { remember } from '../../remember.ts';

/** The wanted texts, prepared once for all searched files. */
interface Keys {
  readonly texts: ReadonlySet<string>;
  readonly hashes: Int32Array;
  /** 1 at the low bits of each hash: a quick test that excludes most of millions of words. */
  readonly sieve: Uint8Array;
}

/** Names of programs. */
interface Names extends Keys {
  /** The names by their last two characters. */
  readonly tails: ReadonlyMap<number, readonly string[]>;
  readonly tailSieve: Uint8Array;
}

export interface Wanted {
  readonly names: Names;
  readonly paths: Keys;
}

export function toWanted(names: Iterable<string>, paths: Iterable<string>): Wanted {
  return { names: toNames(names), paths: toKeys(paths) };
}

function toKeys(given: Iterable<string>): Keys {
  const texts = new Set(given);
  const hashes = Int32Array.from(texts, hashOf);
  return { texts, hashes, sieve: sieveOf(hashes) };
}

function toNames(given: Iterable<string>): Names {
  const keys = toKeys(given);
  const tails = new Map<number, string[]>();
  for (const name of keys.texts) remember(tails, tailOf(name), () => []).push(name);
  return { ...keys, tails, tailSieve: sieveOf(tails.keys()) };
}

/**
 * A Bloom filter of the words and paths in one file. It answers most searches without reading the file again, with 32 KiB a
 * file; the strings of all programs of a compiler would fill the memory.
 */
export interface WordFilter {
  readonly bits: Uint8Array;
}

const FILTER_BITS = 18;

export function openWordFilter(): WordFilter {
  return { bits: new Uint8Array(1 << (FILTER_BITS - 3)) };
}

/** The texts that the file may contain; it does not contain the others. */
export function possibleIn({ bits }: WordFilter, { texts, hashes }: Keys): readonly string[] {
  return [...texts].filter((_, index) => {
    const bit = bitOf(hashes[index] ?? 0);
    return ((bits[bit >>> 3] ?? 0) & (1 << (bit & 7))) !== 0;
  });
}

function mark({ bits }: WordFilter, hash: number): void {
  const bit = bitOf(hash);
  bits[bit >>> 3] = (bits[bit >>> 3] ?? 0) | (1 << (bit & 7));
}

function bitOf(hash: number): number {
  return Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d) >>> (32 - FILTER_BITS);
}

/**
 * The names that a text contains as words, between characters that cannot be part of a file name: `ld` in
 * "exec /usr/bin/ld -r", but not in "-fuse-ld" or "ld.so". One pass for all names, which also fills a filter.
 */
export function findWords(text: Uint8Array, names: Names, filter?: WordFilter): ReadonlySet<string> {
  const found = new Set<string>();
  scanWords(text, { sieve: names.sieve, filter }, (start, end) => {
    const word = wordAt(text, start, end);
    if (names.texts.has(word)) found.add(word);
  });
  return found;
}

/**
 * The names that the strings of a compiled program contain in the place of a command: as a string, at the end of a path, or
 * first in a command line. "get ip hash peer" does not name ip(8).
 */
export function findInStrings(strings: Uint8Array, names: Names, filter?: WordFilter): ReadonlySet<string> {
  const found = new Set<string>();
  scanWords(strings, { sieve: names.sieve, tailSieve: names.tailSieve, filter }, (start, end) => {
    const word = wordAt(strings, start, end);
    if (names.texts.has(word) && isCommand(strings, start, end)) found.add(word);
    if (strings[end] !== 0 || end - start < 3) return;
    for (const name of names.tails.get(tailOf(word)) ?? []) if (isTail(word, name)) found.add(name);
  });
  return found;
}

/** The paths that the data contains as an absolute path or as the beginning of one. */
export function findPaths(data: Uint8Array, paths: Keys, filter?: WordFilter): ReadonlySet<string> {
  const found = new Set<string>();
  forEachPath(data, (start, end, hash) => {
    if (filter !== undefined) mark(filter, hash);
    if (paths.sieve[hash & LOW] === 0) return;
    const path = wordAt(data, start, end);
    if (paths.texts.has(path)) found.add(path);
  });
  return found;
}

// The linker stores "ld" as the end of "collect-ld" (SHF_MERGE and SHF_STRINGS, elf(5)). "splain" in "explain" is chance.
function isTail(word: string, name: string): boolean {
  return word.endsWith(name) && '-_.'.includes(word.charAt(word.length - name.length - 1));
}

// The last two characters as a number below 2^16, because names are latin1.
function tailOf(name: string): number {
  return ((name.charCodeAt(name.length - 2) || 0) << 8) | name.charCodeAt(name.length - 1);
}

const LOW = 0xffff;

function sieveOf(numbers: Iterable<number>): Uint8Array {
  const sieve = new Uint8Array(LOW + 1);
  for (const number of numbers) sieve[number & LOW] = 1;
  return sieve;
}

const bytesOf = (text: string): Uint8Array => {
  const table = new Uint8Array(256);
  for (const character of text) table[character.charCodeAt(0)] = 1;
  return table;
};
const BEFORE = bytesOf('\0\n/"\'`({;|&:,');
const BEFORE_BLANKS = bytesOf('\0\n{;|&');
const AFTER = bytesOf('\0\n \t"\'`)};|&<>');
const IS_JOINT = bytesOf('-_.');
const IN_WORD = bytesOf('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+-.');

function isCommand(strings: Uint8Array, start: number, end: number): boolean {
  if (AFTER[strings[end] ?? 0] === 0) return false;
  let at = start - 1;
  while (strings[at] === 0x20 || strings[at] === 9) at--;
  if (at === start - 1) return BEFORE[strings[at] ?? 0] === 1;
  // "exec gcc -shared": gcc replaces the shell
  if (at >= 3 && wordAt(strings, at - 3, at + 1) === 'exec') at -= 4;
  return BEFORE_BLANKS[strings[at] ?? 0] === 1;
}

type Use = (start: number, end: number, hash: number) => void;

const SLASH = 0x2f;
const DOT = 0x2e;
const PATH_MAX = 4096; // limits.h of Linux

/** Calls `use` with each absolute path, after each of its parent directories. */
function forEachPath(data: Uint8Array, use: Use): void {
  for (let start = data.indexOf(SLASH); start >= 0;) {
    let end = start + 1;
    while (end < data.length && (IN_WORD[data[end] ?? 0] === 1 || data[end] === SLASH)) end++;
    const isAbsolute = IN_WORD[data[start - 1] ?? 0] !== 1;
    if (isAbsolute && end - start <= PATH_MAX) forEachPrefix(data, start, end, use);
    start = data.indexOf(SLASH, end);
  }
}

function forEachPrefix(data: Uint8Array, start: number, end: number, use: Use): void {
  let [hash, before] = [0, 0];
  for (let at = start; at < end; at++) {
    if (data[at] === SLASH && at > start) use(start, at, hash);
    before = hash;
    hash = (Math.imul(hash, 31) + (data[at] ?? 0)) | 0;
  }
  use(start, end, hash);
  // a dot may end a sentence
  if (data[end - 1] === DOT) use(start, end - 1, before);
}

interface Scan {
  readonly sieve: Uint8Array;
  /** For the strings of a program: the ends of strings count too, see isTail(). */
  readonly tailSieve?: Uint8Array;
  readonly filter?: WordFilter | undefined;
}

/** Calls `use` with each word that may be wanted. One loop for all searches, so that V8 optimizes it once. */
function scanWords(
  data: Uint8Array,
  { sieve, tailSieve, filter }: Scan,
  use: (start: number, end: number) => void,
): void {
  let [hash, start] = [0, -1];
  for (let at = 0; at <= data.length; at++) {
    const byte = at < data.length ? (data[at] as number) : 0;
    // a dot belongs to a word only if a word character follows
    if (IN_WORD[byte] === 1 && (byte !== DOT || IN_WORD[data[at + 1] ?? 0] === 1)) {
      if (start < 0) [hash, start] = [0, at];
      hash = (Math.imul(hash, 31) + byte) | 0;
    } else if (start >= 0) {
      if (filter !== undefined) mark(filter, hash);
      let isWanted = sieve[hash & LOW] === 1;
      if (tailSieve !== undefined && byte === 0 && at - start >= 3) {
        if (filter !== undefined) markTails(data, start, at, filter);
        isWanted ||= tailSieve[((data[at - 2] ?? 0) << 8) | (data[at - 1] ?? 0)] === 1;
      }
      if (isWanted) use(start, at);
      start = -1;
    }
  }
}

/** Marks every name that isTail() accepts. */
function markTails(data: Uint8Array, start: number, end: number, filter: WordFilter): void {
  for (let at = start; at < end - 1; at++)
    if (IS_JOINT[data[at] ?? 0] === 1) mark(filter, hashOfBytes(data, at + 1, end));
}

function hashOf(text: string): number {
  let hash = 0;
  for (let at = 0; at < text.length; at++) hash = (Math.imul(hash, 31) + text.charCodeAt(at)) | 0;
  return hash;
}

function hashOfBytes(data: Uint8Array, start: number, end: number): number {
  let hash = 0;
  for (let at = start; at < end; at++) hash = (Math.imul(hash, 31) + (data[at] ?? 0)) | 0;
  return hash;
}

function wordAt(data: Uint8Array, start: number, end: number): string {
  return Buffer.from(data.buffer, data.byteOffset + start, end - start).toString('latin1');
}
