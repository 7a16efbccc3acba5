// Checks of a file of rules as a text, of its owner and mode, and of the files of patterns that it names.

import { existsSync, statSync } from 'node:fs';

import { readFileText } from '../file/host-files.ts';
import { parseHost } from '../parse/pattern-list.ts';
import type { PatternFile } from '../rule/pattern.ts';
import type { Rule } from '../rule/rule-table.ts';
import { show } from '../text/latin1.ts';
import { CATALOG, type RuleId, type Told } from './catalog.ts';
import { addRead, type Checked } from './checked.ts';
import { tellLine } from './line-checks.ts';
import { tellHost, tellWords } from './word-checks.ts';

/** A finding about a whole file. */
export interface FileTold {
  readonly rule: RuleId;
  readonly message: string;
  readonly remedy: string;
}

/** Checks owner and mode of a file; its path has one byte a character. */
export function tellFile(path: string): readonly FileTold[] {
  const bytes = Buffer.from(path, 'latin1');
  const status = existsSync(bytes) ? statSync(bytes) : undefined;
  if (status?.isFile() !== true) return [];
  const shown = show(path);
  const told: FileTold[] = [];
  if ((status.mode & 0o002) !== 0)
    told.push({ rule: 'world-writable', message: 'anybody may write it', remedy: `chmod o-w ${shown}` });
  if (status.uid !== 0)
    told.push({
      rule: 'file-owner',
      message: `uid ${status.uid} owns it, and not root`,
      remedy: `chown root ${shown}`,
    });
  return told;
}

/** The files of patterns that a rule names, and the index of each name. */
function patternFiles({ daemons, clients }: Rule): readonly (readonly [number, PatternFile])[] {
  return [...daemons.flat(), ...clients.flat()].flatMap(({ at, host }) =>
    host?.kind === 'file' ? [[at, host.file] as const] : [],
  );
}

/** Findings about the words of one file of patterns. */
const MAX_WORDS_TOLD = 100;

// Checks the words of a file as words of a client list.
function* tellPatterns(at: number, shown: string, text: string): Generator<Told, void> {
  let told = 0;
  for (const [index, line] of text.split('\n').entries())
    for (const [word] of line.matchAll(/[^ \t-\r\0]+/g)) {
      // a file that is named here is checked with the rule, if it is broken
      if (word.startsWith('/') || word.startsWith('#')) continue;
      for (const one of tellWord(word, at)) {
        if (++told > MAX_WORDS_TOLD) return;
        yield { ...one, message: `${shown}, line ${index + 1}, ${show(word)}: ${one.message}` };
      }
    }
}

function* tellWord(word: string, at: number): Generator<Told, void> {
  const pattern = parseHost(word, (path) => ({ path, patterns: [] }));
  if (pattern.kind === 'never')
    yield {
      rule: `never-matches-${pattern.why}`,
      at,
      message: CATALOG[`never-matches-${pattern.why}`].summary,
    };
  yield* tellHost(pattern, word, at);
}

/** Checks a file of patterns that is named at an index of a rule. */
function* tellPatternFile(at: number, { path }: PatternFile): Generator<Told, void> {
  const shown = show(path);
  const found = readFileText(Buffer.from(path, 'latin1'));
  if (found.kind === 'absent')
    yield { rule: 'pattern-file-missing', at, message: `${shown} is not there; it matches nobody` };
  if (found.kind !== 'text') return;
  for (const { rule, message, remedy } of tellFile(path))
    yield { rule, at, message: `${shown}: ${message}`, remedy };
  yield* tellPatterns(at, shown, found.text);
  const comment = found.text.split('\n').findIndex((line) => /(?:^|\s)#/.test(line));
  if (comment >= 0)
    yield {
      rule: 'pattern-file-comment',
      at,
      message: `${shown}, line ${comment + 1}: no comment begins at the #`,
    };
}

function tellEnds(checked: Checked): void {
  const { text } = checked;
  const ends = text.match(/\r\n/g)?.length ?? 0;
  if (ends === 0) return;
  const line = text.slice(0, text.indexOf('\r\n')).split('\n').length;
  checked.add('crlf', { line }, `${ends} of its lines end in CR LF`, undefined);
}

/** Runs all checks that need only the text of the file and its files of patterns. */
export function checkText(checked: Checked): void {
  for (const found of checked.table.findings) if (!checked.isCut(found.line)) addRead(checked, found);
  for (const line of checked.lines()) for (const told of tellLine(line)) checked.tell(line.line, told);
  tellEnds(checked);
  for (const rule of checked.rules()) {
    for (const told of tellWords(rule)) checked.tell(rule.line, told);
    for (const [at, file] of patternFiles(rule))
      for (const told of tellPatternFile(at, file)) checked.tell(rule.line, told);
  }
}
