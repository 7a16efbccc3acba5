// Finds names and paths of programs in the text and strings of other programs. The search is native/files/wantedtexts.cc.

import type { BytePath } from '../../tree/path.ts';
import { pathBytes } from '../../tree/path.ts';
import { type FindTexts, native } from '../../native.ts';

/** The wanted texts, prepared once for all searched files. */
export interface Keys {
  readonly texts: ReadonlySet<string>;
  /**
   * The texts that the data contains, in one pass for all.
   * - `words`: as words, between characters that cannot be part of a file name: `ld` in "exec /usr/bin/ld -r", but not in
   *   "-fuse-ld" or "ld.so".
   * - `commands`: in the strings of a compiled program, in the place of a command: as a string, at the end of a path, or first in a
   *   command line. "get ip hash peer" does not name ip(8). The linker stores "ld" as the end of "collect-ld", so the end of a
   *   string counts too.
   * - `ends`: texts of two characters and more with which strings end. Of several at one end only the longest counts there.
   * - `paths`: as an absolute path or as the beginning of one.
   */
  readonly find: (...search: Parameters<FindTexts>) => readonly string[];
}

export interface Wanted {
  readonly names: Keys;
  readonly paths: Keys;
}

export function toKeys(given: Iterable<string>): Keys {
  const texts = new Set(given);
  const list = [...texts];
  const find = native.openTexts(pathBytes(list.map((text) => `${text}\0`).join('') as BytePath));
  return { texts, find: (...search) => find(...search).map((index) => list[index] ?? '') };
}
