// A word or an option of a rule as it stands there.

import type { Rule } from './rule.ts';

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
