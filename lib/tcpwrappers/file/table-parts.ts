// A file of rules in parts of some thousand lines. When the file changes, the parts that are still in it are not read again.

import { compileTable } from '../match/table-index.ts';
import { readLines } from '../parse/logical-line.ts';
import { MAX_WORDS, type ParseOptions, readTable, refuseWords } from '../parse/rule-file.ts';
import { addFinding, type Finding } from '../rule/finding.ts';
import type { Rule, Search, Table } from '../rule/rule-table.ts';
import { endsSlice, type Slices } from '../rule/slices.ts';

/** Lines of a part: one that has changed is read in some slices, and a decision asks all parts. */
const MOST_LINES = 8192;
/** The most bytes of a part, for each line that it may have: a line can have a thousand words. */
const BYTES_A_LINE = 64;
/** A part is looked for by so many bytes before the end of a line: where lines begin alike, their ends differ. */
const KEY_BYTES = 64;
/** So many times the bytes of the file are compared with parts that are not there. Then the rest is read: most lines may be the same. */
const MOST_COMPARED = 4;

/** Consecutive lines. Their numbers begin with 1 in each part, so that it can move. */
export interface Part {
  readonly text: string;
  readonly lines: number;
  readonly search: Search;
  /** Words in the lists of its rules. */
  readonly words: number;
  /** The same lines at another place, or in another version of the file, are the same rules. */
  readonly isLasting: boolean;
}

/** A file of rules that was read. */
export interface Parts {
  readonly parts: readonly Part[];
  readonly search: Search;
}

/** The lines of a part that is still to be read. */
interface Lines {
  readonly text: string;
  readonly lines: number;
  /** Whether the last line ends here: nothing that is appended can continue it. */
  readonly isClosed: boolean;
}

type FindPart = (at: number) => Part | undefined;

function keyAt(text: string, at: number): string {
  const newline = text.indexOf('\n', at + KEY_BYTES);
  const end = newline < 0 ? text.length : newline;
  return text.slice(Math.max(at, end - KEY_BYTES), end);
}

function partsIn(text: string, before: readonly Part[]): FindPart {
  const known = new Map<string, Part>();
  // the first one of the same beginning: ends of files change more often
  for (const part of before.toReversed()) if (part.isLasting) known.set(keyAt(part.text, 0), part);
  if (known.size === 0) return () => undefined;
  let room = MOST_COMPARED * text.length;
  return (at) => {
    const part = room < 0 ? undefined : known.get(keyAt(text, at));
    if (part === undefined) return undefined;
    // faster than startsWith()
    if (text.slice(at, at + part.text.length) === part.text) return part;
    room -= part.text.length;
    return undefined;
  };
}

// A copy: a part of the text would keep all of it in memory.
function copy(text: string): string {
  return Buffer.from(text, 'latin1').toString('latin1');
}

// The lines from `at` on, up to a part that is known.
function* nextLines(text: string, at: number, find: FindPart, mostLines: number): Slices<Lines> {
  let lines = 0;
  let count = 0;
  let closedAt = at;
  for (const { offset, line, end, after } of readLines(text, at)) {
    if (endsSlice(++count)) yield;
    const isFull = count > mostLines || after - at > mostLines * BYTES_A_LINE;
    if (offset > at && (isFull || find(offset) !== undefined))
      return { text: copy(text.slice(at, offset)), lines, isClosed: true };
    lines = line;
    closedAt = end === 'newline' ? after : -1;
  }
  // Behind the last line there may be a begun one that has no character yet, after a backslash or a NUL.
  return { text: copy(text.slice(at)), lines, isClosed: closedAt === text.length };
}

/** Cuts a text. What `before` has in common with it is not read again. */
export function* cutText(
  text: string,
  before: readonly Part[],
  mostLines = MOST_LINES,
): Slices<readonly (Part | Lines)[]> {
  const find = partsIn(text, before);
  const found: (Part | Lines)[] = [];
  let at = 0;
  do {
    const next = find(at) ?? (yield* nextLines(text, at, find, mostLines));
    found.push(next);
    at += next.text.length;
  } while (at < text.length);
  return found;
}

function* readPart({ text, lines, isClosed }: Lines, options: ParseOptions, mostLines: number): Slices<Part> {
  let namesFile = false;
  const files: ParseOptions['files'] = {
    ...options.files,
    open: (path) => {
      namesFile = true;
      return options.files.open(path);
    },
  };
  const table = yield* readTable({ kind: 'text', text }, { ...options, files });
  let words = 0;
  for (const { daemons, clients } of table.rules) {
    words++;
    for (const list of daemons) words += list.length;
    for (const list of clients) words += list.length;
  }
  // A short part is read again, together with what now stands behind it. Otherwise each append would leave a part.
  const isLong = lines >= mostLines / 2 || text.length >= (mostLines * BYTES_A_LINE) / 2;
  const isLasting = isClosed && isLong && !namesFile && table.refused === undefined;
  return { text, lines, search: yield* compileTable(table), words, isLasting };
}

/** Reads the lines that are not known yet. */
export function* readParts(
  cut: readonly (Part | Lines)[],
  options: ParseOptions,
  mostLines = MOST_LINES,
): Slices<Parts> {
  const parts: Part[] = [];
  let words = 0;
  for (const one of cut) {
    const part = 'search' in one ? one : yield* readPart(one, options, mostLines);
    words += part.words;
    const { refused } = part.search.table;
    if (refused !== undefined || words > MAX_WORDS) {
      const table = refused === undefined ? refuseWords(options) : part.search.table;
      return { parts: [], search: yield* compileTable(table) };
    }
    parts.push(part);
  }
  const [only, ...more] = parts;
  return {
    parts,
    search: only !== undefined && more.length === 0 ? only.search : new JoinedSearch(parts, options),
  };
}

/** A part at its place in a file. */
class Placed {
  readonly search: Search;
  readonly #linesBefore: number;
  // each rule is the same object every time
  readonly #rules = new WeakMap<Rule, Rule>();

  constructor({ search }: Part, linesBefore: number) {
    this.search = search;
    this.#linesBefore = linesBefore;
  }

  rule(rule: Rule): Rule {
    const known = this.#rules.get(rule);
    if (known !== undefined) return known;
    const placed = { ...rule, line: rule.line + this.#linesBefore };
    this.#rules.set(rule, placed);
    return placed;
  }

  finding(finding: Finding): Finding {
    return finding.line === undefined ? finding : { ...finding, line: finding.line + this.#linesBefore };
  }
}

/** The parts of a file one after the other. */
class JoinedSearch implements Search, Table {
  readonly table = this;
  readonly file: string;
  readonly role: Table['role'];
  readonly unread?: Finding;
  readonly #parts: readonly Placed[];

  constructor(parts: readonly Part[], { file, role }: ParseOptions) {
    this.file = file;
    this.role = role;
    let linesBefore = 0;
    this.#parts = parts.map((part) => {
      const placed = new Placed(part, linesBefore);
      linesBefore += part.lines;
      return placed;
    });
    const last = this.#parts.at(-1);
    const unread = last?.search.table.unread;
    if (last !== undefined && unread !== undefined) this.unread = last.finding(unread);
  }

  // for tools: no decision needs all of them
  get rules(): readonly Rule[] {
    return this.#parts.flatMap((part) => part.search.table.rules.map((rule) => part.rule(rule)));
  }

  get findings(): readonly Finding[] {
    const findings: Finding[] = [];
    for (const part of this.#parts)
      for (const finding of part.search.table.findings) addFinding(findings, part.finding(finding));
    return findings;
  }

  readonly find: Search['find'] = (request) => {
    for (const part of this.#parts) {
      const found = part.search.find(request);
      if (found !== undefined) return 'kind' in found ? found : part.rule(found);
    }
    return undefined;
  };
}
