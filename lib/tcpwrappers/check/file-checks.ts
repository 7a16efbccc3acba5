// Checks of a file of rules as a text, of its owner and mode, and of the files of patterns that it names.

import { existsSync, statSync } from 'node:fs';

import { readFileText } from '../file/host-files.ts';
import { parseHost } from '../parse/pattern-list.ts';
import type { PatternFile } from '../rule/pattern.ts';
import { show } from '../text/latin1.ts';
import { CATALOG, finding, type Told } from './catalog.ts';
import { addRead, type Checked } from './checked.ts';
import { tellLine } from './line-checks.ts';
import { tellHost, tellWords } from './word-checks.ts';

/** Checks owner and mode of a file; its path has one byte a character. */
export function* tellFile(path: string): Generator<Told, void> {
  const bytes = Buffer.from(path, 'latin1');
  const status = existsSync(bytes) ? statSync(bytes) : undefined;
  if (status?.isFile() !== true) return;
  if ((status.mode & 0o002) !== 0)
    yield finding('world-writable', 0, 'any user may write it', `chmod o-w ${show(path)}`);
  if (status.uid !== 0)
    yield finding('file-owner', 0, `its owner is uid ${status.uid}, not root`, `chown root ${show(path)}`);
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
    yield finding(`never-matches-${pattern.why}`, at, CATALOG[`never-matches-${pattern.why}`].summary);
  yield* tellHost(pattern, word, at);
}

/** Checks a file of patterns that is named at an index of a rule. */
function* tellPatternFile(at: number, { path }: PatternFile): Generator<Told, void> {
  const shown = show(path);
  const found = readFileText(Buffer.from(path, 'latin1'));
  if (found.kind === 'absent')
    yield finding('pattern-file-missing', at, `${shown} does not exist; it matches nobody`);
  if (found.kind !== 'text') return;
  for (const told of tellFile(path)) yield { ...told, at, message: `${shown}: ${told.message}` };
  yield* tellPatterns(at, shown, found.text);
  const comment = found.text.split('\n').findIndex((line) => /(?:^|\s)#/.test(line));
  if (comment >= 0)
    yield finding('pattern-file-comment', at, `${shown}, line ${comment + 1}: the # begins no comment`);
}

function tellEnds(checked: Checked): void {
  const [first, ...ends] = checked.text.split('\r\n');
  if (first === undefined || ends.length === 0) return;
  checked.add('crlf', { line: first.split('\n').length }, `${ends.length} lines end in CR LF`, undefined);
}

/** Runs all checks that need only the text of the file and its files of patterns. */
export function checkText(checked: Checked): void {
  for (const found of checked.table.findings) if (!checked.isCut(found.line)) addRead(checked, found);
  for (const line of checked.lines()) for (const told of tellLine(line)) checked.tell(line.line, told);
  tellEnds(checked);
  for (const rule of checked.rules()) {
    for (const told of tellWords(rule)) checked.tell(rule.line, told);
    for (const { at, host } of [...rule.daemons.flat(), ...rule.clients.flat()])
      if (host?.kind === 'file')
        for (const told of tellPatternFile(at, host.file)) checked.tell(rule.line, told);
  }
}
