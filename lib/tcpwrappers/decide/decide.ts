// The decision of hosts_access(3): hosts.allow, hosts.deny, and what the options of the rule that matches say.

import type { Work } from '../request/answer.ts';
import { satisfy } from '../request/ask.ts';
import type { Request } from '../request/request.ts';
import type { Rule, Search, Table, Tables } from '../rule/rule.ts';
import { type Outcome, runOptions, type Verdict } from './effect.ts';

export interface Ruling extends Outcome {
  /** What is decided if every `aclexec` succeeds. */
  readonly verdict: Verdict;
  /** The rule that matched, if one did. */
  readonly rule: Rule | undefined;
  /** Why it is so, where that is not simply the rule, or that there is none. */
  readonly reason: string | undefined;
  /** Those that were looked at. */
  readonly tables: readonly Table[];
}

const NONE: readonly never[] = [];

// A ruling without options. Field by field, since a connection has no time for a spread.
function rule(
  verdict: Verdict,
  rule: Rule | undefined,
  reason: string | undefined,
  tables: readonly Table[],
): Ruling {
  return { verdict, rule, reason, effects: NONE, warnings: NONE, tables };
}

/** A refusal that is no rule's. */
export function refuse(reason: string, tables: readonly Table[] = NONE): Ruling {
  return rule('denied', undefined, reason, tables);
}

/**
 * Decides by one file, of which `before` were looked at; undefined if none of its rules matches. Nothing is run: what the
 * rule asks for is listed, and whatever has to be looked up for the decision is yielded where it is needed; nothing else is.
 */
export function* decideBy(
  { table, find }: Search,
  before: readonly Table[],
  request: Request,
): Work<Ruling | undefined> {
  const searched = [...before, table];
  if (table.refused !== undefined) return refuse(table.refused.message, searched);
  let found = find(request);
  while (found !== undefined && 'kind' in found) {
    if (found.kind === 'broken') return refuse(found.message, searched);
    yield* satisfy(found, request);
    found = find(request);
  }
  if (found === undefined) return undefined;
  const verdict = table.role === 'allow' ? 'granted' : 'denied';
  if (found.options.length === 0) return rule(verdict, found, undefined, searched);
  const outcome = yield* runOptions(found.options, request);
  return { ...outcome, verdict: outcome.verdict ?? verdict, rule: found, tables: searched };
}

/** Where no rule matches: granted, unless rules that might refuse were not read. */
export function decideWithout(searched: readonly Table[]): Ruling {
  const unread = searched.findLast((table) => table.unread !== undefined)?.unread;
  return unread === undefined
    ? rule('granted', undefined, undefined, searched)
    : refuse(unread.message, searched);
}

/** Decides on a request by hosts.allow, and then by hosts.deny. */
export function* decide({ allow, deny }: Tables, request: Request): Work<Ruling> {
  return (
    (yield* decideBy(allow, NONE, request)) ??
    (yield* decideBy(deny, [allow.table], request)) ??
    decideWithout([allow.table, deny.table])
  );
}
