// How a program has ended, as the addon tells it. Pure.
import { ExitError, type LimitName, type ResourceUsage } from '../../errors.ts';
import type { CgroupUse, Usage } from '../../native.ts';
import { signalName } from '../request/signal.ts';

/** How a program ended. Both are null if other code in this process waited for any child and took the status. */
export interface Exit {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly usage: ResourceUsage;
  /** The limit that ended it, if one did. */
  readonly limit?: LimitName | undefined;
}

/** The exit from the addon's arguments of `onExit`. */
export function toExit(
  exitCode: number | null,
  signal: number | null,
  ...usage: [...Usage, ...CgroupUse, full: number]
): Exit {
  const [peakMemoryBytes, cpuUs, cpuNs] = [usage[10], usage[11], usage[12]];
  const totalCpuMs = cpuUs >= 0 ? cpuUs / 1e3 : cpuNs / 1e6;
  return {
    exitCode,
    signal: signal === null ? null : signalName(signal),
    usage: {
      userCpuMs: usage[0],
      systemCpuMs: usage[1],
      minorFaults: usage[2],
      majorFaults: usage[3],
      blockInputs: usage[4],
      blockOutputs: usage[5],
      voluntarySwitches: usage[6],
      involuntarySwitches: usage[7],
      ...(peakMemoryBytes >= 0 ? { peakMemoryBytes } : {}),
      ...(totalCpuMs >= 0 ? { totalCpuMs } : {}),
    },
  };
}

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
