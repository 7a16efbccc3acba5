// The decision of hosts_access(3): hosts.allow, then hosts.deny, and the options of the rule that matches.

import type { Work } from '../connection/need.ts';
import { type Request, satisfy, userOf } from '../connection/request-info.ts';
import { findRule } from '../match/match.ts';
import type { Option, PlacedOption } from '../rule/rule-option.ts';
import type { Rule, Table, Tables } from '../rule/rule-table.ts';
import { chop } from '../text/latin1.ts';
import { expand, expandBanner, type Expansion } from './expansion.ts';

/** An action that carries a decision out. Texts are expanded; an `aclexec` refuses if its command fails. */
export type Effect =
  | Exclude<Option, { readonly kind: 'allow' | 'deny' | 'rfc931' | 'banners' | 'setenv' | 'error' }>
  | { readonly kind: 'banner'; readonly text: string }
  | { readonly kind: 'setenv'; readonly name: string; readonly value: string };

/** `delegated`: the client gets a command (`twist`) instead of the service. */
export type Verdict = 'granted' | 'denied' | 'delegated';

interface Step {
  readonly effect?: Effect;
  /** If set, later options do not count. */
  readonly verdict?: Verdict;
  readonly reason?: string;
  readonly unknownLetters?: string;
}

interface Outcome {
  /** The verdict of an option, if every `aclexec` succeeds; undefined if no option decides. */
  readonly verdict: Verdict | undefined;
  readonly reason: string | undefined;
  readonly effects: readonly Effect[];
  /** Problems that do not change the verdict, such as unknown letters behind a %. */
  readonly warnings: readonly string[];
}

const refuseBy = (reason: string): Step => ({ verdict: 'denied', reason });

function withText(expansion: Expansion, use: (text: string) => Step): Step {
  if (expansion.kind === 'broken') return refuseBy(expansion.message);
  return { ...use(expansion.text), unknownLetters: expansion.unknownLetters };
}

function setVariable(assignment: string): Step {
  const name = /^[^ \t\r\n]*/.exec(assignment)?.[0] ?? '';
  // setenv(3) fails with EINVAL, and libwrap refuses
  if (name === '' || name.includes('=')) return refuseBy('bad name of a variable');
  return { effect: { kind: 'setenv', name, value: chop(assignment.slice(name.length)) } };
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
    case 'twist': {
      const { kind } = option;
      return withText(yield* expand(option.command, request), (text) => ({
        effect: { kind, command: chop(text) },
        ...(kind === 'twist' && { verdict: 'delegated' }),
      }));
    }
    case 'setenv':
      return withText(yield* expand(option.assignment, request), (text) => setVariable(chop(text)));
    case 'banners': {
      const found = yield { kind: 'banner', path: `${option.directory}/${request.daemon}` };
      if (typeof found !== 'string') return {};
      const expanded = yield* expandBanner(found, request);
      return withText(expanded, (text) => ({ effect: { kind: 'banner', text } }));
    }
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

/** Evaluates options in order, up to the first that decides: each sees the look-ups of those before it. */
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
  /** The verdict if every `aclexec` succeeds. */
  readonly verdict: Verdict;
  readonly rule: Rule | undefined;
  /** Set where the rule alone does not explain the verdict. */
  readonly reason: string | undefined;
  readonly tables: readonly Table[];
}

const NONE: readonly never[] = [];

// Field by field, because a spread is slow, and every connection comes here.
function makeRuling(verdict: Verdict, rule?: Rule, reason?: string, tables: readonly Table[] = NONE): Ruling {
  return { verdict, rule, reason, effects: NONE, warnings: NONE, tables };
}

export function refuse(reason: string, tables?: readonly Table[]): Ruling {
  return makeRuling('denied', undefined, reason, tables);
}

/**
 * Decides by one file; undefined if none of its rules matches. `before` are the tables that were searched already.
 * Nothing is run: the actions are listed, and each look-up is yielded when it is needed.
 */
export function* decideBy(
  table: Table,
  before: readonly Table[],
  request: Request,
): Work<Ruling | undefined> {
  const searched = [...before, table];
  if (table.refused !== undefined) return refuse(table.refused.message, searched);
  let found = findRule(table.rules, request);
  while (found !== undefined && 'kind' in found) {
    if (found.kind === 'broken') return refuse(found.message, searched);
    yield* satisfy(found, request);
    found = findRule(table.rules, request);
  }
  if (found === undefined) return undefined;
  const verdict = table.role === 'allow' ? 'granted' : 'denied';
  if (found.options.length === 0) return makeRuling(verdict, found, undefined, searched);
  const outcome = yield* runOptions(found.options, request);
  return { ...outcome, verdict: outcome.verdict ?? verdict, rule: found, tables: searched };
}

/** No rule matches: granted, unless rules that may refuse are unread. */
export function decideWithout(searched: readonly Table[]): Ruling {
  const reason = searched.findLast(({ unread }) => unread !== undefined)?.unread?.message;
  return makeRuling(reason === undefined ? 'granted' : 'denied', undefined, reason, searched);
}

export function* decide({ allow, deny }: Tables, request: Request): Work<Ruling> {
  return (
    (yield* decideBy(allow, NONE, request)) ??
    (yield* decideBy(deny, [allow], request)) ??
    decideWithout([allow, deny])
  );
}
