// Reads hosts.allow and hosts.deny: bytes in, rules and findings out (hosts_access(5)).

import { quote } from '../quote.ts';
import type { Broken } from './answer.ts';
import { type Dialect, parseThirdField } from './dialect.ts';
import { findOutside } from './field.ts';
import { type FileText, MAX_FILE_BYTES } from './file-text.ts';
import { type Finding, Findings } from './finding.ts';
import { type Line, MAX_LINE_BYTES, placeIn, readLines } from './line.ts';
import { parseClients, parseDaemons } from './list.ts';
import { findingsOf } from './notice.ts';
import type { PlacedOption } from './option.ts';
import type { PatternFile } from './pattern.ts';

import type { Doubt, Rule, Table } from './rule.ts';

export interface ParseOptions {
  /** What findings and rules call the file. */
  readonly file: string;
  readonly role: Table['role'];
  /** `auto` by default. */
  readonly dialect?: Dialect;
  /** `libwrap`: a last line without a newline is not read, as there; by default it is, with a warning. */
  readonly compat?: 'libwrap' | undefined;
  /** What a `/file` in a list holds. */
  readonly openFile: (path: string) => PatternFile;
  /** Whether a command of this name is found in PATH; none is by default. */
  readonly isInPath?: (word: string) => boolean;
  /** Whether netgroups can be looked up; else a netgroup matches nobody, with a warning. */
  readonly hasNetgroups?: boolean;
}

/** How far is looked at lines that are not read. */
const MAX_UNREAD_LINE_BYTES = 1 << 16;
/** Most words in the lists of all rules of a file. */
const MAX_WORDS = 4_000_000;

// Options by which a rule that grants may refuse all the same.
const UNCERTAIN: ReadonlySet<string> = new Set(['aclexec', 'user', 'group', 'setenv']);
const NOT_TOLD: Broken = {
  kind: 'broken',
  message: 'a word that cannot be believed, in a rule of which it is not known whether it grants',
};

function doubtOf(role: Table['role'], options: readonly PlacedOption[]): Doubt {
  const last = options.at(-1)?.option.kind;
  const refuses = last === 'allow' ? false : role === 'deny' || /^(?:deny|twist|error)$/.test(last ?? '');
  return !refuses && options.some(({ option }) => UNCERTAIN.has(option.kind)) ? NOT_TOLD : refuses;
}

function wordsOf({ daemons, clients }: Rule): number {
  let words = 1;
  for (const part of daemons) words += part.length;
  for (const part of clients) words += part.length;
  return words;
}

const NO_SEPARATOR = {
  level: 'error',
  code: 'missing-separator',
  message: 'no ":" between daemons and clients; the line is no rule',
} as const;

const NO_OPTIONS: readonly PlacedOption[] = [];

/** Reads one table out of the text of its file. */
class Reader {
  readonly options: ParseOptions;
  readonly text: string;
  readonly findings = new Findings();
  readonly rules: Rule[] = [];
  readonly daemonLists = new Map<string, Pick<Rule, 'daemons' | 'daemonText'>>();

  constructor(text: string, options: ParseOptions) {
    this.text = text;
    this.options = options;
  }

  finding(line: Line | undefined, at: number, about: Omit<Finding, 'file' | 'line' | 'column'>): Finding {
    const finding = { file: this.options.file, ...(line === undefined ? {} : placeIn(line, at)), ...about };
    this.findings.add(finding);
    return finding;
  }

  /** The rule of a line, or undefined if it is none. */
  rule(line: Line): Rule | undefined {
    const { text } = line;
    if (text.startsWith('#') || !/[^ \t\r]/.test(text)) return undefined;
    const colon = findOutside(text, ':');
    if (colon < 0) {
      if (!this.findings.isFull) this.finding(line, 0, NO_SEPARATOR);
      return undefined;
    }
    const second = findOutside(text, ':', colon + 1);
    const { openFile, role, file } = this.options;
    const options = this.thirdField(text, second);
    const rule: Rule = {
      file,
      line: line.line,
      text,
      ...this.daemons(text, colon),
      clients: parseClients(text, colon + 1, second < 0 ? text.length : second, openFile),
      options,
      doubt: doubtOf(role, options),
    };
    if (!this.findings.isFull)
      for (const { at, ...about } of findingsOf(rule, this.options.hasNetgroups === true))
        this.finding(line, at, about);
    return rule;
  }

  // Most rules of a long file are for the same daemons.
  daemons(text: string, colon: number): Pick<Rule, 'daemons' | 'daemonText'> {
    const daemonText = text.slice(0, colon);
    const known = this.daemonLists.get(daemonText);
    if (known !== undefined) return known;
    const list = { daemonText, daemons: parseDaemons(text, 0, colon, this.options.openFile) };
    this.daemonLists.set(daemonText, list);
    return list;
  }

  /** Whether one of the rules from this line on, which libwrap does not read, may refuse somebody. */
  loses(from: Line): boolean {
    for (const line of readLines(this.text, { offset: from.offset, maxBytes: MAX_UNREAD_LINE_BYTES })) {
      if (line.end === 'long') return true;
      const { text } = line;
      const colon = text.startsWith('#') ? -1 : findOutside(text, ':');
      const second = colon < 0 ? -1 : findOutside(text, ':', colon + 1);
      if (second >= 0 && doubtOf(this.options.role, this.thirdField(text, second)) !== false) return true;
    }
    return false;
  }

  thirdField(text: string, colon: number): readonly PlacedOption[] {
    const { dialect = 'auto', isInPath = () => false } = this.options;
    return colon < 0 ? NO_OPTIONS : parseThirdField(text, colon + 1, dialect, isInPath);
  }

  /** What becomes of a file whose rest is not read: in hosts.deny it would have refused, in hosts.allow it may. */
  cut(line: Line): Finding | undefined {
    if (line.end === 'unterminated') {
      const isRead = this.options.compat !== 'libwrap';
      const finding = this.finding(line, line.text.length, {
        level: isRead ? 'warning' : 'error',
        code: 'missing-newline',
        message: `the last line has no newline${isRead ? '; libwrap does not read it' : ' and is not read'}`,
        hint: 'add a newline at the end of the file',
      });
      return isRead || this.options.role === 'allow' ? undefined : finding;
    }
    const finding = this.finding(line, 0, {
      level: 'error',
      code: 'line-too-long',
      message: `the line has more than ${MAX_LINE_BYTES} bytes; it and all rules behind it are not read`,
      hint: 'split the rule, or list the clients in a file',
    });
    return this.options.role === 'deny' || this.loses(line) ? finding : undefined;
  }

  read(): Table {
    const { file, role } = this.options;
    const table = { file, role, rules: this.rules, findings: this.findings.all };
    let words = 0;
    for (const line of readLines(this.text)) {
      if (line.hasNul)
        this.finding(line, 0, {
          level: 'error',
          code: 'nul-byte',
          message: 'a NUL byte hides the rest of its line, and the next line is joined to it',
        });
      const unread = line.end === 'newline' ? undefined : this.cut(line);
      if (unread !== undefined) return { ...table, unread };
      if (line.end === 'long' || (line.end === 'unterminated' && this.options.compat === 'libwrap'))
        return table;
      const rule = this.rule(line);
      if (rule === undefined) continue;
      words += wordsOf(rule);
      if (words > MAX_WORDS) return { ...table, refused: this.refused('too many words in its lists') };
      this.rules.push(rule);
    }
    return table;
  }

  refused(reason: string): Finding {
    return this.finding(undefined, 0, {
      level: 'error',
      code: 'file-refused',
      message: `${quote(this.options.file)} is not used, and everybody is refused: ${reason}`,
    });
  }
}

// A file that is there but cannot be read as one: hosts.deny then refuses, hosts.allow is empty. libwrap takes a
// directory for an empty file in both places.
function unreadable(file: string, role: Table['role'], code: string, problem: string): Table {
  const message = `${quote(file)} ${problem}`;
  const finding: Finding = { file, level: 'error', code, message };
  return { file, role, rules: [], findings: [finding], ...(role === 'deny' ? { unread: finding } : {}) };
}

/** Reads what was found at the path of a file of rules. One that is not there is empty (hosts_access(5)). */
export function readTable(found: FileText, options: ParseOptions): Table {
  const { file, role } = options;
  switch (found.kind) {
    case 'text':
      return new Reader(found.text, options).read();
    case 'absent':
      return { file, role, rules: [], findings: [] };
    case 'directory':
      return unreadable(file, role, 'is-a-directory', 'is a directory');
    case 'unreadable':
      return unreadable(file, role, 'cannot-open', `cannot be opened: ${found.code}`);
    case 'large': {
      const reader = new Reader('', options);
      const refused = reader.refused(`it has more than ${MAX_FILE_BYTES} bytes`);
      return { file, role, rules: [], findings: reader.findings.all, refused };
    }
    default:
      return found satisfies never;
  }
}

/** Reads the text of a file of rules; one byte a character. */
export function parseTable(text: string, options: ParseOptions): Table {
  return readTable(text.length > MAX_FILE_BYTES ? { kind: 'large' } : { kind: 'text', text }, options);
}
