// What a rule means to those who know addresses alone. Pure.

import type { Accounts } from '../daemon/accounts.ts';
import type { Rule } from '../rule/rule.ts';
import { optionText, wordText } from '../rule/word.ts';
import { type Addresses, clientAddresses, type Meant } from './clients.ts';
import { effectOf } from './effect.ts';
import type { Losses } from './untranslated.ts';

export interface Translated {
  readonly rule: Rule;
  readonly daemons: Rule['daemons'];
  readonly clients: Meant<Addresses>;
  readonly verdict: 'grant' | 'refuse';
  /** Takes down that the word at a place of the rule has no counterpart. */
  readonly lose: (at: number) => void;
}

/** Which part of what is meant counts: a rule that grants must not let in too many, one that refuses not too few. */
export function boundOf({ verdict }: Pick<Translated, 'verdict'>): keyof Meant<never> {
  return verdict === 'grant' ? 'least' : 'most';
}

/** Translates the clients and the options of a rule; what is lost goes to `losses`. */
export function translateRule(
  rule: Rule,
  role: 'allow' | 'deny',
  accounts: Accounts,
  losses: Losses,
): Translated {
  const { daemons, clients, verdict, lost } = effectOf(rule, role, accounts);
  for (const { at } of lost)
    losses.add(rule, optionText(rule, at), `the option is lost; the rule ${verdict}s`);
  const how = verdict === 'grant' ? 'nobody is let in by it' : 'it may mean anybody, and refuses all';
  const lose = (at: number): void => losses.add(rule, wordText(rule, at), how);
  return { rule, daemons, clients: clientAddresses(clients, lose), verdict, lose };
}
