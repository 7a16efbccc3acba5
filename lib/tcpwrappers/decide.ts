// The decision of hosts_access(3): hosts.allow, hosts.deny, and what the options of the rule that matches say.

import type { Broken, Stop, Work } from './answer.ts';
import { satisfy } from './ask.ts';
import { type Effect, runOptions } from './effect.ts';
import type { Request } from './request.ts';
import type { Hosts, Rule, Search } from './rule.ts';

export interface Decision {
  /** `delegated`: the client gets a command (`twist`) in place of the service. */
  readonly verdict: 'granted' | 'denied' | 'delegated';
  /** The rule that matched, if one did. */
  readonly rule: Rule | undefined;
  /** Why it is so, where that is not simply the rule, or that there is none. */
  readonly reason: string | undefined;
  /** What is to be done, in this order. */
  readonly effects: readonly Effect[];
  /** What does not change the verdict: letters that stand for nothing. */
  readonly warnings: readonly string[];
  /** Whether an `aclexec` was taken to succeed since nobody ran it. */
  readonly isGuess: boolean;
}

function isRule(found: Rule | Stop): found is Rule {
  return 'daemons' in found;
}

/** The first rule that matches, after whatever had to be looked up to know. */
function* findRule(search: Search, request: Request): Work<Rule | Broken | undefined> {
  for (;;) {
    const found = search.find(request);
    if (found === undefined || isRule(found) || found.kind === 'broken') return found;
    yield* satisfy(found, request);
  }
}

function refuse(reason: string): Decision {
  return { verdict: 'denied', rule: undefined, reason, effects: [], warnings: [], isGuess: false };
}

/**
 * Decides on a request. Nothing is run: what the rule asks for is listed, and whatever has to be looked up for the
 * decision is yielded where it is needed; nothing else is.
 */
export function* decide({ allow, deny }: Hosts, request: Request): Work<Decision> {
  for (const { table, find } of [allow, deny]) {
    if (table.refused !== undefined) return refuse(table.refused.message);
    const found = yield* findRule({ table, find }, request);
    if (found === undefined) continue;
    if (!isRule(found)) return refuse(found.message);
    const outcome = yield* runOptions(found.options, request);
    const verdict = outcome.verdict ?? (table.role === 'allow' ? 'granted' : 'denied');
    return { ...outcome, verdict, rule: found };
  }
  // rules that might refuse were not read
  const unread = deny.table.unread ?? allow.table.unread;
  if (unread !== undefined) return refuse(unread.message);
  return {
    verdict: 'granted',
    rule: undefined,
    reason: undefined,
    effects: [],
    warnings: [],
    isGuess: false,
  };
}
