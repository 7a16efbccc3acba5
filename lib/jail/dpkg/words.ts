// Finds the names of programs in the text and the strings of other programs: what is started is named.

import { remember } from '../../binary/files.ts';

/**
 * Those of `names` that stand in a text as words, between characters that cannot be part of a file's name: `ld` in
 * "exec /usr/bin/ld -r" but not in "-fuse-ld" or "ld.so". In one pass, however many names there are.
 */
export function findWords(text: Uint8Array, names: ReadonlySet<string>): ReadonlySet<string> {
  const found = new Set<string>();
  if (names.size === 0) return found;
  const hashes = sieveOf([...names].map(hashOf));
  forEachWord(text, (start, end, hash) => {
    if (hashes[hash & LOW] === 0) return;
    const word = wordAt(text, start, end);
    if (names.has(word)) found.add(word);
  });
  return found;
}

/**
 * Those of `names` that stand in the strings of a compiled program where something to be run would stand: as a string, at
 * the end of a path, or first in a command line. "get ip hash peer" does not name ip(8).
 */
export function findInStrings(strings: Uint8Array, names: ReadonlySet<string>): ReadonlySet<string> {
  const found = new Set<string>();
  if (names.size === 0) return found;
  const hashes = sieveOf([...names].map(hashOf));
  const tails = new Map<number, string[]>();
  for (const name of names) remember(tails, tailOf(name), () => []).push(name);
  const endings = sieveOf(tails.keys());
  forEachWord(strings, (start, end, hash) => {
    if (hashes[hash & LOW] === 1 && isCommand(strings, start, end)) {
      const word = wordAt(strings, start, end);
      if (names.has(word)) found.add(word);
    }
    if (strings[end] !== 0 || end - start < 3) return;
    const tail = ((strings[end - 2] ?? 0) << 8) | (strings[end - 1] ?? 0);
    if (endings[tail] === 0) return;
    const ending = tails.get(tail) ?? [];
    const word = wordAt(strings, start, end);
    for (const name of ending) if (isTail(word, name)) found.add(name);
  });
  return found;
}

// The linker stores "ld" as the end of "collect-ld" (SHF_MERGE and SHF_STRINGS, elf(5)). But "splain" ends "explain".
function isTail(word: string, name: string): boolean {
  return word.endsWith(name) && '-_.'.includes(word.charAt(word.length - name.length - 1));
}

// Of a name in latin1, so that it is below 2^16.
function tailOf(name: string): number {
  return ((name.charCodeAt(name.length - 2) || 0) << 8) | name.charCodeAt(name.length - 1);
}

const LOW = 0xffff;

/** 1 at the low bits of each number. Millions of words are asked for, and nearly all of them end here. */
function sieveOf(numbers: Iterable<number>): Uint8Array {
  const sieve = new Uint8Array(LOW + 1);
  for (const number of numbers) sieve[number & LOW] = 1;
  return sieve;
}

const codes = (text: string): ReadonlySet<number> => new Set(Buffer.from(text));
const BEFORE = codes('\0\n/"\'`({;|&:,');
const BEFORE_BLANKS = codes('\0\n{;|&');
const AFTER = codes('\0\n \t"\'`)};|&<>');

function isCommand(strings: Uint8Array, start: number, end: number): boolean {
  if (!AFTER.has(strings[end] ?? 0)) return false;
  let at = start - 1;
  while (strings[at] === 0x20 || strings[at] === 9) at--;
  if (at === start - 1) return BEFORE.has(strings[at] ?? 0);
  // "exec gcc -shared": the shell is to be replaced
  if (at >= 3 && wordAt(strings, at - 3, at + 1) === 'exec') at -= 4;
  return BEFORE_BLANKS.has(strings[at] ?? 0);
}

/** Those of `paths` that stand in the data as an absolute path, or at the beginning of one. */
export function findPaths(data: Uint8Array, paths: ReadonlySet<string>): ReadonlySet<string> {
  const found = new Set<string>();
  if (paths.size === 0) return found;
  for (let start = data.indexOf(SLASH); start >= 0;) {
    let end = start + 1;
    while (end < data.length && (IN_WORD[data[end] ?? 0] === 1 || data[end] === SLASH)) end++;
    const isAbsolute = IN_WORD[data[start - 1] ?? 0] !== 1;
    if (isAbsolute && end - start <= PATH_MAX) addPrefixes(wordAt(data, start, end), paths, found);
    start = data.indexOf(SLASH, end);
  }
  return found;
}

const SLASH = 0x2f;
const PATH_MAX = 4096; // limits.h of Linux

function addPrefixes(path: string, paths: ReadonlySet<string>, found: Set<string>): void {
  for (let end = path.indexOf('/', 1); end >= 0; end = path.indexOf('/', end + 1)) {
    const prefix = path.slice(0, end);
    if (paths.has(prefix)) found.add(prefix);
  }
  if (paths.has(path)) found.add(path);
  const sentence = path.replace(/\.$/, '');
  if (paths.has(sentence)) found.add(sentence);
}

function forEachWord(data: Uint8Array, use: (start: number, end: number, hash: number) => void): void {
  let [hash, start] = [0, -1];
  for (let at = 0; at <= data.length; at++) {
    const byte = data[at] ?? 0;
    // a full stop ends a sentence unless something follows it
    if (IN_WORD[byte] === 1 && (byte !== DOT || IN_WORD[data[at + 1] ?? 0] === 1)) {
      if (start < 0) [hash, start] = [0, at];
      hash = (Math.imul(hash, 31) + byte) | 0;
    } else if (start >= 0) {
      use(start, at, hash);
      start = -1;
    }
  }
}

const DOT = 0x2e;
const IN_WORD = new Uint8Array(256);
for (const character of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+-.')
  IN_WORD[character.charCodeAt(0)] = 1;

function hashOf(text: string): number {
  let hash = 0;
  for (let at = 0; at < text.length; at++) hash = (Math.imul(hash, 31) + text.charCodeAt(at)) | 0;
  return hash;
}

function wordAt(data: Uint8Array, start: number, end: number): string {
  return Buffer.from(data.buffer, data.byteOffset + start, end - start).toString('latin1');
}
