// What the options of a rule come to for one request (hosts_options(5)).

import type { Work } from './answer.ts';
import { userOf } from './ask.ts';
import { expandBanner } from './banner.ts';
import { chop } from './blank.ts';
import { expand, type Expansion } from './expand.ts';
import type { Option, PlacedOption } from './option.ts';
import type { Request } from './request.ts';
import type { Severity } from './severity.ts';

/** Something to be done when a decision is put into effect. Texts are expanded. */
export type Effect =
  | { readonly kind: 'spawn'; readonly command: string }
  | { readonly kind: 'twist'; readonly command: string }
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

export interface Outcome {
  /** What an option decided; undefined if none did. */
  readonly verdict: 'granted' | 'denied' | 'delegated' | undefined;
  readonly reason: string | undefined;
  readonly effects: readonly Effect[];
  readonly warnings: readonly string[];
  readonly isGuess: boolean;
}

// Takes options one by one, as libwrap does: each sees what the look-ups of those before it have found.
class Run {
  readonly effects: Effect[] = [];
  readonly warnings: string[] = [];
  readonly request: Request;
  isGuess = false;
  reason: string | undefined;

  constructor(request: Request) {
    this.request = request;
  }

  deny(reason: string): 'denied' {
    this.reason = reason;
    return 'denied';
  }

  // The text, or undefined if the request is refused for it.
  *text(expansion: Work<Expansion>): Work<string | undefined> {
    const result = yield* expansion;
    if (result.kind === 'broken') {
      this.reason = result.message;
      return undefined;
    }
    for (const letter of result.unknownLetters) this.warnings.push(`unrecognized %${letter}`);
    return result.text;
  }

  *command(text: string): Work<string | undefined> {
    const expanded = yield* this.text(expand(text, this.request));
    return expanded === undefined ? undefined : chop(expanded);
  }

  *account(database: 'user' | 'group', name: string): Work<'denied' | undefined> {
    const exists = name !== '' && (yield { kind: 'account', database, name }) === true;
    return exists ? undefined : this.deny(`unknown ${database}`);
  }
}

type Verdict = 'granted' | 'denied' | 'delegated' | undefined;

function* runCommand(run: Run, option: Option & { readonly command: string }): Work<Verdict> {
  const command = yield* run.command(option.command);
  if (command === undefined) return 'denied';
  if (option.kind === 'spawn') run.effects.push({ kind: 'spawn', command });
  else if (option.kind === 'twist') {
    run.effects.push({ kind: 'twist', command });
    return 'delegated';
  } else {
    const succeeded = yield { kind: 'command', command };
    // refused, whatever table the rule stands in (hosts_options(5)); libwrap goes on
    if (succeeded === false) return run.deny('the command of aclexec failed');
    if (succeeded !== true) run.isGuess = true;
  }
  return undefined;
}

function* setVariable(run: Run, assignment: string): Work<Verdict> {
  const expanded = yield* run.command(assignment);
  if (expanded === undefined) return 'denied';
  const name = /^[^ \t\r\n]*/.exec(expanded)?.[0] ?? '';
  // EINVAL, and libwrap takes any error of setenv(3) for a lack of memory
  if (name === '' || name.includes('=')) return run.deny('bad name of a variable');
  run.effects.push({ kind: 'setenv', name, value: chop(expanded.slice(name.length)) });
  return undefined;
}

function* sendBanner(run: Run, directory: string): Work<Verdict> {
  const found = yield { kind: 'banner', path: `${directory}/${run.request.daemon}` };
  if (typeof found !== 'string') return undefined;
  const text = yield* run.text(expandBanner(found, run.request));
  if (text === undefined) return 'denied';
  run.effects.push({ kind: 'banner', text });
  return undefined;
}

function* runOption(run: Run, option: Option): Work<Verdict> {
  switch (option.kind) {
    case 'allow':
      return 'granted';
    case 'deny':
      return 'denied';
    case 'error':
      return run.deny(option.message);
    case 'spawn':
    case 'twist':
    case 'aclexec':
      return yield* runCommand(run, option);
    case 'setenv':
      return yield* setVariable(run, option.assignment);
    case 'banners':
      return yield* sendBanner(run, option.directory);
    case 'rfc931':
      if (option.timeoutSeconds !== undefined) run.request.identTimeoutSeconds = option.timeoutSeconds;
      yield* userOf(run.request);
      return undefined;
    case 'user': {
      const denied = yield* run.account('user', option.user);
      if (denied !== undefined) return denied;
      if (option.group !== undefined) {
        const groupDenied = yield* run.account('group', option.group);
        if (groupDenied !== undefined) return groupDenied;
      }
      run.effects.push(option);
      return undefined;
    }
    case 'group': {
      const denied = yield* run.account('group', option.group);
      if (denied === undefined) run.effects.push(option);
      return denied;
    }
    case 'severity':
    case 'keepalive':
    case 'linger':
    case 'nice':
    case 'umask':
      run.effects.push(option);
      return undefined;
    default:
      return option satisfies never;
  }
}

/** Goes through the options of a rule, up to the one that decides, if any does. */
export function* runOptions(options: readonly PlacedOption[], request: Request): Work<Outcome> {
  const run = new Run(request);
  let verdict: Verdict;
  for (const { option } of options) {
    verdict = yield* runOption(run, option);
    if (verdict !== undefined) break;
  }
  const { reason, effects, warnings, isGuess } = run;
  return { verdict, reason, effects, warnings, isGuess };
}
