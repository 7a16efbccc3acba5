// Carries out a ruling: the actions of its rule in order, until one of them refuses.

import type { Socket } from 'node:net';

import type { Request } from '../connection/request-info.ts';
import type { Effect, Ruling, Verdict } from '../decide/ruling.ts';
import { shareOf } from '../text/address.ts';
import { toUtf8 } from '../text/latin1.ts';
import { type Done, type Place, SocketPlace } from './connection-target.ts';
import { logEntries, type LogEntry } from './log-entries.ts';
import { ProcessPlace } from './process-target.ts';
import { runCommand } from './shell-command.ts';

/** The connection that the decision is about. */
export type ApplyTarget = {
  /** Called once the client is certainly refused and gets nothing more; commands of the rule may still run. */
  readonly onRefused?: (() => void) | undefined;
} &
  /** A connection of a process that serves others too. */
  (
    | { readonly socket: Socket; readonly fd?: undefined }
    /** The only connection of this process, as a descriptor: options change the process for good. */
    | { readonly fd: number; readonly socket?: undefined }
  );

/** The result of Decision.apply(). */
export interface Applied {
  /** Only `granted` lets the client in. */
  readonly verdict: Verdict;
  /** Set where the rule alone does not explain the verdict. */
  readonly reason: string | undefined;
  /** Actions that failed without refusing. */
  readonly problems: readonly string[];
  /** What to write to syslog(3). */
  readonly log: readonly LogEntry[];
  /** Variables for the service (`setenv`); a process with one connection has them in its environment already. */
  readonly variables: Readonly<Record<string, string>>;
  /**
   * Set if `delegated` in a process with one connection: replaces the process by the command. It throws if there is no
   * shell.
   */
  readonly become?: (() => never) | undefined;
}

export interface TimeLimits {
  readonly commandTimeoutMs: number;
  readonly twistTimeoutMs: number;
}

/** What the actions of one decision share. */
interface Work {
  readonly place: Place;
  /** The client that commands are counted for. */
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
  // the exit status of a spawned command does not count
  return end.problem === undefined ? undefined : { problem: `spawn${problem}` };
}

function setVariable(name: string, value: string, place: Place): Done {
  const variable = [toUtf8(name), toUtf8(value)] as const;
  // Node's environment is UTF-8
  if (variable.some((text) => text.includes('\ufffd')))
    return { refusal: 'setenv: the variable is no UTF-8' };
  return place.setVariable(...variable);
}

// All actions but twist, which comes last.
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

interface Progress {
  readonly done: Effect[];
  readonly problems: string[];
  refusal?: string;
}

// Actions that the client does not notice.
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

/** Carries out a ruling. Never rejects. */
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
