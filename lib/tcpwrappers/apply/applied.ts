// Carries out a ruling: the actions of its rule in order, until one of them refuses.

import type { Socket } from 'node:net';

import type { Request } from '../connection/request-info.ts';
import type { Effect, Ruling, Verdict } from '../decide/ruling.ts';
import { shareOf } from '../../values/address.ts';
import { toUtf8 } from '../text/latin1.ts';
import { logEntries, type LogEntry } from './log-entries.ts';
import { runCommand } from './shell-command.ts';
import { ConnectionTarget, type Done, ProcessTarget, type Target } from './targets.ts';

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
  /** Messages for syslog(3). */
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

// All actions but twist, which comes last.
async function carryOut(effect: Effect, target: Target, client: string, timeoutMs: number): Promise<Done> {
  switch (effect.kind) {
    case 'spawn':
    case 'aclexec': {
      const { variables } = target;
      const { succeeded, problem } = await runCommand(effect.command, client, { variables, timeoutMs });
      const why = problem === undefined ? '' : `: ${problem}`;
      if (effect.kind === 'aclexec')
        return succeeded ? undefined : { refusal: `the command of aclexec failed${why}` };
      // the exit status of a spawned command does not count
      return problem === undefined ? undefined : { problem: `spawn${why}` };
    }
    case 'setenv': {
      // Node's environment is UTF-8
      const [name, value] = [toUtf8(effect.name), toUtf8(effect.value)];
      const isUtf8 = !`${name}${value}`.includes('\ufffd');
      return isUtf8 ? target.setVariable(name, value) : { refusal: 'setenv: the variable is no UTF-8' };
    }
    case 'banner':
      return target.send(Buffer.from(effect.text, 'latin1'));
    case 'keepalive':
      return target.keepAlive();
    case 'linger':
      return target.linger(effect.seconds);
    case 'nice':
    case 'umask':
    case 'user':
    case 'group':
      return target.change(effect);
    case 'severity':
    case 'twist':
      return undefined;
    default:
      return effect satisfies never;
  }
}

// Actions that the client does not notice.
const UNHEARD: ReadonlySet<Effect['kind']> = new Set(['spawn', 'aclexec', 'setenv', 'severity']);

/** Carries out a ruling. Never rejects. */
export async function apply(
  { verdict, reason, effects, warnings }: Ruling,
  request: Request,
  { socket, fd, onRefused }: ApplyTarget,
  limits: TimeLimits,
): Promise<Applied> {
  const target = socket === undefined ? new ProcessTarget(fd) : new ConnectionTarget(socket);
  const client = shareOf(request.client.address);
  const done: Effect[] = [];
  const problems: string[] = [];
  const end = (verdict: Verdict, reason: string | undefined, become?: () => never): Applied => {
    const log = logEntries({ verdict, effects: done, warnings: [...warnings, ...problems] }, request);
    return { verdict, reason, problems, log, variables: target.variables, become };
  };
  const lastHeard = effects.findLastIndex(({ kind }) => !UNHEARD.has(kind));
  for (const [index, effect] of effects.entries()) {
    if (index === lastHeard + 1 && verdict === 'denied') onRefused?.();
    const result = await carryOut(effect, target, client, limits.commandTimeoutMs);
    if (result !== undefined && 'refusal' in result) return end('denied', result.refusal);
    if (result !== undefined) problems.push(result.problem);
    done.push(effect);
  }
  const twist = done.at(-1);
  if (verdict !== 'delegated' || twist?.kind !== 'twist') return end(verdict, reason);
  const begun = await target.delegate(twist.command, client, limits.twistTimeoutMs);
  if (typeof begun === 'function') return end('delegated', undefined, begun);
  if (begun.succeeded) return end('delegated', undefined);
  return end('denied', `twist: ${begun.problem ?? 'not begun'}`);
}
