// Looks for texts in programs: of what a program opens, the path that is compiled in may be the only sign.

import { remember } from '../../binary/files.ts';
import { type BytePath, toLatin1 } from '../../binary/path.ts';
import type { FileRoot } from '../../binary/root.ts';
import { readStrings } from '../dpkg/sections.ts';

export interface Texts {
  /** The first of the programs in which one of the texts stands. Only those handed to openTexts are known. */
  mentioned(programs: readonly BytePath[], texts: readonly string[]): BytePath | undefined;
  /** What a pattern with the flag `g` matches in the strings of a file, each once. */
  match(path: BytePath, pattern: RegExp): readonly BytePath[];
}

/** Each program is searched once, for all texts that any pack waits for. */
export function openTexts(root: FileRoot, all: ReadonlySet<string>): Texts {
  const known = new Map<BytePath, ReadonlySet<string>>();
  const matches = new Map<string, readonly BytePath[]>();

  function textsIn(path: BytePath): ReadonlySet<string> {
    const before = known.get(path);
    if (before !== undefined) return before;
    const parts = stringsOf(root, path);
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
      remember(matches, `${path}\0${pattern.source}`, () => {
        const parts = stringsOf(root, path).map(toLatin1);
        return [
          ...new Set(
            parts.flatMap((part) => Array.from(part.matchAll(pattern), ([text]) => text as BytePath)),
          ),
        ];
      }),
  };
}

function stringsOf(root: FileRoot, path: BytePath): readonly Buffer[] {
  try {
    const file = root.open(path);
    if (file === undefined) return [];
    try {
      const parts = readStrings(file.read, file.status.sizeBytes)?.parts ?? [];
      return parts.map((part) => Buffer.from(part.buffer, part.byteOffset, part.byteLength));
    } finally {
      file.close();
    }
  } catch {
    return []; // it will be told when it is copied
  }
}
