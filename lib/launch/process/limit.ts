// Which limit ended a program. Pure.
import type { LimitName } from '../../errors.ts';
import type { ProgramEnd, WatchedLimits } from '../../native.ts';
import { needsWaiter, showCgroupLimits, type CgroupLimits, type WaitLimits } from '../request/limit-rows.ts';
import { showSize } from '../../values/size.ts';
import { hasInit } from '../request/isolation-value.ts';
import { quote } from '../../words/quote.ts';
import type { NormalRequest, SetUpKey } from '../request/request.ts';
import type { Exit } from './exit.ts';
import type { StopReason } from './process.ts';

/** Facts about a launch that show which limit was reached. */
interface Limited {
  /** `cpuTime` of the request. */
  readonly cpuTime: number | undefined;
  readonly stopped: StopReason | undefined;
  /** Whether this process has sent it a signal. */
  readonly killed: boolean;
}

// getrlimit(2), RLIMIT_CPU: whole seconds
const leastCpuTime = 1;

// A program can send SIGXCPU to itself. Half of the time: the kernel counts ticks for the limit, and exactly for the usage.
const hasUsed = ({ userCpuMs, systemCpuMs }: Exit['usage'], seconds: number): boolean =>
  userCpuMs + systemCpuMs >= seconds * 500;

type Counted = 'oomKills' | 'refusedForks' | 'isDiskFull' | 'isOutOfInodes';

/** The limit that ended a program; undefined if none did, and for one that ended well. */
export function limitOf(
  { exitCode, signal, usage }: Exit,
  { oomKills = 0, refusedForks = 0, isDiskFull, isOutOfInodes }: Pick<ProgramEnd, Counted>,
  { cpuTime, stopped, killed }: Limited,
): LimitName | undefined {
  if (exitCode === 0) return undefined;
  if (oomKills > 0) return 'memory';
  if (stopped === 'ETIMEDOUT') return 'time';
  if (signal === 'SIGXCPU' && hasUsed(usage, cpuTime ?? leastCpuTime)) return 'cpu time';
  if (signal === 'SIGXFSZ') return 'file size';
  // this process has ended it by a signal; earlier refusals do not matter
  if (stopped !== undefined || (killed && signal !== null)) return undefined;
  // the program has handled SIGXCPU, so SIGKILL has ended it
  if (signal === 'SIGKILL' && cpuTime !== undefined && usage.userCpuMs + usage.systemCpuMs >= cpuTime * 1000)
    return 'cpu time';
  // a program does not end itself like this when it lacks something: somebody has killed it
  if (signal === 'SIGKILL') return undefined;
  if (refusedForks > 0) return 'pids';
  if (isDiskFull === true) return 'disk';
  return isOutOfInodes === true ? 'inodes' : undefined;
}

/** The words for a limit of the request that has ended a program. The time limit and the output limit have their words elsewhere. */
export function whyLimited(
  limit: LimitName | undefined,
  { memory, swap, pids, cpuTime }: CgroupLimits & { readonly cpuTime: number | undefined },
): string | undefined {
  const none = { memory: undefined, swap: undefined, pids: undefined, cpu: undefined, ioWeight: undefined };
  const seconds = cpuTime === undefined ? 'its resource limit cpu' : `cpuTime ${cpuTime}`;
  if (limit === 'memory') return `killed: it needed more than ${showCgroupLimits({ ...none, memory, swap })}`;
  if (limit === 'pids') return `it needed more processes than ${showCgroupLimits({ ...none, pids })}`;
  if (limit === 'cpu time') return `killed: it needed more CPU time than ${seconds}`;
  if (limit === 'disk') return 'its file system in memory was full (tmpfs, ephemeral)';
  if (limit === 'inodes') return 'its file system in memory had no room for more files (tmpfs, ephemeral)';
  return limit === 'file size' ? 'killed: it wrote a larger file than its resource limit fsize' : undefined;
}

// The options of the request that make file systems in memory.
function spacesOf({ ephemeral, view }: Pick<NormalRequest, 'ephemeral' | 'view'>): readonly string[] {
  const mounted = view
    .filter(({ kind }) => kind === 'tmpfs' || kind === 'dev')
    .map(({ kind, target }) => `--${kind} ${quote(target)}`);
  return [...(ephemeral === true ? ['--ephemeral'] : []), ...mounted];
}

function wordsOfSpaces(request: Pick<NormalRequest, 'ephemeral' | 'view'>) {
  const spaces = spacesOf(request).join(', ');
  if (spaces === '') return {};
  return {
    f: `its file system in memory was full (${spaces})`,
    g: `its file system in memory had no room for more files (${spaces})`,
  };
}

/** The messages about limits for the process that waits for a program. Letters: native/launcher/limitwatch.h. */
export function watchedLimits(
  request: WaitLimits & Pick<NormalRequest, 'cpuTime' | 'rlimits' | SetUpKey>,
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
    ...(hasInit(request) ? wordsOfSpaces(request) : {}),
  };
  const told = Object.entries(words).flatMap(([letter, text]) =>
    text === undefined ? [] : [`${letter}${text}`],
  );
  if (told.length === 0 && !needsWaiter(request)) return undefined;
  return { timeMs: Math.ceil((time ?? 0) * 1000), cpuSeconds: cpuTime ?? 0, words: told };
}
