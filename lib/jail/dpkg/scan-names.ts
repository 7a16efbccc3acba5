// Finds names and paths of programs in the text and strings of other programs. The search is native/files/wantedtexts.cc.

import type { BytePath } from '../../tree/path.ts';
import { pathBytes } from '../../tree/path.ts';
import { type FindTexts, native } from '../../native.ts';

/** The wanted texts, prepared once for all searched files. */
export interface Keys {
  readonly texts: ReadonlySet<string>;
  readonly find: (...search: Parameters<FindTexts>) => readonly string[];
}

export interface Wanted {
  readonly names: Keys;
  readonly paths: Keys;
}

export function toWanted(names: Iterable<string>, paths: Iterable<string>): Wanted {
  return { names: toKeys(names), paths: toKeys(paths) };
}

export function toKeys(given: Iterable<string>): Keys {
  const texts = new Set(given);
  const list = [...texts];
  const find = native.openTexts(pathBytes(list.map((text) => `${text}\0`).join('') as BytePath));
  return { texts, find: (...search) => find(...search).map((index) => list[index] ?? '') };
}

/**
 * The names that a text contains as words, between characters that cannot be part of a file name: `ld` in
 * "exec /usr/bin/ld -r", but not in "-fuse-ld" or "ld.so". One pass for all names.
 */
export function findWords(text: Uint8Array, names: Keys): readonly string[] {
  return names.find('words', text);
}

/**
 * The names that the strings of a compiled program contain in the place of a command: as a string, at the end of a path, or
 * first in a command line. "get ip hash peer" does not name ip(8). The end of a string counts too: the linker stores "ld" as the
 * end of "collect-ld".
 */
export function findInStrings(strings: Uint8Array, names: Keys): readonly string[] {
  return names.find('commands', strings);
}

/** The names, of two characters and more, with which strings end. Of several at one end only the longest counts there. */
export function findAtEnd(strings: Uint8Array, names: Keys): readonly string[] {
  return names.find('ends', strings);
}

/** The paths that the data contains as an absolute path or as the beginning of one. */
export function findPaths(data: Uint8Array, paths: Keys): readonly string[] {
  return paths.find('paths', data);
}
