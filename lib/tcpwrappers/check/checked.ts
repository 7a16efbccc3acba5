// A file that is being checked, and its findings.

import { CappedList } from '../../findings/capped-list.ts';
import type { DescribedFinding } from '../../findings/finding-severity.ts';
import { readFileText } from '../file/host-files.ts';
import { type Line, placeIn, readLines } from '../parse/logical-line.ts';
import type { Rule, Table } from '../rule/rule-table.ts';
import { toUtf8 } from '../text/latin1.ts';
import { CATALOG, type RuleId, type Tell } from './catalog.ts';
import { findBareAddress } from './line-checks.ts';

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
      if (!line.text.startsWith('#') && findBareAddress(line.text) !== undefined) this.#cut.add(line.line);
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
      // a # behind an option was meant as a comment
      const at = line === undefined ? '' : (this.text.split('\n', line)[line - 1] ?? '');
      const isComment = code.endsWith('-allowed') && /^\w+\s+#/.test(at.slice((column ?? 1) - 1));
      this.add(isComment ? 'trailing-comment' : (code as RuleId), { line, column }, message, hint);
    }
  }
}
