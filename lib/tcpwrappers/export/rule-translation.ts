// What a rule means to a filter that knows only addresses: clients, grant or refuse, and what is lost. Pure.

import type { Accounts } from '../daemon/daemon-host.ts';
import type { HostPattern } from '../rule/pattern.ts';
import type { PlacedOption } from '../rule/rule-option.ts';
import { optionText, type Rule, wordText } from '../rule/rule-table.ts';
import { type Addresses, clientAddresses, type Meant } from './client-addresses.ts';

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

/** The lists that count, the verdict, and the options that are lost. */
interface RuleEffect {
  readonly daemons: Rule['daemons'];
  readonly clients: Rule['clients'];
  readonly verdict: 'grant' | 'refuse';
  readonly lost: readonly PlacedOption[];
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

/** The effect of a rule. If the decision may end within its lists, exceptions may not be reached, and do not count. */
function effectOf(rule: Rule, role: 'allow' | 'deny', accounts: Accounts): RuleEffect {
  const { options, daemons, clients } = rule;
  const isGrant = options.at(-1)?.option.kind === 'allow' || role === 'allow';
  const refuses = !isGrant || options.some((placed) => mayRefuse(placed, accounts));
  const lost = options.filter(({ option }) => option.kind !== 'allow' && option.kind !== 'deny');
  const words = [...daemons.flat(), ...clients.flat()];
  if (words.some(({ host }) => mayBreak(rule, host)))
    return { daemons: daemons.slice(0, 1), clients: clients.slice(0, 1), verdict: 'refuse', lost };
  return { daemons, clients, verdict: refuses ? 'refuse' : 'grant', lost };
}

export interface Translated {
  readonly rule: Rule;
  readonly daemons: Rule['daemons'];
  readonly clients: Meant<Addresses>;
  readonly verdict: 'grant' | 'refuse';
  /** Records that the word at an index of the rule is lost. */
  readonly lose: (at: number) => void;
}

/** Which bound counts: a rule that grants must not let in too many, one that refuses must not refuse too few. */
export function boundOf({ verdict }: Pick<Translated, 'verdict'>): keyof Meant<never> {
  return verdict === 'grant' ? 'least' : 'most';
}

/** Translates the clients and options of a rule. */
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
