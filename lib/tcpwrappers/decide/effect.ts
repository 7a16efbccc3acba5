// What the options of a rule come to for one request (hosts_options(5)).

import type { Work } from '../request/answer.ts';
import { userOf } from '../request/ask.ts';
import type { Request } from '../request/request.ts';
import type { Option, PlacedOption } from '../rule/option.ts';
import type { Severity } from '../rule/severity.ts';
import { chop } from '../text/blank.ts';
import { expandBanner } from './banner.ts';
import { expand, type Expansion } from './expand.ts';

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

export interface Outcome {
  /** What an option decided, if every `aclexec` succeeds; undefined if none did. */
  readonly verdict: Verdict | undefined;
  readonly reason: string | undefined;
  readonly effects: readonly Effect[];
  /** What does not change the verdict: letters that stand for nothing. */
  readonly warnings: readonly string[];
}

function refuse(reason: string): Step {
  return { verdict: 'denied', reason };
}

// Goes on with a text that has been expanded, unless that is too long.
function withText(expansion: Expansion, use: (text: string) => Step): Step {
  if (expansion.kind === 'broken') return refuse(expansion.message);
  return { ...use(expansion.text), unknownLetters: expansion.unknownLetters };
}

function setVariable(assignment: string): Step {
  const name = /^[^ \t\r\n]*/.exec(assignment)?.[0] ?? '';
  // EINVAL, and libwrap takes any error of setenv(3) for a lack of memory
  if (name === '' || name.includes('=')) return refuse('bad name of a variable');
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
  if (option.kind === 'user' && !(yield* hasAccount('user', option.user))) return refuse('unknown user');
  if (option.group !== undefined && !(yield* hasAccount('group', option.group)))
    return refuse('unknown group');
  return { effect: option };
}

function* takeOption(option: Option, request: Request): Work<Step> {
  switch (option.kind) {
    case 'allow':
      return { verdict: 'granted' };
    case 'deny':
      return { verdict: 'denied' };
    case 'error':
      return refuse(option.message);
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
export function* runOptions(options: readonly PlacedOption[], request: Request): Work<Outcome> {
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
