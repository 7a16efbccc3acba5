// The decision of hosts_access(3): hosts.allow, hosts.deny, and what the options of the rule that matches say.

import type { Work } from './answer.ts';
import { satisfy } from './ask.ts';
import { type Outcome, runOptions, type Verdict } from './effect.ts';
import type { Request } from './request.ts';
import type { Rule, Search, Tables } from './rule.ts';

export interface Ruling extends Outcome {
  /** What is decided if every `aclexec` succeeds. */
  readonly verdict: Verdict;
  /** The rule that matched, if one did. */
  readonly rule: Rule | undefined;
  /** Why it is so, where that is not simply the rule, or that there is none. */
  readonly reason: string | undefined;
}

const NOTHING = { reason: undefined, effects: [], warnings: [] } as const;
const GRANTED: Ruling = { verdict: 'granted', rule: undefined, ...NOTHING };

/** A refusal that is no rule's. */
export function refuse(reason: string): Ruling {
  return { ...NOTHING, verdict: 'denied', rule: undefined, reason };
}

// The decision of one table, or undefined if none of its rules matches.
function* decideBy({ table, find }: Search, request: Request): Work<Ruling | undefined> {
  if (table.refused !== undefined) return refuse(table.refused.message);
  let found = find(request);
  while (found !== undefined && 'kind' in found) {
    if (found.kind === 'broken') return refuse(found.message);
    yield* satisfy(found, request);
    found = find(request);
  }
  if (found === undefined) return undefined;
  const verdict = table.role === 'allow' ? 'granted' : 'denied';
  if (found.options.length === 0) return { verdict, rule: found, ...NOTHING };
  const outcome = yield* runOptions(found.options, request);
  return { ...outcome, verdict: outcome.verdict ?? verdict, rule: found };
}

/**
 * Decides on a request. Nothing is run: what the rule asks for is listed, and whatever has to be looked up for the
 * decision is yielded where it is needed; nothing else is.
 */
export function* decide(tables: Tables, request: Request): Work<Ruling> {
  const { allow } = tables;
  const granted = yield* decideBy(allow, request);
  if (granted !== undefined) return granted;
  const { deny } = tables;
  const denied = yield* decideBy(deny, request);
  if (denied !== undefined) return denied;
  // rules that might refuse were not read
  const unread = deny.table.unread ?? allow.table.unread;
  return unread === undefined ? GRANTED : refuse(unread.message);
}
