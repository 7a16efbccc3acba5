// A file that is being checked, and its findings.

import { readFileText } from '../file/host-files.ts';
import { type Line, placeIn, readLines } from '../parse/logical-line.ts';
import type { Finding as ReadFinding } from '../rule/finding.ts';
import type { Rule, Table } from '../rule/rule-table.ts';
import { toUtf8 } from '../text/latin1.ts';
import { CATALOG, type RuleId, type Severity, type Told } from './catalog.ts';
import { findBareAddress } from './line-checks.ts';

/** A problem, its place and its remedy. */
export interface CheckFinding {
  readonly rule: RuleId;
  readonly severity: Severity;
  readonly file: string;
  /** From 1; undefined for the file as a whole. */
  readonly line: number | undefined;
  /** In bytes, from 1. */
  readonly column: number | undefined;
  readonly message: string;
  readonly remedy: string;
}

interface Place {
  readonly line: number;
  readonly column: number;
}

/** Findings of one rule in one file. */
const MAX_FINDINGS = 1000;

export class Checked {
  readonly table: Table;
  readonly text: string;
  readonly #counts = new Map<RuleId, number>();
  readonly #lines = new Map<number, Line>();
  // joined lines, by each of their physical lines
  readonly #joined = new Map<number, number>();
  readonly findings: CheckFinding[] = [];
  /** Lines that are cut in a wrong place: other findings about them would be noise. */
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
  }

  isCut(line: number | undefined): boolean {
    return line !== undefined && this.#cut.has(line);
  }

  /** The rules that are not cut in a wrong place. */
  rules(): readonly Rule[] {
    return this.table.rules.filter(({ line }) => !this.#cut.has(line));
  }

  /** The number of the logical line that contains a physical line. */
  lineOf(physical: number): number {
    return this.#joined.get(physical) ?? physical;
  }

  lines(): Iterable<Line> {
    return this.#lines.values();
  }

  tell(number: number | undefined, { rule, at, message, remedy }: Told): void {
    const line = number === undefined ? undefined : this.#lines.get(number);
    this.add(rule, line === undefined ? undefined : placeIn(line, at), message, remedy);
  }

  /** After a thousand findings of one rule, adds one that says that there are more. */
  add(rule: RuleId, place: Partial<Place> | undefined, message: string, remedy: string | undefined): void {
    const count = (this.#counts.get(rule) ?? 0) + 1;
    this.#counts.set(rule, count);
    if (count > MAX_FINDINGS + 1) return;
    if (count === MAX_FINDINGS + 1) {
      this.add('too-many-findings', undefined, `more than ${MAX_FINDINGS} findings of ${rule}`, undefined);
      return;
    }
    const { severity, remedy: usual } = CATALOG[rule];
    const file = toUtf8(this.table.file);
    const { line, column } = place ?? {};
    this.findings.push({ rule, severity, file, line, column, message, remedy: remedy ?? usual });
  }
}

function isRule(code: string): code is RuleId {
  return Object.hasOwn(CATALOG, code);
}

/** Adds a finding of the parser. */
export function addRead(checked: Checked, { code, line, column, message, hint }: ReadFinding): void {
  // word-checks.ts reports netgroups, whether they can be looked up here or not
  if (code === 'netgroup-unsupported') return;
  if (!isRule(code)) throw new Error(`the parser tells of ${code}, which is no rule`);
  // a # behind an option was meant as a comment
  const at = line === undefined ? '' : (checked.text.split('\n', line)[line - 1] ?? '');
  const isComment = code.endsWith('-allowed') && /^\w+\s+#/.test(at.slice((column ?? 1) - 1));
  const rule = isComment ? 'trailing-comment' : code;
  checked.add(rule, { line, column } as Partial<Place>, message, hint);
}
