// The daemon list and the client list of a rule: words, EXCEPT, user@host, daemon@host.

import type { ClientPattern, DaemonPattern, PatternFile, PatternList } from '../rule/pattern.ts';
import { parseText } from '../rule/text-pattern.ts';
import { findOutside } from '../text/field.ts';
import { scanUnsigned } from '../text/number.ts';
import { parseHost } from './host.ts';

type OpenFile = (path: string) => PatternFile;

// What stands between blanks, commas, CR and LF. VT and FF are part of a word.
function parseList<Pattern>(
  line: string,
  begin: number,
  end: number,
  parseWord: (word: string, at: number) => Pattern,
): PatternList<Pattern> {
  const parts: Pattern[][] = [[]];
  for (const found of line.slice(begin, end).matchAll(/[^, \t\r\n]+/g)) {
    const word = found[0];
    if (word.length === 6 && word.toUpperCase() === 'EXCEPT') parts.push([]);
    else parts.at(-1)?.push(parseWord(word, begin + found.index));
  }
  return parts;
}

// Where `word` is cut in two. Never before the second character: "@group" is one word.
function findAt(word: string): number {
  return word.length < 2 ? -1 : findOutside(word, '@', 1);
}

function parseDaemonName(word: string): DaemonPattern['daemon'] {
  const port = scanUnsigned(word, 10);
  return port !== undefined && port <= 65535 ? { kind: 'port', port } : parseText(word);
}

function parseDaemon(word: string, at: number, openFile: OpenFile): DaemonPattern {
  const cut = findAt(word);
  if (cut < 0) return { at, daemon: parseDaemonName(word) };
  return { at, daemon: parseDaemonName(word.slice(0, cut)), host: parseHost(word.slice(cut + 1), openFile) };
}

function parseClient(word: string, at: number, openFile: OpenFile): ClientPattern {
  const cut = findAt(word);
  if (cut < 0) return { at, host: parseHost(word, openFile) };
  return { at, host: parseHost(word.slice(cut + 1), openFile), user: parseText(word.slice(0, cut)) };
}

/** Reads the part of a line from `begin` to `end` as a list of daemons; places are counted in the line. */
export function parseDaemons(
  line: string,
  begin: number,
  end: number,
  openFile: OpenFile,
): PatternList<DaemonPattern> {
  return parseList(line, begin, end, (word, at) => parseDaemon(word, at, openFile));
}

/** Reads the part of a line from `begin` to `end` as a list of clients. */
export function parseClients(
  line: string,
  begin: number,
  end: number,
  openFile: OpenFile,
): PatternList<ClientPattern> {
  return parseList(line, begin, end, (word, at) => parseClient(word, at, openFile));
}
