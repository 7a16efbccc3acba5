// Looks for texts in programs: of what a program opens, the path that is compiled in may be the only sign.

import { remember } from '../../binary/files.ts';
import { type BytePath, toLatin1 } from '../../binary/path.ts';
import type { ReadStrings, Strings } from '../dpkg/sections.ts';

export interface Texts {
  /** The first of the programs in which one of the texts stands. Only those handed to openTexts are known. */
  mentioned(programs: readonly BytePath[], texts: readonly string[]): BytePath | undefined;
  /** What a pattern with the flag `g` matches in the strings of a file, each once. */
  match(path: BytePath, pattern: RegExp): readonly BytePath[];
}

/** Each program is searched once, for all texts that any pack waits for. */
export function openTexts(readStrings: ReadStrings, all: ReadonlySet<string>): Texts {
  const known = new Map<BytePath, ReadonlySet<string>>();
  const matches = new Map<RegExp, Map<BytePath, readonly BytePath[]>>();

  function textsIn(path: BytePath): ReadonlySet<string> {
    const before = known.get(path);
    if (before !== undefined) return before;
    const parts = buffersOf(readStrings(path));
    const found = new Set([...all].filter((text) => parts.some((part) => part.includes(text, 0, 'latin1'))));
    known.set(path, found);
    return found;
  }

  return {
    mentioned: (programs, texts) =>
      programs.find((path) => {
        const found = textsIn(path);
        return texts.some((text) => found.has(text));
      }),
    match: (path, pattern) =>
      remember(
        remember(matches, pattern, () => new Map<BytePath, readonly BytePath[]>()),
        path,
        () => {
          const parts = buffersOf(readStrings(path)).map(toLatin1);
          return [
            ...new Set(
              parts.flatMap((part) => Array.from(part.matchAll(pattern), ([text]) => text as BytePath)),
            ),
          ];
        },
      ),
  };
}

function buffersOf({ parts }: Strings): readonly Buffer[] {
  return parts.map((part) => Buffer.from(part.buffer, part.byteOffset, part.byteLength));
}
