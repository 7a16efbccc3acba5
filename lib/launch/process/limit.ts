// Which limit ended a program. Pure.
import type { LimitName } from '../../errors.ts';
import type { CgroupUse, WatchedLimits } from '../../native.ts';
import {
  needsWaiter,
  showCgroupLimits,
  showSize,
  type CgroupLimits,
  type WaitLimits,
} from '../request/limit-rows.ts';
import type { NormalRequest } from '../request/request.ts';
import type { Exit, StopReason } from './process.ts';

/** What of a launch tells of a limit. */
interface Limited {
  /** `cpuTime` of the request. */
  readonly cpuTime: number | undefined;
  readonly stopped: StopReason | undefined;
  /** Whether this process has sent it a signal. */
  readonly killed: boolean;
}

/** The limit that ended a program; undefined if none did, and for one that ended well. */
export function limitOf(
  { exitCode, signal, usage }: Exit,
  [oomKills, refusedForks]: CgroupUse,
  { cpuTime, stopped, killed }: Limited,
): LimitName | undefined {
  if (exitCode === 0) return undefined;
  if (oomKills > 0) return 'memory';
  if (stopped === 'ETIMEDOUT') return 'time';
  if (signal === 'SIGXCPU') return 'cpu time';
  if (signal === 'SIGXFSZ') return 'file size';
  // the signal of this process has ended it, whatever was refused before
  if (stopped !== undefined || (killed && signal !== null)) return undefined;
  // it has handled SIGXCPU
  if (signal === 'SIGKILL' && cpuTime !== undefined && usage.userCpuMs + usage.systemCpuMs >= cpuTime * 1000)
    return 'cpu time';
  // a program cannot do this for want of processes: somebody has killed it
  if (signal === 'SIGKILL') return undefined;
  return refusedForks > 0 ? 'pids' : undefined;
}

/** Why a limit of the request ended a program, for a message. The limits that only this process knows have their own words. */
export function whyLimited(
  limit: LimitName | undefined,
  { memory, swap, pids, cpuTime }: CgroupLimits & { readonly cpuTime: number | undefined },
): string | undefined {
  const none = { memory: undefined, swap: undefined, pids: undefined, cpu: undefined, ioWeight: undefined };
  const seconds = cpuTime === undefined ? 'its resource limit cpu' : `cpuTime ${cpuTime}`;
  if (limit === 'memory') return `killed: it needed more than ${showCgroupLimits({ ...none, memory, swap })}`;
  if (limit === 'pids') return `it needed more processes than ${showCgroupLimits({ ...none, pids })}`;
  if (limit === 'cpu time') return `killed: it needed more CPU time than ${seconds}`;
  return limit === 'file size' ? 'killed: it wrote a larger file than its resource limit fsize' : undefined;
}

/** The limits of a request that the process which waits for a program tells of, if they end it. Letters: native/start/limitwatch.h. */
export function watchedLimits(
  request: WaitLimits & Pick<NormalRequest, 'cpuTime' | 'rlimits'>,
): WatchedLimits | undefined {
  const { memory, swap = 0, pids, time, cpuTime, rlimits } = request;
  const rlimit = (wanted: string): boolean => rlimits.some(([name]) => name === wanted);
  const more = swap > 0 ? ` and ${showSize(swap)} of swap (--memory, --swap)` : ' (--memory)';
  const words = {
    a: memory === undefined ? undefined : `it needed more memory than ${showSize(memory)}${more}`,
    b: pids === undefined ? undefined : `it needed more processes than ${pids} (--pids)`,
    c: time === undefined ? undefined : `it took longer than ${time} s (--time)`,
    d:
      cpuTime === undefined
        ? rlimit('cpu')
          ? 'it needed more CPU time than its resource limit (--rlimit cpu)'
          : undefined
        : `it needed more CPU time than ${cpuTime} s (--cpu-time)`,
    e: rlimit('fsize') ? 'it wrote a larger file than its resource limit (--rlimit fsize)' : undefined,
  };
  const told = Object.entries(words).flatMap(([letter, text]) =>
    text === undefined ? [] : [`${letter}${text}`],
  );
  if (told.length === 0 && !needsWaiter(request)) return undefined;
  return { timeMs: Math.ceil((time ?? 0) * 1000), cpuSeconds: cpuTime ?? 0, words: told };
}
