// What a rule means to a filter that knows only addresses: clients, grant or refuse, and what is lost. Pure.

import type { Accounts } from '../daemon/daemon-host.ts';
import type { HostPattern } from '../rule/pattern.ts';
import type { PlacedOption } from '../rule/rule-option.ts';
import { optionText, type Rule, wordText } from '../rule/rule-table.ts';
import { type Addresses, clientAddresses } from './client-addresses.ts';
import type { Meant } from './ranges.ts';

/** A word or an option of a rule that could not be translated. */
export interface Untranslated {
  readonly file: string;
  readonly line: number;
  /** As in the rule; one byte a character. */
  readonly word: string;
  readonly message: string;
}

/** Why nothing can be translated. */
export interface Unusable extends Untranslated {
  readonly hint: string;
}

/** Collects losses, each once. */
export class Losses {
  readonly #all = new Map<string, Untranslated>();

  add({ file, line }: Pick<Rule, 'file' | 'line'>, word: string, message: string): void {
    const key = `${file}\n${line}\n${word}\n${message}`;
    if (!this.#all.has(key)) this.#all.set(key, { file, line, word, message });
  }

  all(): readonly Untranslated[] {
    return [...this.#all.values()];
  }
}

// Whether an option of a rule that grants may refuse: the translation then refuses.
function mayRefuse({ option }: PlacedOption, accounts: Accounts): boolean {
  switch (option.kind) {
    case 'deny':
    case 'twist':
    case 'aclexec':
    case 'error':
      return true;
    case 'user':
      return (
        !accounts.hasUser(option.user) || (option.group !== undefined && !accounts.hasGroup(option.group))
      );
    case 'group':
      return !accounts.hasGroup(option.group);
    case 'setenv':
      // an expansion may be no valid name
      return !/^[A-Za-z_][A-Za-z0-9_]*(?:[ \t]|$)/.test(option.assignment);
    case 'allow':
    case 'spawn':
    case 'severity':
    case 'keepalive':
    case 'linger':
    case 'rfc931':
    case 'banners':
    case 'nice':
    case 'umask':
      return false;
    default:
      return option satisfies never;
  }
}

// Whether the decision may end with a refusal at a word that cannot be trusted or read.
function mayBreak({ doubt }: Pick<Rule, 'doubt'>, host: HostPattern | undefined): boolean {
  if (host?.kind !== 'file')
    return typeof doubt === 'object' && (host?.kind === 'doubtful' || host?.kind === 'netgroup');
  const { broken, patterns } = host.file;
  return broken !== undefined || patterns.some((pattern) => mayBreak({ doubt }, pattern));
}

export interface Translated {
  readonly rule: Rule;
  readonly daemons: Rule['daemons'];
  readonly clients: Meant<Addresses>;
  readonly verdict: 'grant' | 'refuse';
  /** Records that the word at an index of the rule is lost. */
  readonly lose: (at: number) => void;
}

/** Translates the clients and options of a rule. */
export function translateRule(
  rule: Rule,
  role: 'allow' | 'deny',
  accounts: Accounts,
  losses: Losses,
): Translated {
  const { options } = rule;
  const words = [...rule.daemons.flat(), ...rule.clients.flat()];
  const breaks = words.some(({ host }) => mayBreak(rule, host));
  const isGrant = options.at(-1)?.option.kind === 'allow' || role === 'allow';
  const refuses = breaks || !isGrant || options.some((placed) => mayRefuse(placed, accounts));
  const verdict = refuses ? 'refuse' : 'grant';
  for (const { at, option } of options)
    if (option.kind !== 'allow' && option.kind !== 'deny')
      losses.add(rule, optionText(rule, at), `the option is lost; the rule ${verdict}s`);
  // a decision that ends within the lists may not reach their exceptions
  const [daemons, clients] = breaks
    ? [rule.daemons.slice(0, 1), rule.clients.slice(0, 1)]
    : [rule.daemons, rule.clients];
  const how = refuses ? 'it may mean anybody, and refuses all' : 'it lets nobody in';
  const lose = (at: number): void => losses.add(rule, wordText(rule, at), how);
  return { rule, daemons, clients: clientAddresses(clients, lose), verdict, lose };
}
