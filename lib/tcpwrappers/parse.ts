// Reads hosts.allow and hosts.deny: bytes in, rules and findings out (hosts_access(5)).

import { quote } from '../quote.ts';
import type { Broken } from './answer.ts';
import { type Dialect, parseThirdField } from './dialect.ts';
import { findOutside } from './field.ts';
import { type Finding, Findings } from './finding.ts';
import { type Line, MAX_LINE_BYTES, placeIn, readLines } from './line.ts';
import { parseClients, parseDaemons } from './list.ts';
import { findingsOf } from './notice.ts';
import type { PlacedOption } from './option.ts';
import type { PatternFile } from './pattern.ts';
import type { FileText } from './pattern-file.ts';
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

/** Largest file that is read. */
export const MAX_FILE_BYTES = 64 << 20;
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

/** Reads one table out of the text of its file. */
class Reader {
  readonly options: ParseOptions;
  readonly text: string;
  readonly findings = new Findings();
  readonly rules: Rule[] = [];
  readonly daemonLists = new Map<string, Rule['daemons']>();

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
      this.finding(line, 0, {
        level: 'error',
        code: 'missing-separator',
        message: 'no ":" between daemons and clients; the line is no rule',
      });
      return undefined;
    }
    const second = findOutside(text, ':', colon + 1);
    const { dialect = 'auto', openFile, role, file, isInPath = () => false } = this.options;
    const options = second < 0 ? [] : parseThirdField(text, second + 1, dialect, isInPath);
    const rule: Rule = {
      file,
      line: line.line,
      text,
      daemons: this.daemons(text, colon),
      daemonText: text.slice(0, colon),
      clients: parseClients(text, colon + 1, second < 0 ? text.length : second, openFile),
      options,
      doubt: doubtOf(role, options),
    };
    for (const { at, ...about } of findingsOf(rule, this.options.hasNetgroups === true))
      this.finding(line, at, about);
    return rule;
  }

  // Most rules of a long file are for the same daemons.
  daemons(text: string, colon: number): Rule['daemons'] {
    const daemonText = text.slice(0, colon);
    const known = this.daemonLists.get(daemonText);
    if (known !== undefined) return known;
    const daemons = parseDaemons(text, 0, colon, this.options.openFile);
    this.daemonLists.set(daemonText, daemons);
    return daemons;
  }

  /** Whether one of the rules from this line on, which libwrap does not read, may refuse somebody. */
  loses(from: Line): boolean {
    const rest = new Reader(this.text, this.options);
    for (const line of readLines(this.text, { offset: from.offset, maxBytes: Infinity })) {
      const rule = rest.rule(line);
      if (rule !== undefined && rule.doubt !== false) return true;
    }
    return false;
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
      if (line.end === 'long' || (line.end === 'unterminated' && this.options.compat === 'libwrap')) return table;
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

/** Reads the text of a file of rules; one byte a character. */
export function parseTable(text: string, options: ParseOptions): Table {
  const reader = new Reader(text, options);
  if (text.length <= MAX_FILE_BYTES) return reader.read();
  const refused = reader.refused(`it has more than ${MAX_FILE_BYTES} bytes`);
  return { file: options.file, role: options.role, rules: [], findings: reader.findings.all, refused };
}

/** Reads what was found at the path of a file of rules. One that is not there is empty (hosts_access(5)). */
export function readTable(found: FileText, options: ParseOptions): Table {
  const { file, role } = options;
  if (found.kind === 'text') return parseTable(found.text, options);
  const table = { file, role, rules: [] };
  if (found.kind === 'absent') return { ...table, findings: [] };
  const isDirectory = found.kind === 'directory';
  const finding: Finding = {
    file,
    level: 'error',
    code: isDirectory ? 'is-a-directory' : 'cannot-open',
    message: `${quote(file)} ${isDirectory ? 'is a directory' : `cannot be opened: ${found.code}`}`,
  };
  // hosts.deny then refuses; libwrap takes a directory for an empty file
  return { ...table, findings: [finding], ...(role === 'deny' ? { unread: finding } : {}) };
}
