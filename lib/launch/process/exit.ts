// How a program has ended, as the addon tells it. Pure.
import { ExitError, type Denied, type EndAccount, type LimitName, type ResourceUsage } from '../../errors.ts';
import type { ProgramEnd } from '../../native.ts';
import { signalName } from '../request/signal.ts';

/** How a program ended. Both are null if other code in this process waited for any child and took the status. */
export interface Exit {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly usage: ResourceUsage;
  /** The limit that ended it, if one did. */
  readonly limit?: LimitName | undefined;
  /** What ended it and what it used, with the keys of `--result`. */
  readonly account: EndAccount;
  /** With `connectTo` or `reportDenials`: what it was refused, each once, at most 100 hosts. */
  readonly denied?: readonly Denied[] | undefined;
}

/** The exit as the addon tells it, and no more. */
export const toExit = ({ exitCode, signalNumber, usage }: ProgramEnd): Omit<Exit, 'account'> => ({
  exitCode,
  signal: signalNumber === null ? null : signalName(signalNumber),
  usage,
});

/** The error for a line that was too long for the memory of this process. */
export function toLineError(
  { spawnfile, pid }: { readonly spawnfile: string; readonly pid: number },
  exit: Exit,
  durationMs: number,
): ExitError {
  const none = { stdout: '', stderr: '', timedOut: false, isCanceled: false };
  return new ExitError(
    `${spawnfile}: it wrote a line of more than 16 MiB and was stopped`,
    'ERR_MAX_BUFFER',
    {
      ...exit,
      ...none,
      pid,
      durationMs,
      limit: exit.limit ?? 'output',
    },
  );
}
