// A rule, and the table of rules of a file.

import type { Broken } from '../connection/need.ts';
import type { Finding } from './finding.ts';
import type { ClientPattern, DaemonPattern, PatternList } from './pattern.ts';
import type { PlacedOption } from './rule-option.ts';

/**
 * The answer of a word that cannot be trusted or looked up, chosen so that no client is let in: true if the rule
 * refuses, false if it grants. If that depends on its options, the request is refused.
 */
export type Doubt = boolean | Broken;

export interface Rule {
  readonly file: string;
  /** Its last physical line, from 1, as libwrap reports it. */
  readonly line: number;
  /** Its text, joined if it has several lines; one byte a character. */
  readonly text: string;
  readonly daemons: PatternList<DaemonPattern>;
  /** A rule behind one with the same text has the same list, as an object too. */
  readonly daemonText: string;
  readonly clients: PatternList<ClientPattern>;
  readonly options: readonly PlacedOption[];
  readonly doubt: Doubt;
}

export interface Table {
  readonly file: string;
  readonly role: 'allow' | 'deny';
  readonly rules: readonly Rule[];
  readonly findings: readonly Finding[];
  /** Why the file is not used at all; everybody is refused. */
  readonly refused?: Finding;
  /** Why rules that refuse may be unread; a client that no rule matches is refused. */
  readonly unread?: Finding;
}

/** The two tables of hosts_access(5). */
export interface Tables {
  readonly allow: Table;
  readonly deny: Table;
}

/** The word of a list at an index of the rule's text. */
export function wordText({ text }: Pick<Rule, 'text'>, at: number): string {
  return /^[^, \t\r\n:[\]]*(?:\[[^\]]*\][^, \t\r\n:[\]]*)*/.exec(text.slice(at))?.[0] ?? '';
}

/** The daemon at an index, without the address of the server. */
export function daemonText(rule: Pick<Rule, 'text'>, at: number): string {
  return wordText(rule, at).replace(/(?<=.)@.*$/, '');
}

/** The option at an index, or the colon of an option that is missing. */
export function optionText({ text }: Pick<Rule, 'text'>, at: number): string {
  return /^(?:\\:|[^:])+/.exec(text.slice(at))?.[0].trimEnd() ?? ':';
}
