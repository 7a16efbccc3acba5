// A decision with all that led to it: what `uchroot-tcpd match` tells. Nothing is run, and no user is asked for.

import type { CheckFinding } from '../check/checked.ts';
import { decide, type Ruling } from '../decide/decide.ts';
import type { Verdict } from '../decide/effect.ts';
import { hasInterface } from '../lookup/interface.ts';
import { type Lookup, lookUp, type Resolver } from '../lookup/lookup.ts';
import { systemResolver } from '../lookup/system.ts';
import { makeRequest, type Request, type RequestDescription, UNKNOWN } from '../request/request.ts';
import { resolve } from '../request/resolve.ts';
import type { Rule, Tables } from '../rule/rule.ts';
import { findDefects } from './defects.ts';
import { whyNot } from './why.ts';

/** A rule that does not match, and why. */
interface Passed {
  readonly rule: Rule;
  readonly why: string;
}

export interface Explanation {
  readonly verdict: Verdict;
  readonly request: Request;
  readonly ruling: Ruling;
  readonly lookups: readonly Lookup[];
  /** The rules that were tried before the one that matched, or all. */
  readonly passed: readonly Passed[];
  /** What is wrong with lines on the way that are no rules, with the rule that matched, and with whole files. */
  readonly findings: readonly CheckFinding[];
  /** Why the verdict may be another for a connection; empty if it is certain. */
  readonly doubts: readonly string[];
}

// What another time, or a connection, may answer in another way.
const TEMPORARY = /temporary failure|no answer in time|cannot be read|getent/i;

/** Decides on a request by tables, and tells why. A look-up takes at most `timeoutMs`. */
export async function explain(
  tables: Tables,
  described: RequestDescription,
  timeoutMs: number,
): Promise<Explanation> {
  const request = makeRequest(described, hasInterface);
  const isUserGiven = request.user !== undefined;
  const resolver: Resolver = {
    ...systemResolver(timeoutMs),
    // whoever it is about does not connect now
    user: () => Promise.resolve({ value: UNKNOWN, problem: 'there is no connection to ask about' }),
  };
  const lookups: Lookup[] = [];
  const ruling = await resolve(decide(tables, request), (need) => lookUp(need, request, resolver, lookups));
  const doubts = lookups
    .filter(({ problem }) => problem !== undefined && TEMPORARY.test(problem))
    .map(({ kind, subject, problem }) => `the ${kind} of ${subject}: ${problem}`);
  if (!isUserGiven && request.user !== undefined)
    doubts.push('the user of the client counts, and is taken for unknown: give USER@CLIENT');
  if (ruling.verdict !== 'denied' && ruling.effects.some(({ kind }) => kind === 'aclexec'))
    doubts.push('a command decides, which was not run (aclexec)');
  for (const { table } of [tables.allow, tables.deny])
    for (const { code, message } of table.findings)
      if (code === 'cannot-open' || code === 'file-refused') doubts.push(message);
  const { byRule, others } = findDefects(tables, ruling.rule);
  const passed = passedRules(tables, ruling.rule).map((rule) => ({
    rule,
    why: [whyNot(rule, request), ...(byRule.get(rule) ?? []).map((one) => showDefect(rule, one))].join('; '),
  }));
  const findings = [...others, ...(ruling.rule === undefined ? [] : (byRule.get(ruling.rule) ?? []))];
  return { verdict: ruling.verdict, request, ruling, lookups, passed, findings, doubts };
}

function showDefect(rule: Rule, { line, column, message }: CheckFinding): string {
  return `${line === rule.line ? '' : `line ${line}, `}column ${column}: ${message}`;
}

function passedRules({ allow, deny }: Tables, matched: Rule | undefined): readonly Rule[] {
  const rules = [...allow.table.rules, ...deny.table.rules];
  return matched === undefined ? rules : rules.slice(0, rules.indexOf(matched));
}
