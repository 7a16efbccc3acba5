// What a rule does, as far as a packet filter can: grant or refuse. Pure.

import type { Accounts } from '../daemon/accounts.ts';
import type { PlacedOption } from '../rule/option.ts';
import type { HostPattern } from '../rule/pattern.ts';
import type { Rule } from '../rule/rule.ts';

/** What a rule decides, of whom, and the options that are lost. */
export interface RuleEffect {
  readonly daemons: Rule['daemons'];
  readonly clients: Rule['clients'];
  readonly verdict: 'grant' | 'refuse';
  readonly lost: readonly PlacedOption[];
}

// Whether an option of a rule that grants may refuse all the same: then the rule refuses here.
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
      // a name that depends on the client may be none
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

// Whether the decision may end, and refuse, at a word that cannot be believed or read.
function mayBreak({ doubt }: Pick<Rule, 'doubt'>, host: HostPattern | undefined): boolean {
  if (host?.kind !== 'file')
    return typeof doubt === 'object' && (host?.kind === 'doubtful' || host?.kind === 'netgroup');
  const { broken, patterns } = host.file;
  return broken !== undefined || patterns.some((pattern) => mayBreak({ doubt }, pattern));
}

/** What a rule decides; one that may refuse does, and what it excepts may not be come to. */
export function effectOf(rule: Rule, role: 'allow' | 'deny', accounts: Accounts): RuleEffect {
  const { options, daemons, clients } = rule;
  const isGrant = options.at(-1)?.option.kind === 'allow' || role === 'allow';
  const refuses = !isGrant || options.some((placed) => mayRefuse(placed, accounts));
  const lost = options.filter(({ option }) => option.kind !== 'allow' && option.kind !== 'deny');
  const words = [...daemons.flat(), ...clients.flat()];
  if (words.some(({ host }) => mayBreak(rule, host)))
    return { daemons: daemons.slice(0, 1), clients: clients.slice(0, 1), verdict: 'refuse', lost };
  return { daemons, clients, verdict: refuses ? 'refuse' : 'grant', lost };
}
