// Options that are valid but do not work, and plain commands.

import type { Accounts } from '../daemon/daemon-host.ts';
import { optionName } from '../parse/third-field.ts';
import type { Option } from '../rule/rule-option.ts';
import type { Rule } from '../rule/rule-table.ts';
import { show } from '../text/latin1.ts';
import { finding, type Told } from './catalog.ts';

export interface OptionFacts extends Accounts {
  readonly hasDirectory: (path: string) => boolean;
}

/** The dialect of the third field; undefined if there is none, or it is invalid. */
function dialectOf({ text, options }: Rule): 'options' | 'command' | undefined {
  const [first] = options;
  if (first === undefined || first.option.kind === 'error') return undefined;
  const name = optionName(text.slice(first.at)).toLowerCase();
  return first.option.kind === 'spawn' && name !== 'spawn' ? 'command' : 'options';
}

function* tellAccounts(
  option: Extract<Option, { kind: 'user' | 'group' }>,
  at: number,
  facts: OptionFacts,
): Generator<Told, void> {
  yield finding('no-effect', at, `${option.kind} has no effect where libwrap itself decides`);
  if (option.kind === 'user' && !facts.hasUser(option.user))
    yield finding('unknown-account', at, `there is no user ${show(option.user)}`);
  if (option.group !== undefined && !facts.hasGroup(option.group))
    yield finding('unknown-account', at, `there is no group ${show(option.group)}`);
}

/** Checks the options of a rule. */
export function* tellOptions(rule: Rule, facts: OptionFacts): Generator<Told, void> {
  for (const { at, option } of rule.options) {
    if (option.kind === 'aclexec')
      yield finding('open-aclexec', at, 'libwrap itself may let in a client that the command refuses');
    if (option.kind === 'user' || option.kind === 'group') yield* tellAccounts(option, at, facts);
    if (option.kind === 'banners' && !facts.hasDirectory(option.directory))
      yield finding('missing-banners', at, `${show(option.directory)} is not a directory`);
  }
}

/** Reports a rule of hosts.allow without an explicit `allow` (tcpdchk(8), -a). */
export function* tellImplicit({ text, options }: Rule, role: 'allow' | 'deny'): Generator<Told, void> {
  const last = options.at(-1)?.option.kind;
  if (role === 'allow' && last !== 'allow' && last !== 'deny' && last !== 'twist' && last !== 'error')
    yield finding('implicit-allow', text.length, 'no "allow" at the end of the rule');
}

/** Reports rules with plain commands, in both files. */
export function tellDialects(rules: readonly Rule[]): ReadonlyMap<Rule, Told> {
  const hasOptions = rules.some((rule) => dialectOf(rule) === 'options');
  const [id, message] = hasOptions
    ? (['dialect-mix', 'a plain command, while other rules have options'] as const)
    : (['shell-command', 'a plain command, for a libwrap without options'] as const);
  const commands = rules.filter((rule) => dialectOf(rule) === 'command');
  return new Map(commands.map((rule) => [rule, finding(id, rule.options[0]?.at ?? 0, message)]));
}
