// A rule, and the table of rules that a file is read into.
// A word or an option of a rule as it stands there.

import type { Broken, Stop } from '../connection/need.ts';
import type { Request } from '../connection/request-info.ts';
import type { Finding } from './finding.ts';
import type { ClientPattern, DaemonPattern, PatternList } from './pattern.ts';
import type { PlacedOption } from './rule-option.ts';

/**
 * What is answered where a word of a rule cannot be believed or looked up: whichever does not let the client in. True
 * if the rule refuses, false if it grants; where that depends on what its options find, the request is refused.
 */
export type Doubt = boolean | Broken;

export interface Rule {
  readonly file: string;
  /** Its last physical line, which libwrap names too; from 1. */
  readonly line: number;
  /** As it stands in the file, joined if it goes over several lines; one byte a character. */
  readonly text: string;
  readonly daemons: PatternList<DaemonPattern>;
  /** The text of the daemon list: rules with the same one mean the same daemons. */
  readonly daemonText: string;
  readonly clients: PatternList<ClientPattern>;
  readonly options: readonly PlacedOption[];
  readonly doubt: Doubt;
}

/** A file of rules. */
export interface Table {
  readonly file: string;
  readonly role: 'allow' | 'deny';
  readonly rules: readonly Rule[];
  readonly findings: readonly Finding[];
  /** Why the file is of no use at all; everybody is refused. */
  readonly refused?: Finding;
  /** Why there may be rules in it that refuse and were not read: nobody is let in for want of a rule. */
  readonly unread?: Finding;
}

/** A table and how the first of its rules that matches is found. */
export interface Search {
  readonly table: Table;
  /** The rule, what has to be looked up before it can be told, or undefined. */
  readonly find: (request: Request) => Rule | Stop | undefined;
}

/** The two tables of hosts_access(5). hosts.deny is not looked at where hosts.allow decides. */
export interface Tables {
  readonly allow: Search;
  readonly deny: Search;
}

/** The word of a list that begins at an index of the rule's text. */
export function wordText({ text }: Pick<Rule, 'text'>, at: number): string {
  return /^[^, \t\r\n:[\]]*(?:\[[^\]]*\][^, \t\r\n:[\]]*)*/.exec(text.slice(at))?.[0] ?? '';
}

/** The same of a daemon, without an address of the server. */
export function daemonText(rule: Pick<Rule, 'text'>, at: number): string {
  return wordText(rule, at).replace(/(?<=.)@.*$/, '');
}

/** The option that begins there; of one that is missing, the colon. */
export function optionText({ text }: Pick<Rule, 'text'>, at: number): string {
  return /^(?:\\:|[^:])+/.exec(text.slice(at))?.[0].trimEnd() ?? ':';
}
