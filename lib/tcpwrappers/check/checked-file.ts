// A file that is being checked, and its findings.

import { existsSync, statSync } from 'node:fs';

import { CappedList } from '../../findings/capped-list.ts';
import type { DescribedFinding } from '../../findings/finding-severity.ts';
import { shellWord, stripReturns } from '../../words/shell-word.ts';
import { readFileText } from '../file/host-files.ts';
import { type Line, placeIn, readLines } from '../parse/logical-line.ts';
import { parseHost } from '../parse/pattern-list.ts';
import type { Rule, Table } from '../rule/rule-table.ts';
import { show, toUtf8 } from '../text/latin1.ts';
import { CATALOG, type RuleId, type Tell } from './catalog.ts';
import { findPort } from './foreign-words.ts';
import { checkHost, checkLine, checkWords, findBareAddress } from './line-checks.ts';

/** A problem, its place and its remedy. */
export interface CheckFinding extends DescribedFinding<RuleId> {
  readonly file: string;
  /** From 1; undefined for the file as a whole. */
  readonly line: number | undefined;
  /** In bytes, from 1. */
  readonly column: number | undefined;
}

/** Findings of one rule in one file. */
const MAX_FINDINGS = 1000;

export class Checked {
  readonly table: Table;
  readonly text: string;
  /** The rules that are not cut in a wrong place: other findings about those would be noise. */
  readonly rules: readonly Rule[];
  readonly #lines = new Map<number, Line>();
  // joined lines, by each of their physical lines
  readonly #joined = new Map<number, number>();
  readonly #findings = new CappedList<CheckFinding>(MAX_FINDINGS);
  readonly #cut = new Set<number>();

  constructor(table: Table) {
    this.table = table;
    const found = readFileText(Buffer.from(table.file, 'latin1'));
    this.text = found.kind === 'text' ? found.text : '';
    for (const line of readLines(this.text)) {
      this.#lines.set(line.line, line);
      for (const piece of line.pieces ?? []) this.#joined.set(piece.line, line.line);
      const isCut = [findBareAddress, findPort].some((find) => find(line.text) !== undefined);
      if (!line.text.startsWith('#') && isCut) this.#cut.add(line.line);
    }
    this.rules = table.rules.filter(({ line }) => !this.#cut.has(line));
  }

  /** The number of the logical line that contains a physical line. */
  lineOf(physical: number): number {
    return this.#joined.get(physical) ?? physical;
  }

  get lines(): Iterable<Line> {
    return this.#lines.values();
  }

  /** Reports findings in a logical line. */
  tellIn({ line }: Pick<Line, 'line'>): Tell {
    const read = this.#lines.get(line);
    return (rule, at, message, remedy) => this.add(rule, read && placeIn(read, at), message, remedy);
  }

  /** In the order in which they came. */
  get findings(): readonly CheckFinding[] {
    return this.#findings.items;
  }

  /** The first finding above the limit is replaced by one that says that there are more. */
  add(
    rule: RuleId,
    { line, column }: { readonly line?: number | undefined; readonly column?: number | undefined } = {},
    message: string,
    remedy?: string,
  ): void {
    const { severity, remedy: usual } = CATALOG[rule];
    const file = toUtf8(this.table.file);
    const finding = { rule, severity, file, line, column, message, remedy: remedy ?? usual };
    if (this.#findings.add(rule, finding) === MAX_FINDINGS + 1)
      this.add('too-many-findings', {}, `more than ${MAX_FINDINGS} findings of ${rule}`);
  }

  /** Adds the findings of the parser. */
  addRead(): void {
    for (const { code, line, column, message, hint } of this.table.findings) {
      // word checks report netgroups, whether they can be looked up here or not
      if ((line !== undefined && this.#cut.has(line)) || code === 'netgroup-unsupported') continue;
      if (!Object.hasOwn(CATALOG, code)) throw new Error(`the parser tells of ${code}, which is no rule`);
      const at = line === undefined ? '' : (this.text.split('\n', line)[line - 1] ?? '');
      // a # behind an option was meant as a comment
      const isComment = code.endsWith('-allowed') && /^\w+\s+#/.test(at.slice((column ?? 1) - 1));
      this.add(isComment ? 'trailing-comment' : (code as RuleId), { line, column }, message, hint);
    }
  }
}

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
  const remedy = stripReturns(shellWord(checked.table.file));
  if (ends.length > 0)
    checked.add(
      'crlf',
      { line: first.split('\n').length },
      `lines that end in CR LF: ${ends.length}`,
      remedy,
    );
  for (const rule of checked.rules) {
    const tell = checked.tellIn(rule);
    checkWords(rule, tell);
    for (const { at, host } of [...rule.daemons.flat(), ...rule.clients.flat()])
      if (host?.kind === 'file')
        checkPatternFile(host.file.path, (rule, _, message, remedy) => tell(rule, at, message, remedy));
  }
}
