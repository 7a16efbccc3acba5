// What the options of a rule come to for one request (hosts_options(5)).
// The decision of hosts_access(3): hosts.allow, hosts.deny, and what the options of the rule that matches say.

import type { Work } from '../connection/need.ts';
import { type Request, satisfy, userOf } from '../connection/request-info.ts';
import type { Option, PlacedOption, Severity } from '../rule/rule-option.ts';
import type { Rule, Search, Table, Tables } from '../rule/rule-table.ts';
import { chop } from '../text/latin1.ts';
import { expand, expandBanner, type Expansion } from './expansion.ts';

/** Something to be done when a decision is put into effect. Texts are expanded. */
export type Effect =
  | { readonly kind: 'spawn'; readonly command: string }
  | { readonly kind: 'twist'; readonly command: string }
  /** Refuses if it fails, and nothing behind it is done. */
  | { readonly kind: 'aclexec'; readonly command: string }
  | ({ readonly kind: 'severity' } & Severity)
  | { readonly kind: 'keepalive' }
  | { readonly kind: 'linger'; readonly seconds: number }
  /** To be sent to the client. */
  | { readonly kind: 'banner'; readonly text: string }
  | { readonly kind: 'nice'; readonly increment: number }
  | { readonly kind: 'setenv'; readonly name: string; readonly value: string }
  | { readonly kind: 'umask'; readonly mask: number }
  | { readonly kind: 'user'; readonly user: string; readonly group?: string }
  | { readonly kind: 'group'; readonly group: string };

/** `delegated`: the client gets a command (`twist`) in place of the service. */
export type Verdict = 'granted' | 'denied' | 'delegated';

/** What one option comes to. */
interface Step {
  readonly effect?: Effect;
  /** No option behind it counts. */
  readonly verdict?: Verdict;
  readonly reason?: string;
  readonly unknownLetters?: string;
}

interface Outcome {
  /** What an option decided, if every `aclexec` succeeds; undefined if none did. */
  readonly verdict: Verdict | undefined;
  readonly reason: string | undefined;
  readonly effects: readonly Effect[];
  /** What does not change the verdict: letters that stand for nothing. */
  readonly warnings: readonly string[];
}

function refuseBy(reason: string): Step {
  return { verdict: 'denied', reason };
}

// Goes on with a text that has been expanded, unless that is too long.
function withText(expansion: Expansion, use: (text: string) => Step): Step {
  if (expansion.kind === 'broken') return refuseBy(expansion.message);
  return { ...use(expansion.text), unknownLetters: expansion.unknownLetters };
}

function setVariable(assignment: string): Step {
  const name = /^[^ \t\r\n]*/.exec(assignment)?.[0] ?? '';
  // EINVAL, and libwrap takes any error of setenv(3) for a lack of memory
  if (name === '' || name.includes('=')) return refuseBy('bad name of a variable');
  return { effect: { kind: 'setenv', name, value: chop(assignment.slice(name.length)) } };
}

function* sendBanner(directory: string, request: Request): Work<Step> {
  const found = yield { kind: 'banner', path: `${directory}/${request.daemon}` };
  if (typeof found !== 'string') return {};
  return withText(yield* expandBanner(found, request), (text) => ({ effect: { kind: 'banner', text } }));
}

function* hasAccount(database: 'user' | 'group', name: string): Work<boolean> {
  return name !== '' && (yield { kind: 'account', database, name }) === true;
}

function* changeIdentity(option: Extract<Option, { kind: 'user' | 'group' }>): Work<Step> {
  if (option.kind === 'user' && !(yield* hasAccount('user', option.user))) return refuseBy('unknown user');
  if (option.group !== undefined && !(yield* hasAccount('group', option.group)))
    return refuseBy('unknown group');
  return { effect: option };
}

function* takeOption(option: Option, request: Request): Work<Step> {
  switch (option.kind) {
    case 'allow':
      return { verdict: 'granted' };
    case 'deny':
      return { verdict: 'denied' };
    case 'error':
      return refuseBy(option.message);
    case 'spawn':
    case 'aclexec':
      return withText(yield* expand(option.command, request), (text) => ({
        effect: { kind: option.kind, command: chop(text) },
      }));
    case 'twist':
      return withText(yield* expand(option.command, request), (text) => ({
        effect: { kind: 'twist', command: chop(text) },
        verdict: 'delegated',
      }));
    case 'setenv':
      return withText(yield* expand(option.assignment, request), (text) => setVariable(chop(text)));
    case 'banners':
      return yield* sendBanner(option.directory, request);
    case 'rfc931':
      if (option.timeoutSeconds !== undefined) request.identTimeoutSeconds = option.timeoutSeconds;
      yield* userOf(request);
      return {};
    case 'user':
    case 'group':
      return yield* changeIdentity(option);
    case 'severity':
    case 'keepalive':
    case 'linger':
    case 'nice':
    case 'umask':
      return { effect: option };
    default:
      return option satisfies never;
  }
}

/**
 * Goes through the options of a rule one by one, up to the first that decides, if any does: each sees what the
 * look-ups of those before it have found.
 */
function* runOptions(options: readonly PlacedOption[], request: Request): Work<Outcome> {
  const effects: Effect[] = [];
  const warnings: string[] = [];
  for (const { option } of options) {
    const step = yield* takeOption(option, request);
    if (step.effect !== undefined) effects.push(step.effect);
    for (const letter of step.unknownLetters ?? '') warnings.push(`unrecognized %${letter}`);
    if (step.verdict !== undefined) return { verdict: step.verdict, reason: step.reason, effects, warnings };
  }
  return { verdict: undefined, reason: undefined, effects, warnings };
}

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
