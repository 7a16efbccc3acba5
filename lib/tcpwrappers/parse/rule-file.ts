// Reads hosts.allow and hosts.deny: the text of a file in, rules and findings out (hosts_access(5)).

import { quote } from '../../quote.ts';
import type { Broken } from '../connection/need.ts';
import { addFinding, type Finding, isFull, type Remark } from '../rule/finding.ts';
import type { PatternFile } from '../rule/pattern.ts';
import type { PlacedOption } from '../rule/rule-option.ts';
import type { Doubt, Rule, Table } from '../rule/rule-table.ts';
import { SLICE, type Slices } from '../rule/slices.ts';
import { findOutside } from '../text/latin1.ts';
import {
  type FileText,
  type Line,
  MAX_FILE_BYTES,
  MAX_LINE_BYTES,
  placeIn,
  readLines,
} from './logical-line.ts';
import { noticesOf } from './notices.ts';
import type { PatternFiles } from './pattern-file.ts';
import { parseClients, parseDaemons } from './pattern-list.ts';
import { type Dialect, parseThirdField } from './third-field.ts';

interface RuleOptions {
  readonly file: string;
  readonly role: Table['role'];
  readonly dialect?: Dialect;
  readonly openFile: (path: string) => PatternFile;
  readonly isInPath?: (word: string) => boolean;
}

interface RuleReader {
  /** The rule of a line; `nothing` for a blank line or a comment, `no rule` for a line without a separator. */
  read(line: Line): Rule | 'nothing' | 'no rule';
  /** The doubt of a rule with this third field. */
  doubt(thirdField: string): Doubt;
}

const NO_OPTIONS: readonly PlacedOption[] = [];

// A rule that grants may still refuse because of these options.
const UNCERTAIN: ReadonlySet<string> = new Set(['aclexec', 'user', 'group', 'setenv']);
const NOT_TOLD: Broken = {
  kind: 'broken',
  message: 'a word that cannot be believed, in a rule of which it is not known whether it grants',
};

function doubtOf(role: Table['role'], options: readonly PlacedOption[]): Doubt {
  const last = options.at(-1)?.option.kind;
  if (last === 'deny' || last === 'twist' || last === 'error') return true;
  if (role === 'deny' && last !== 'allow') return true;
  return options.some(({ option }) => UNCERTAIN.has(option.kind)) ? NOT_TOLD : false;
}

function openRuleReader(options: RuleOptions): RuleReader {
  const { file, role, dialect = 'auto', openFile, isInPath = () => false } = options;
  // most rules of a long file have the same few daemon lists
  const lists = new Map<string, Pick<Rule, 'daemons' | 'daemonText'>>();

  function readDaemons(text: string, colon: number): Pick<Rule, 'daemons' | 'daemonText'> {
    const daemonText = text.slice(0, colon);
    const known = lists.get(daemonText);
    if (known !== undefined) return known;
    const list = { daemonText, daemons: parseDaemons(text, 0, colon, openFile) };
    lists.set(daemonText, list);
    return list;
  }

  return {
    read({ text, line }) {
      if (text.startsWith('#') || !/[^ \t\r]/.test(text)) return 'nothing';
      const colon = findOutside(text, ':');
      if (colon < 0) return 'no rule';
      const second = findOutside(text, ':', colon + 1);
      const end = second < 0 ? text.length : second;
      const placed = second < 0 ? NO_OPTIONS : parseThirdField(text, second + 1, dialect, isInPath);
      return {
        file,
        line,
        text,
        ...readDaemons(text, colon),
        clients: parseClients(text, colon + 1, end, openFile),
        options: placed,
        doubt: doubtOf(role, placed),
      };
    },
    doubt: (thirdField) => doubtOf(role, parseThirdField(thirdField, 0, dialect, isInPath)),
  };
}

/** Whether a line that libwrap does not read is a rule that may refuse. */
function mayRefuse(reader: RuleReader, text: string): boolean {
  const colon = text.startsWith('#') ? -1 : findOutside(text, ':');
  const second = colon < 0 ? -1 : findOutside(text, ':', colon + 1);
  return second >= 0 && reader.doubt(text.slice(second + 1)) !== false;
}

export interface ParseOptions {
  /** The name of the file in findings and rules. */
  readonly file: string;
  readonly role: Table['role'];
  /** `auto` by default. */
  readonly dialect?: Dialect;
  /** `libwrap`: a last line without a newline is not read, as in libwrap; by default it is, with a warning. */
  readonly compat?: 'libwrap' | undefined;
  /** The words of each `/file` in a list. */
  readonly files: PatternFiles;
  /** Whether PATH has a command of this name; never by default. */
  readonly isInPath?: (word: string) => boolean;
  /** Whether netgroups can be looked up; otherwise a netgroup never matches, with a warning. */
  readonly hasNetgroups?: boolean;
}

/** Words in the lists of all rules of a file. */
const MAX_WORDS = 4_000_000;
/** Longest part of an unread line that is examined. */
const MAX_UNREAD_LINE_BYTES = 1 << 16;

const NO_SEPARATOR: Remark = {
  level: 'error',
  code: 'missing-separator',
  message: 'no ":" between daemons and clients; the line is no rule',
};
const NUL_BYTE: Remark = {
  level: 'error',
  code: 'nul-byte',
  message: 'a NUL byte hides the rest of its line, and the next line is joined to it',
};
const TOO_LONG: Remark = {
  level: 'error',
  code: 'line-too-long',
  message: `the line has more than ${MAX_LINE_BYTES} bytes; it and all rules behind it are not read`,
  hint: 'split the rule, or list the clients in a file',
};
const NO_NEWLINE = { code: 'missing-newline', hint: 'add a newline at the end of the file' };

/** A table while it is being read. */
interface Reading {
  readonly options: ParseOptions;
  readonly text: string;
  readonly reader: RuleReader;
  readonly findings: Finding[];
}

function tell({ options, findings }: Reading, line: Line, at: number, remark: Remark): Finding {
  const finding = { file: options.file, ...placeIn(line, at), ...remark };
  addFinding(findings, finding);
  return finding;
}

// Whether a rule from this line on, which libwrap does not read, may refuse a client.
function* hidesRefusal({ text, reader }: Reading, { offset }: Line): Slices<boolean> {
  for (const line of readLines(text, { offset, maxBytes: MAX_UNREAD_LINE_BYTES })) {
    if (line.line % SLICE === 0) yield;
    if (line.end === 'long' || mayRefuse(reader, line.text)) return true;
  }
  return false;
}

// Handles a last line without a newline; returns the finding if clients must be refused because of it.
function endWithout(reading: Reading, line: Line): Finding | undefined {
  const { compat, role } = reading.options;
  const remark: Remark =
    compat === 'libwrap'
      ? { ...NO_NEWLINE, level: 'error', message: 'the last line has no newline and is not read' }
      : {
          ...NO_NEWLINE,
          level: 'warning',
          message: 'the last line has no newline; libwrap does not read it',
        };
  const finding = tell(reading, line, line.text.length, remark);
  return compat === 'libwrap' && role === 'deny' ? finding : undefined;
}

// Handles a line that is too long: hosts.deny then refuses, as in libwrap, and hosts.allow if an unread rule may
// refuse.
function* endAt(reading: Reading, line: Line): Slices<Finding | undefined> {
  const finding = tell(reading, line, 0, TOO_LONG);
  return reading.options.role === 'deny' || (yield* hidesRefusal(reading, line)) ? finding : undefined;
}

function readRule(reading: Reading, line: Line): Rule | undefined {
  const rule = reading.reader.read(line);
  if (rule === 'no rule' && !isFull(reading.findings)) tell(reading, line, 0, NO_SEPARATOR);
  return typeof rule === 'object' ? rule : undefined;
}

function tellRule(reading: Reading, line: Line, rule: Rule): void {
  if (isFull(reading.findings)) return;
  for (const { at, ...remark } of noticesOf(rule, reading.options.hasNetgroups === true))
    tell(reading, line, at, remark);
}

function countWords({ daemons, clients }: Rule): number {
  let words = 1;
  for (const part of daemons) words += part.length;
  for (const part of clients) words += part.length;
  return words;
}

function refusal({ file }: ParseOptions, reason: string): Finding {
  const message = `${quote(file)} is not used, and everybody is refused: ${reason}`;
  return { file, level: 'error', code: 'file-refused', message };
}

function* parseTable(text: string, options: ParseOptions): Slices<Table> {
  const { file, role, compat } = options;
  const findings: Finding[] = [];
  const rules: Rule[] = [];
  const table = { file, role, rules, findings };
  const reading = {
    options,
    text,
    reader: openRuleReader({ ...options, openFile: options.files.open }),
    findings,
  };
  let words = 0;
  for (const line of readLines(text)) {
    if (line.line % SLICE === 0) yield;
    if (line.hasNul) tell(reading, line, 0, NUL_BYTE);
    if (line.end !== 'newline') {
      const unread = line.end === 'long' ? yield* endAt(reading, line) : endWithout(reading, line);
      if (unread !== undefined) return { ...table, unread };
      if (line.end === 'long' || compat === 'libwrap') return table;
    }
    const rule = readRule(reading, line);
    if (rule === undefined) continue;
    if (options.files.isWaiting()) yield* options.files.fill();
    tellRule(reading, line, rule);
    words += countWords(rule);
    if (words > MAX_WORDS) return refuseTable(options, 'its lists have too many words');
    rules.push(rule);
  }
  return table;
}

function refuseTable(options: ParseOptions, reason: string): Table {
  const refused = refusal(options, reason);
  return { file: options.file, role: options.role, rules: [], findings: [refused], refused };
}

// The file exists but cannot be read: hosts.deny then refuses, hosts.allow counts as empty. libwrap reads a directory
// as an empty file in both cases.
function emptyTable({ file, role }: ParseOptions, code: string, problem: string): Table {
  const finding: Finding = { file, level: 'error', code, message: `${quote(file)} ${problem}` };
  return { file, role, rules: [], findings: [finding], ...(role === 'deny' ? { unread: finding } : {}) };
}

/** Reads what was found at the path of a file of rules. A missing file is empty (hosts_access(5)). */
export function* readTable(found: FileText, options: ParseOptions): Slices<Table> {
  switch (found.kind) {
    case 'text':
      if (found.text.length <= MAX_FILE_BYTES) return yield* parseTable(found.text, options);
      return refuseTable(options, `it has more than ${MAX_FILE_BYTES} bytes`);
    case 'large':
      return refuseTable(options, `it has more than ${MAX_FILE_BYTES} bytes`);
    case 'absent':
      return { file: options.file, role: options.role, rules: [], findings: [] };
    case 'directory':
      return emptyTable(options, 'is-a-directory', 'is a directory');
    case 'unreadable':
      return emptyTable(options, 'cannot-open', `cannot be opened: ${found.code}`);
    default:
      return found satisfies never;
  }
}
