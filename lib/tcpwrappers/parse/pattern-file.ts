// Files of patterns: the words behind a `/file` in a list.

import { memoize } from '../../values/remember.ts';
import type { HostPattern, PatternFile } from '../rule/pattern.ts';
import { show } from '../text/latin1.ts';
import type { FileText } from './logical-line.ts';
import { parseHost } from './pattern-list.ts';

/** libwrap has room for this many bytes; a longer word overwrites its stack. */
const MAX_WORD_BYTES = 8191;
/** How deep files may name each other; libwrap overflows its stack at about twice that. */
const MAX_DEPTH = 500;
/** Words of all files together. */
const MAX_WORDS = 4_000_000;

interface Words {
  readonly words: readonly string[];
  readonly broken?: string;
  readonly unreadable?: string;
}

// Words are separated by white space, as by %s of fscanf(3): also by VT and FF, but not by commas. A NUL ends a word.
function readWords(path: string, file: FileText, room: number): Words {
  const shown = show(path);
  if (file.kind === 'absent') return { words: [] };
  if (file.kind === 'directory') return { words: [], unreadable: `${shown} is a directory` };
  if (file.kind === 'special') return { words: [], unreadable: `${shown} is not a regular file` };
  if (file.kind === 'unreadable') return { words: [], unreadable: `${shown} cannot be read (${file.code})` };
  if (file.kind === 'large') return { words: [], broken: `${shown} is too large` };
  const words: string[] = [];
  for (const [word] of file.text.matchAll(/[^ \t-\r]+/g)) {
    if (word.length > MAX_WORD_BYTES)
      return { words, broken: `${shown} has a word of more than ${MAX_WORD_BYTES} bytes` };
    if (words.length >= room) return { words, broken: `${shown} has too many words` };
    words.push(word.replace(/\0.*/s, ''));
  }
  return { words };
}

const noFile = (path: string): PatternFile => ({ path, patterns: [] });

/** The words of the file behind a word that begins with a slash. */
export type OpenPatternFile = (path: string) => PatternFile;

/**
 * Opens files of patterns; each is read once. The words of a file that is named in another count as words of the first.
 * A file that leads back to itself ends there, as `broken`. All files together have at most `maxWords` words.
 */
export function openPatternFiles(read: (path: string) => FileText, maxWords = MAX_WORDS): OpenPatternFile {
  let room = maxWords;
  const wordsOf = memoize((path: string): Words => {
    const words = readWords(path, read(path), room);
    room -= words.words.length;
    return words;
  });
  return memoize((top) => {
    const patterns: HostPattern[] = [];
    const seen = new Set([top]);
    const own = wordsOf(top);
    const levels = [{ path: top, read: own, next: 0 }];
    let broken: string | undefined;
    let doubtful: string | undefined;
    for (let level = levels.at(-1); level !== undefined && broken === undefined; level = levels.at(-1)) {
      const word = level.read.words[level.next++];
      if (word === undefined) {
        broken = level.read.broken;
        levels.pop();
      } else if (!word.startsWith('/')) {
        const pattern = parseHost(word, noFile);
        patterns.push(pattern);
        if (pattern.kind === 'doubtful') doubtful ??= `"${show(word)}" in ${show(level.path)}`;
      } else if (!seen.has(word)) {
        if (levels.length === MAX_DEPTH) broken = `${show(word)} is named too deep`;
        seen.add(word);
        levels.push({ path: word, read: wordsOf(word), next: 0 });
      } else if (levels.some(({ path }) => path === word)) broken = `${show(word)} leads back to itself`;
    }
    return { path: top, patterns, broken, doubtful, unreadable: own.unreadable };
  });
}
