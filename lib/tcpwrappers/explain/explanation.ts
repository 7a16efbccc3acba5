// A decision with all that led to it, for `uchroot-tcpd match`. Nothing is run, and the client is not asked for its
// user.

import { Checked, type CheckFinding } from '../check/checked.ts';
import { checkText } from '../check/file-checks.ts';
import { resolve } from '../connection/need.ts';
import { makeRequest, type Request, type RequestDescription, UNKNOWN } from '../connection/request-info.ts';
import { decide, type Ruling, type Verdict } from '../decide/ruling.ts';
import { type Lookup, lookUp, type Resolver } from '../lookup/resolver.ts';
import { hasInterface, systemResolver } from '../lookup/system-resolver.ts';
import { matchClient, matchDaemon, type MatchWord, matchWords } from '../match/match.ts';
import type { PatternList } from '../rule/pattern.ts';
import { type Rule, type Tables, wordText } from '../rule/rule-table.ts';
import { show } from '../text/latin1.ts';

// No word matches, or one matches and another excepts it.
function whyNotList<Word extends { readonly at: number }>(
  rule: Rule,
  list: PatternList<Word>,
  who: string,
  request: Request,
  matchWord: MatchWord<Word>,
): string | undefined {
  const text = ({ at }: Word) => show(wordText(rule, at));
  let matched: Word | undefined;
  let isIn = false;
  for (const part of list) {
    const found = part.find((word) => matchWord(word, request, rule.doubt, matchWords) === true);
    if (found === undefined) break;
    matched = found;
    isIn = !isIn;
  }
  if (isIn) return undefined;
  if (matched !== undefined) return `${who} is excepted by ${text(matched)}`;
  const words = (list[0] ?? []).map(text);
  return `${who} is ${words.length === 1 ? 'not' : 'none of'} ${words.join(' ') || 'no words'}`;
}

/** Why a rule does not match; all look-ups have been made. */
function whyNot(rule: Rule, request: Request): string {
  const { client, server, daemon, user } = request;
  const port = server.port === undefined ? '' : ` at port ${server.port}`;
  const name = client.name === undefined ? '' : `, name ${show(client.name)}`;
  const who = `${show(client.address)}${name}${user === undefined ? '' : `, user ${show(user)}`}`;
  return (
    whyNotList(rule, rule.daemons, `${show(daemon)}${port}`, request, matchDaemon) ??
    whyNotList(rule, rule.clients, who, request, matchClient) ??
    'unknown'
  );
}

/** Findings of `check` on the way to a decision. */
interface Defects {
  /** Findings about each rule. */
  readonly byRule: ReadonlyMap<Rule, readonly CheckFinding[]>;
  /** Findings about other lines, and about whole files. */
  readonly others: readonly CheckFinding[];
}

// Only findings that explain a decision, not advice for authors of rules.
function explains({ rule, severity }: CheckFinding): boolean {
  if (rule === 'world-writable' || rule === 'file-owner') return false;
  return severity === 'error' || rule === 'pattern-file-missing';
}

function place({ line, column }: CheckFinding): number {
  return (line ?? 0) * 1e6 + (column ?? 0);
}

/** The findings up to the rule that matched, or all. */
function findDefects({ allow, deny }: Tables, matched: Rule | undefined): Defects {
  const byRule = new Map<Rule, CheckFinding[]>();
  const others: CheckFinding[] = [];
  for (const { table } of [allow, deny]) {
    const isLast = matched !== undefined && table.rules.includes(matched);
    const checked = new Checked(table);
    checkText(checked);
    const rules = new Map(table.rules.map((rule) => [rule.line, rule]));
    for (const finding of checked.findings.filter(explains).toSorted((a, b) => place(a) - place(b))) {
      const line = finding.line === undefined ? undefined : checked.lineOf(finding.line);
      if (isLast && line !== undefined && line > matched.line) break;
      const rule = line === undefined ? undefined : rules.get(line);
      if (rule === undefined) others.push(finding);
      else byRule.set(rule, [...(byRule.get(rule) ?? []), finding]);
    }
    if (isLast) break;
  }
  return { byRule, others };
}

export interface Explanation {
  readonly verdict: Verdict;
  readonly request: Request;
  readonly ruling: Ruling;
  readonly lookups: readonly Lookup[];
  /** The rules before the one that matched, or all rules. */
  readonly passed: readonly { readonly rule: Rule; readonly why: string }[];
  /** Findings about lines that are no rules, about the rule that matched, and about whole files. */
  readonly findings: readonly CheckFinding[];
  /** Why a connection may get another verdict; empty if it is certain. */
  readonly doubts: readonly string[];
}

// Problems that may be different at another time.
const TEMPORARY = /temporary failure|no answer in time|cannot be read|getent/i;

/** Decides on a request, and explains why. A look-up takes at most `timeoutMs`. */
export async function explain(
  tables: Tables,
  described: RequestDescription,
  timeoutMs: number,
): Promise<Explanation> {
  const request = makeRequest(described, hasInterface);
  const isUserGiven = request.user !== undefined;
  const resolver: Resolver = {
    ...systemResolver(timeoutMs),
    // there is no connection to ask about
    user: () => Promise.resolve({ value: UNKNOWN, problem: 'there is no connection to ask about' }),
  };
  const lookups: Lookup[] = [];
  const ruling = await resolve(decide(tables, request), (need) => lookUp(need, request, resolver, lookups));
  const doubts = lookups
    .filter(({ problem }) => problem !== undefined && TEMPORARY.test(problem))
    .map(({ kind, subject, problem }) => `the ${kind} of ${subject}: ${problem}`);
  if (!isUserGiven && request.user !== undefined)
    doubts.push('the user of the client counts, and is assumed to be unknown: give USER@CLIENT');
  if (ruling.verdict !== 'denied' && ruling.effects.some(({ kind }) => kind === 'aclexec'))
    doubts.push('a command decides, and was not run (aclexec)');
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
