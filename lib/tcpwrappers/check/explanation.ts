// A decision with all that led to it, for `uchroot-tcpd match`. Nothing is run, and no client is asked for its user.

import { byPlace } from '../../findings/capped-list.ts';
import { Checked, type CheckFinding, checkText } from './checked-file.ts';
import { resolve } from '../connection/need.ts';
import {
  type Host,
  makeRequest,
  type Request,
  type RequestDescription,
  UNKNOWN,
} from '../connection/request-info.ts';
import { decide, type Effect, type Verdict } from '../decide/ruling.ts';
import { type MatchedRule, toMatched } from '../decision.ts';
import { type Lookup, lookUp, type Resolver } from '../lookup/resolver.ts';
import { hasInterface, systemResolver } from '../lookup/system-resolver.ts';
import { Matcher } from '../match/match.ts';
import type { ClientPattern, DaemonPattern, PatternList } from '../rule/pattern.ts';
import { type Rule, type Tables, wordText } from '../rule/rule-table.ts';
import { show, toUtf8 } from '../text/latin1.ts';

// No word matches, or one matches and another excepts it.
function whyNotList<Word extends { readonly at: number }>(
  { text }: Rule,
  list: PatternList<Word>,
  who: string,
  matches: (word: Word) => boolean,
): string | undefined {
  const shown = ({ at }: Word) => show(wordText({ text }, at));
  const found = list.map((part) => part.find(matches));
  const end = found.indexOf(undefined);
  const matched = end < 0 ? found : found.slice(0, end);
  if (matched.length % 2 === 1) return undefined;
  const last = matched.at(-1);
  if (last !== undefined) return `${who} is excepted by ${shown(last)}`;
  const words = (list[0] ?? []).map(shown);
  return `${who} is ${words.length === 1 ? 'not' : 'none of'} ${words.join(' ') || 'no words'}`;
}

/** Why a rule does not match; all look-ups have been made. */
function whyNot(rule: Rule, request: Request): string {
  const { client, server, daemon, user } = request;
  const port = server.port === undefined ? '' : ` at port ${server.port}`;
  const name = client.name === undefined ? '' : `, name ${show(client.name)}`;
  const who = `${show(client.address)}${name}${user === undefined ? '' : `, user ${show(user)}`}`;
  const matcher = new Matcher(request);
  const isDaemon = (word: DaemonPattern) => matcher.daemon(word, rule.doubt) === true;
  const isClient = (word: ClientPattern) => matcher.client(word, rule.doubt) === true;
  return (
    whyNotList(rule, rule.daemons, `${show(daemon)}${port}`, isDaemon) ??
    whyNotList(rule, rule.clients, who, isClient) ??
    'unknown'
  );
}

// Only findings that explain a decision, not advice for authors of rules.
function explains({ rule, severity }: CheckFinding): boolean {
  if (rule === 'world-writable' || rule === 'file-owner') return false;
  return severity === 'error' || rule === 'pattern-file-missing';
}

/** The findings of `check`, by rule; those about other lines and whole files have none. */
type Defects = Map<Rule | undefined, CheckFinding[]>;

/** The findings up to the rule that matched, or all. */
function findDefects({ allow, deny }: Tables, matched: Rule | undefined): Defects {
  const defects: Defects = new Map();
  for (const table of [allow, deny]) {
    const isLast = matched !== undefined && table.rules.includes(matched);
    const checked = new Checked(table);
    checkText(checked);
    const rules = new Map(table.rules.map((rule) => [rule.line, rule]));
    for (const finding of checked.findings.filter(explains).toSorted(byPlace)) {
      const line = finding.line === undefined ? undefined : checked.lineOf(finding.line);
      if (isLast && line !== undefined && line > matched.line) break;
      const rule = line === undefined ? undefined : rules.get(line);
      defects.set(rule, [...(defects.get(rule) ?? []), finding]);
    }
    if (isLast) break;
  }
  return defects;
}

/** One end of a connection, as far as it is known. */
export interface ExplainedEnd {
  readonly address: string;
  readonly name: string | undefined;
  readonly port: number | undefined;
}

/** Texts are UTF-8. */
export interface HostsExplanation {
  readonly verdict: Verdict;
  /** Whether a connection would get the same verdict. */
  readonly isCertain: boolean;
  /** Why a connection may get another verdict. */
  readonly doubts: readonly string[];
  /** Set where the rule alone does not explain the verdict. */
  readonly reason: string | undefined;
  readonly daemon: string;
  readonly client: ExplainedEnd & { readonly user: string | undefined };
  readonly server: ExplainedEnd;
  readonly rule: MatchedRule | undefined;
  /** The options of the rule, with expanded values. */
  readonly options: readonly { readonly name: string; readonly value: string }[];
  readonly warnings: readonly string[];
  readonly lookups: readonly Lookup[];
  /** Findings about lines that are no rules, about the rule that matched, and about whole files. */
  readonly findings: readonly CheckFinding[];
  /** The rules before it, and why each does not match. */
  readonly passed: readonly (MatchedRule & { readonly why: string })[];
}

/** Decides on a request, and explains why. A look-up takes at most `timeoutMs`. */
export async function explain(
  tables: Tables,
  described: RequestDescription,
  timeoutMs: number,
): Promise<HostsExplanation> {
  const request = makeRequest(described, hasInterface);
  const isUserGiven = request.user !== undefined;
  const resolver: Resolver = {
    ...systemResolver(timeoutMs),
    user: () => Promise.resolve({ value: UNKNOWN, problem: 'there is no connection to ask about' }),
  };
  const lookups: Lookup[] = [];
  const ruling = await resolve(decide(tables, request), (need) => lookUp(need, request, resolver, lookups));
  const { rule: matched, verdict } = ruling;
  const doubts = lookups
    .filter(({ isTemporary }) => isTemporary === true)
    .map(({ kind, subject, problem }) => `the ${kind} of ${subject}: ${problem}`);
  if (!isUserGiven && request.user !== undefined)
    doubts.push('the user of the client counts, and is assumed to be unknown: give USER@CLIENT');
  if (verdict !== 'denied' && ruling.effects.some(({ kind }) => kind === 'aclexec'))
    doubts.push('a command decides, and was not run (aclexec)');
  for (const table of [tables.allow, tables.deny])
    for (const { code, message } of table.findings)
      if (['cannot-open', 'file-refused', 'not-a-file'].includes(code)) doubts.push(message);
  const defects = findDefects(tables, matched);
  const rules = [...tables.allow.rules, ...tables.deny.rules];
  const passed = (matched === undefined ? rules : rules.slice(0, rules.indexOf(matched))).map((rule) => {
    const found = (defects.get(rule) ?? []).map(({ line, column, message, remedy }) => {
      return `${line === rule.line ? '' : `line ${line}, `}column ${column}: ${message} → ${remedy}`;
    });
    return Object.assign(toMatched(rule), { why: [whyNot(rule, request), ...found].join('; ') });
  });
  const findings = [...new Set([undefined, matched])].flatMap((rule) => defects.get(rule) ?? []);
  const { user } = request;
  return {
    verdict,
    isCertain: doubts.length === 0,
    doubts,
    reason: ruling.reason,
    daemon: toUtf8(request.daemon),
    client: { ...toEnd(request.client), user: user === undefined ? undefined : toUtf8(user) },
    server: toEnd(request.server),
    rule: matched && toMatched(matched),
    options: ruling.effects.map(optionOf).map(([name, value]) => ({ name, value: toUtf8(value) })),
    warnings: ruling.warnings,
    lookups: lookups.map(({ kind, subject, result, problem, durationMs }) => {
      return { kind, subject: toUtf8(subject), result: toUtf8(result), problem, durationMs };
    }),
    findings,
    passed,
  };
}

// An option and its expanded value.
function optionOf(effect: Effect): readonly [name: string, value: string] {
  switch (effect.kind) {
    case 'spawn':
    case 'twist':
    case 'aclexec':
      return [effect.kind, effect.command];
    case 'severity':
      return ['severity', [effect.facility, effect.level].filter((part) => part !== undefined).join('.')];
    case 'keepalive':
      return ['keepalive', ''];
    case 'linger':
      return ['linger', String(effect.seconds)];
    case 'banner':
      return ['banners', effect.text];
    case 'nice':
      return ['nice', String(effect.increment)];
    case 'setenv':
      return ['setenv', `${effect.name} ${effect.value}`];
    case 'umask':
      return ['umask', effect.mask.toString(8).padStart(3, '0')];
    case 'user':
      return ['user', [effect.user, effect.group].filter((part) => part !== undefined).join('.')];
    case 'group':
      return ['group', effect.group];
    default:
      return effect satisfies never;
  }
}

function toEnd({ address, name, port }: Host): ExplainedEnd {
  return { address: toUtf8(address), name: name === undefined ? undefined : toUtf8(name), port };
}
