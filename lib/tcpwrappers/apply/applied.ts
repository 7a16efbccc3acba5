// Does what the options of a rule ask for, one after the other, as far as it goes.

import type { Socket } from 'node:net';

import type { Request } from '../connection/request-info.ts';
import type { Effect, Ruling, Verdict } from '../decide/ruling.ts';
import { shareOf } from '../text/address.ts';
import { toUtf8 } from '../text/latin1.ts';
import { type Done, type Place, SocketPlace } from './connection-target.ts';
import { logEntries, type LogEntry } from './log-entries.ts';
import { ProcessPlace } from './process-target.ts';
import { runCommand } from './shell-command.ts';

/** For what a decision is put into effect: one of the two. */
export type ApplyTarget = {
  /** Called once it is certain that the client is refused and gets nothing more; commands of the rule may still run. */
  readonly onRefused?: (() => void) | undefined;
} &
  /** A connection of a process that has others. */
  (
    | { readonly socket: Socket; readonly fd?: undefined }
    /** The connection that this process is there for alone, as a descriptor: options change the process for good. */
    | { readonly fd: number; readonly socket?: undefined }
  );

/** What came of it. */
export interface Applied {
  /** Only `granted` lets the client in. */
  readonly verdict: Verdict;
  /** Why it is so, where that is not simply the rule. */
  readonly reason: string | undefined;
  /** What was not done, and does not refuse for that. */
  readonly problems: readonly string[];
  /** What to write to syslog(3). */
  readonly log: readonly LogEntry[];
  /** Variables that the rule sets for the service (`setenv`); in a process for one connection they are set. */
  readonly variables: Readonly<Record<string, string>>;
  /** `delegated`, and the process is there for one connection: makes it the command. It throws if there is no shell. */
  readonly become?: (() => never) | undefined;
}

export interface TimeLimits {
  readonly commandTimeoutMs: number;
  readonly twistTimeoutMs: number;
}

/** What all options of one decision have in common. */
interface Work {
  readonly place: Place;
  /** For whom commands are run. */
  readonly client: string;
  readonly limits: TimeLimits;
}

async function run(
  kind: 'spawn' | 'aclexec',
  command: string,
  { place: { variables }, client, limits }: Work,
): Promise<Done> {
  const end = await runCommand(command, client, { variables, timeoutMs: limits.commandTimeoutMs });
  const problem = end.problem === undefined ? '' : `: ${end.problem}`;
  if (kind === 'aclexec')
    return end.succeeded ? undefined : { refusal: `the command of aclexec failed${problem}` };
  // the exit status of what runs beside the service does not matter
  return end.problem === undefined ? undefined : { problem: `spawn${problem}` };
}

function setVariable(name: string, value: string, place: Place): Done {
  const variable = [toUtf8(name), toUtf8(value)] as const;
  // Node's environment is UTF-8
  if (variable.some((text) => text.includes('\ufffd')))
    return { refusal: 'setenv: the variable is no UTF-8' };
  return place.setVariable(...variable);
}

// Everything but twist, which is the end.
async function carryOut(effect: Effect, work: Work): Promise<Done> {
  const { place } = work;
  switch (effect.kind) {
    case 'spawn':
    case 'aclexec':
      return run(effect.kind, effect.command, work);
    case 'setenv':
      return setVariable(effect.name, effect.value, place);
    case 'banner':
      return place.send(Buffer.from(effect.text, 'latin1'));
    case 'keepalive':
      return place.keepAlive();
    case 'linger':
      return place.linger(effect.seconds);
    case 'nice':
    case 'umask':
    case 'user':
    case 'group':
      return place.change(effect);
    case 'severity':
    case 'twist':
      return undefined;
    default:
      return effect satisfies never;
  }
}

/** What has been done so far. */
interface Progress {
  readonly done: Effect[];
  readonly problems: string[];
  refusal?: string;
}

// What does not reach the client.
const UNHEARD: ReadonlySet<Effect['kind']> = new Set(['spawn', 'aclexec', 'setenv', 'severity']);

async function carryOutAll(
  effects: readonly Effect[],
  work: Work,
  onLastHeard: () => void,
): Promise<Progress> {
  const progress: Progress = { done: [], problems: [] };
  const heard = effects.findLastIndex(({ kind }) => !UNHEARD.has(kind));
  for (const [index, effect] of effects.entries()) {
    if (index === heard + 1) onLastHeard();
    const result = await carryOut(effect, work);
    if (result !== undefined && 'refusal' in result) return { ...progress, refusal: result.refusal };
    if (result !== undefined) progress.problems.push(result.problem);
    progress.done.push(effect);
  }
  return progress;
}

/** Puts a ruling into effect. Never rejects. */
export async function apply(
  ruling: Ruling,
  request: Request,
  target: ApplyTarget,
  limits: TimeLimits,
): Promise<Applied> {
  const place = target.socket === undefined ? new ProcessPlace(target.fd) : new SocketPlace(target.socket);
  const work = { place, client: shareOf(request.client.address), limits };
  const { done, problems, refusal } = await carryOutAll(ruling.effects, work, () => {
    if (ruling.verdict === 'denied') target.onRefused?.();
  });
  const end = (verdict: Verdict, reason: string | undefined, become?: () => never): Applied => ({
    verdict,
    reason,
    problems,
    log: logEntries(verdict, request, done, [...ruling.warnings, ...problems]),
    variables: place.variables,
    become,
  });
  if (refusal !== undefined) return end('denied', refusal);
  const twist = done.at(-1);
  if (ruling.verdict !== 'delegated' || twist?.kind !== 'twist') return end(ruling.verdict, ruling.reason);
  const begun = await place.delegate(twist.command, work.client, limits.twistTimeoutMs);
  if (typeof begun === 'function') return end('delegated', undefined, begun);
  return begun.succeeded
    ? end('delegated', undefined)
    : end('denied', `twist: ${begun.problem ?? 'not begun'}`);
}
