// Checks of a file of rules as a text, of its owner and mode, and of the files of patterns that it names.

import { existsSync, statSync } from 'node:fs';

import { readFileText } from '../file/host-files.ts';
import { parseHost } from '../parse/pattern-list.ts';
import { show } from '../text/latin1.ts';
import { CATALOG, type Tell } from './catalog.ts';
import type { Checked } from './checked.ts';
import { checkHost, checkLine, checkWords } from './line-checks.ts';

/** Checks owner and mode of a file; its path has one byte a character. */
export function checkFile(path: string, tell: Tell): void {
  const bytes = Buffer.from(path, 'latin1');
  const status = existsSync(bytes) ? statSync(bytes) : undefined;
  if (status?.isFile() !== true) return;
  if ((status.mode & 0o002) !== 0)
    tell('world-writable', 0, 'any user may write it', `chmod o-w ${show(path)}`);
  if (status.uid !== 0)
    tell('file-owner', 0, `its owner is uid ${status.uid}, not root`, `chown root ${show(path)}`);
}

/** Findings about the words of one file of patterns. */
const MAX_WORDS_TOLD = 100;

// Checks the words of a file as words of a client list.
function checkPatterns(shown: string, text: string, tell: Tell): void {
  let told = 0;
  for (const [index, line] of text.split('\n').entries())
    for (const [word] of line.matchAll(/[^ \t-\r\0]+/g)) {
      // a file that is named here is checked with the rule, if it is broken
      if (word.startsWith('/') || word.startsWith('#')) continue;
      const tellWord: Tell = (rule, at, message, remedy) => {
        if (told++ < MAX_WORDS_TOLD)
          tell(rule, at, `${shown}, line ${index + 1}, ${show(word)}: ${message}`, remedy);
      };
      const pattern = parseHost(word, (path) => ({ path, patterns: [] }));
      if (pattern.kind === 'never')
        tellWord(`never-matches-${pattern.why}`, 0, CATALOG[`never-matches-${pattern.why}`].summary);
      checkHost(pattern, word, 0, tellWord);
    }
}

// Checks a file of patterns that a rule names.
function checkPatternFile(path: string, tell: Tell): void {
  const shown = show(path);
  const found = readFileText(Buffer.from(path, 'latin1'));
  if (found.kind === 'absent') tell('pattern-file-missing', 0, `${shown} does not exist; it matches nobody`);
  if (found.kind !== 'text') return;
  checkFile(path, (rule, at, message, remedy) => tell(rule, at, `${shown}: ${message}`, remedy));
  checkPatterns(shown, found.text, tell);
  const comment = found.text.split('\n').findIndex((line) => /(?:^|\s)#/.test(line));
  if (comment >= 0) tell('pattern-file-comment', 0, `${shown}, line ${comment + 1}: the # begins no comment`);
}

/** Runs all checks that need only the text of the file and its files of patterns. */
export function checkText(checked: Checked): void {
  checked.addRead();
  for (const line of checked.lines) checkLine(line, checked.tellIn(line));
  const [first = '', ...ends] = checked.text.split('\r\n');
  if (ends.length > 0)
    checked.add('crlf', { line: first.split('\n').length }, `${ends.length} lines end in CR LF`);
  for (const rule of checked.rules) {
    const tell = checked.tellIn(rule);
    checkWords(rule, tell);
    for (const { at, host } of [...rule.daemons.flat(), ...rule.clients.flat()])
      if (host?.kind === 'file')
        checkPatternFile(host.file.path, (rule, _, message, remedy) => tell(rule, at, message, remedy));
  }
}
