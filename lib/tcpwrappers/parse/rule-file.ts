// Reads hosts.allow and hosts.deny: the text of a file in, rules and findings out (hosts_access(5)).

import { quote } from '../../words/quote.ts';
import type { Broken } from '../connection/need.ts';
import { addFinding, type Finding, isFull, type Remark } from '../rule/finding.ts';
import type { PlacedOption } from '../rule/rule-option.ts';
import type { Doubt, Rule, Table } from '../rule/rule-table.ts';
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
import type { OpenPatternFile } from './pattern-file.ts';
import { parseClients, parseDaemons } from './pattern-list.ts';
import { type Dialect, parseThirdField } from './third-field.ts';

export interface ParseOptions {
  /** The name of the file in findings and rules. */
  readonly file: string;
  readonly role: Table['role'];
  /** While the file is missing or unreadable, a client that no rule matches is refused. */
  readonly mustExist?: boolean;
  /** `auto` by default. */
  readonly dialect?: Dialect;
  /** `libwrap`: a last line without a newline is not read, as in libwrap; by default it is, with a warning. */
  readonly compat?: 'libwrap' | undefined;
  /** The words of each `/file` in a list. */
  readonly openFile: OpenPatternFile;
  /** Whether PATH has a command of this name; never by default. */
  readonly isInPath?: (word: string) => boolean;
  /** Whether netgroups can be looked up; otherwise a netgroup never matches, with a warning. */
  readonly hasNetgroups?: boolean;
}

/** Words in the lists of all rules of a file. */
const MAX_WORDS = 4_000_000;
/** A reading can go on behind each line with a multiple of this number. */
const PLACE_LINES = 64;
/** Longest part of an unread line that is examined. */
const MAX_UNREAD_LINE_BYTES = 1 << 16;

const NO_OPTIONS: readonly PlacedOption[] = [];

/** A place between two lines, and how much was found up to there. */
interface Place {
  /** Index in the text. */
  readonly offset: number;
  readonly lines: number;
  readonly rules: number;
  readonly findings: number;
  readonly words: number;
}

/** A file of rules that was read. */
export interface Reading {
  readonly table: Table;
  /** Undefined if nothing of it can be kept when the file changes. */
  readonly kept?: { readonly text: string; readonly places: readonly Place[] };
}

const BEGIN: Place = { offset: 0, lines: 0, rules: 0, findings: 0, words: 0 };

// A rule that grants may still refuse because of these options.
const UNCERTAIN: ReadonlySet<string> = new Set(['aclexec', 'user', 'group', 'setenv']);
const UNDECIDABLE: Broken = {
  kind: 'broken',
  message: 'the rule has a word that cannot be trusted, and an option that may refuse',
};

function problem(code: string, message: string, hint?: string): Remark {
  return hint === undefined ? { level: 'error', code, message } : { level: 'error', code, message, hint };
}

const NO_SEPARATOR = problem('missing-separator', 'no ":" between daemons and clients; the line is no rule');
const NUL_BYTE = problem('nul-byte', 'a NUL byte hides the rest of its line, and joins the next line');
const TOO_LONG = problem(
  'line-too-long',
  `the line has more than ${MAX_LINE_BYTES} bytes; it and all later rules are not read`,
  'split the rule, or list the clients in a file',
);
const NO_NEWLINE = problem(
  'missing-newline',
  'the last line has no newline and is not read',
  'add a newline at the end of the file',
);
const ADDED_NEWLINE: Remark = {
  ...NO_NEWLINE,
  level: 'warning',
  message: 'the last line has no newline; libwrap does not read it',
};

// A copy: rules that are kept would otherwise keep the whole text of an older version in memory.
const copy = (text: string): string => Buffer.from(text, 'latin1').toString('latin1');

class RuleFile {
  readonly #text: string;
  readonly #options: ParseOptions;
  readonly #rules: Rule[] = [];
  readonly #findings: Finding[] = [];
  readonly #places: Place[] = [];
  #words = 0;
  #namesFile = false;

  constructor(text: string, options: ParseOptions, before?: Reading) {
    this.#text = text;
    this.#options = options;
    if (before !== undefined) this.#keep(before);
  }

  // Takes over what stands in front of the first change.
  #keep({ table: { rules, findings }, kept }: Reading): void {
    let at = 0;
    for (const place of kept?.places ?? []) {
      if (this.#text.slice(at, place.offset) !== kept?.text.slice(at, place.offset)) break;
      at = place.offset;
      this.#places.push(place);
    }
    const { rules: count, findings: told, words } = this.#places.at(-1) ?? BEGIN;
    for (const rule of rules.slice(0, count)) this.#rules.push(rule);
    this.#findings.push(...findings.slice(0, told));
    this.#words = words;
  }

  read(): Reading {
    const table = this.#read();
    // a file of patterns may change without its rule
    if (this.#namesFile || table.refused !== undefined) return { table };
    return { table, kept: { text: this.#text, places: this.#places } };
  }

  #read(): Table {
    const { file, role, compat, hasNetgroups = false } = this.#options;
    const rules = this.#rules;
    const table = { file, role, rules, findings: this.#findings };
    const { offset, lines } = this.#places.at(-1) ?? BEGIN;
    for (const line of readLines(this.#text, offset, lines + 1)) {
      if (line.hasNul) this.#tell(line, 0, NUL_BYTE);
      if (line.end !== 'newline') {
        const unread = line.end === 'long' ? this.#endAtLong(line) : this.#endUnterminated(line);
        if (unread !== undefined) return { ...table, unread };
        if (line.end === 'long' || compat === 'libwrap') return table;
      }
      const rule = this.#readRule(line);
      if (rule !== undefined) {
        if (!isFull(this.#findings))
          for (const { at, ...remark } of noticesOf(rule, hasNetgroups)) this.#tell(line, at, remark);
        for (const part of [...rule.daemons, ...rule.clients]) this.#words += part.length;
        if (++this.#words > MAX_WORDS) return refuseTable(this.#options, 'file-refused', TOO_MANY_WORDS);
        rules.push(rule);
      }
      if (line.end === 'newline' && line.line % PLACE_LINES === 0) this.#addPlace(line);
    }
    return table;
  }

  #addPlace({ after: offset, line: lines }: Line): void {
    const [rules, findings] = [this.#rules.length, this.#findings.length];
    this.#places.push({ offset, lines, rules, findings, words: this.#words });
  }

  #tell(line: Line, at: number, remark: Remark): Finding {
    const finding = { file: this.#options.file, ...placeIn(line, at), ...remark };
    addFinding(this.#findings, finding);
    return finding;
  }

  // undefined for a blank line, a comment, and a line without a separator
  #readRule(line: Line): Rule | undefined {
    const text = copy(line.text);
    if (text.startsWith('#') || !/[^ \t\r]/.test(text)) return undefined;
    const fields = this.#cut(text);
    if (fields === undefined) {
      if (!isFull(this.#findings)) this.#tell(line, 0, NO_SEPARATOR);
      return undefined;
    }
    const { colon, end, options } = fields;
    const daemonText = text.slice(0, colon);
    const before = this.#rules.at(-1);
    const open: OpenPatternFile = (path) => {
      this.#namesFile = true;
      return this.#options.openFile(path);
    };
    return {
      file: this.#options.file,
      line: line.line,
      text,
      daemons: before?.daemonText === daemonText ? before.daemons : parseDaemons(daemonText, open),
      daemonText,
      clients: parseClients(text.slice(colon + 1, end), colon + 1, open),
      options,
      doubt: this.#doubtOf(options),
    };
  }

  // Where the first list and the second one end, and what follows; undefined without a separator.
  #cut(text: string): { colon: number; end: number; options: readonly PlacedOption[] } | undefined {
    const colon = findOutside(text, ':');
    if (colon < 0) return undefined;
    const end = findOutside(text, ':', colon + 1);
    if (end < 0) return { colon, end: text.length, options: NO_OPTIONS };
    const { dialect = 'auto', isInPath = () => false } = this.#options;
    return { colon, end, options: parseThirdField(text, end + 1, dialect, isInPath) };
  }

  #doubtOf(options: readonly PlacedOption[]): Doubt {
    const last = options.at(-1)?.option.kind;
    if (last === 'deny' || last === 'twist' || last === 'error') return true;
    if (this.#options.role === 'deny' && last !== 'allow') return true;
    return options.some(({ option }) => UNCERTAIN.has(option.kind)) ? UNDECIDABLE : false;
  }

  // Returns the finding if clients must be refused because of the last line.
  #endUnterminated(line: Line): Finding | undefined {
    const isLibwrap = this.#options.compat === 'libwrap';
    const finding = this.#tell(line, line.text.length, isLibwrap ? NO_NEWLINE : ADDED_NEWLINE);
    return isLibwrap && this.#options.role === 'deny' ? finding : undefined;
  }

  // hosts.deny then refuses, as in libwrap, and hosts.allow if an unread rule may refuse
  #endAtLong(line: Line): Finding | undefined {
    const finding = this.#tell(line, 0, TOO_LONG);
    return this.#options.role === 'deny' || this.#hidesRefusal(line) ? finding : undefined;
  }

  // Whether a rule of hosts.allow from this line on, which libwrap does not read, may refuse a client.
  #hidesRefusal({ offset }: Line): boolean {
    for (const line of readLines(this.#text, offset, 1, MAX_UNREAD_LINE_BYTES)) {
      const options = (line.text.startsWith('#') ? undefined : this.#cut(line.text))?.options ?? NO_OPTIONS;
      if (line.end === 'long' || this.#doubtOf(options) !== false) return true;
    }
    return false;
  }
}

function unusable(
  { file, role }: ParseOptions,
  code: string,
  what: string,
  end?: 'refused' | 'unread',
): Table {
  const finding = { file, ...problem(code, `${quote(file)} ${what}`) };
  return { file, role, rules: [], findings: [finding], ...(end !== undefined && { [end]: finding }) };
}

function refuseTable(options: ParseOptions, code: string, reason: string): Table {
  return unusable(options, code, `is not used, and everybody is refused: ${reason}`, 'refused');
}

const TOO_MANY_WORDS = 'its lists have too many words';

/**
 * Reads what was found at the path of a file of rules. A missing file is empty (hosts_access(5)).
 *
 * @param before an earlier reading with the same options: its lines in front of the first change are not read again
 */
export function readRules(found: FileText, options: ParseOptions, before?: Reading): Reading {
  return found.kind === 'text' && found.text.length <= MAX_FILE_BYTES
    ? new RuleFile(found.text, options, before).read()
    : { table: tableWithout(found, options) };
}

// The table of a file without a text that can be read.
function tableWithout(found: FileText, options: ParseOptions): Table {
  const { file, role, mustExist = false } = options;
  switch (found.kind) {
    case 'absent':
      if (mustExist) return unusable(options, 'cannot-open', 'has gone, and everybody is refused', 'unread');
      return { file, role, rules: [], findings: [] };
    case 'directory':
      return unusable(options, 'is-a-directory', 'is a directory', 'unread');
    case 'special':
      return refuseTable(options, 'not-a-file', 'it is not a regular file');
    case 'unreadable':
      // as in libwrap, hosts.deny refuses then, and hosts.allow is empty
      return unusable(
        options,
        'cannot-open',
        `cannot be opened: ${found.code}`,
        role === 'deny' || mustExist ? 'unread' : undefined,
      );
    case 'large':
    case 'text':
      return refuseTable(options, 'file-refused', `it has more than ${MAX_FILE_BYTES} bytes`);
    default:
      return found satisfies never;
  }
}
