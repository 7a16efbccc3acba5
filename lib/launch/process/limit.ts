// Which limit ended a program. Pure.
import type { LimitName } from '../../errors.ts';
import type { ProgramEnd, WatchedLimits } from '../../native.ts';
import { needsCgroup, needsWaiter, type WaitLimits } from '../request/limit-rows.ts';
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
  /** Whether this process has ended it because its cgroup had counted `cpuTime`. */
  readonly isCpuOver: boolean;
}

// getrlimit(2), RLIMIT_CPU: whole seconds
const leastCpuTime = 1;

// A program can send SIGXCPU to itself. Half of the time: the kernel counts ticks for the limit, and exactly for the usage.
const hasUsed = ({ userCpuMs, systemCpuMs }: Exit['usage'], seconds: number): boolean =>
  userCpuMs + systemCpuMs >= seconds * 500;

type Counted = 'oomKills' | 'refusedForks' | 'isDiskFull' | 'isOutOfInodes';

/** The limit that ended a program; undefined if none did, and for one that ended well. */
export function limitOf(
  { exitCode, signal, usage }: Pick<Exit, 'exitCode' | 'signal' | 'usage'>,
  { oomKills = 0, refusedForks = 0, isDiskFull, isOutOfInodes }: Pick<ProgramEnd, Counted>,
  { cpuTime, stopped, killed, isCpuOver }: Limited,
): LimitName | undefined {
  if (exitCode === 0) return undefined;
  if (oomKills > 0) return 'memory';
  // a fork bomb waits for processes that it cannot make, or asks again and again
  if (isCpuOver || stopped === 'ETIMEDOUT')
    return refusedForks > 0 ? 'pids' : isCpuOver ? 'cpu time' : 'time';
  if (signal === 'SIGXCPU' && hasUsed(usage, cpuTime ?? leastCpuTime)) return 'cpu time';
  if (signal === 'SIGXFSZ') return 'file size';
  if (signal === 'SIGSYS') return 'call';
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

/** A limit that a program can meet. */
interface LimitRow {
  /** The keys of the request that set it, with `rlimits.cpu` for a key in a key; none if it is inherited. */
  readonly keys: (request: Limits) => readonly string[];
  readonly words: (request: Limits) => string;
}

type Limits = WaitLimits & Pick<NormalRequest, 'killSignal' | 'rlimits' | SetUpKey>;

// A limit that is not the launch's own: the program has met one of its service.
const ofService = 'its service has';

const hasSwap = ({ swap = 0 }: Limits): boolean => swap > 0;

const ofRlimit = (name: string, { rlimits }: Limits): readonly string[] =>
  rlimits.some(([set]) => set === name) ? [`rlimits.${name}`] : [];

// The options that make file systems in memory. Only an init tells that one was full.
function spacesOf(request: Limits): readonly string[] {
  if (!hasInit(request)) return [];
  const mounted = request.view
    .filter(({ kind }) => kind === 'tmpfs' || kind === 'dev')
    .map(({ kind, target }) => `${kind} ${quote(target)}`);
  return [...(request.ephemeral === true ? ['ephemeral'] : []), ...mounted];
}

// The order is that of LimitKind in native/launcher/limitwatch.h: a letter stands for the place, `a` for the first.
const rows: Readonly<Record<Exclude<LimitName, 'output'>, LimitRow>> = {
  memory: {
    keys: (request) =>
      request.memory === undefined ? [] : hasSwap(request) ? ['memory', 'swap'] : ['memory'],
    words: (request) =>
      `it needed more memory than ${request.memory === undefined ? ofService : showSize(request.memory)}${
        hasSwap(request) ? ` and ${showSize(request.swap ?? 0)} of swap` : ''
      }`,
  },
  pids: {
    keys: ({ pids }) => (pids === undefined ? [] : ['pids']),
    words: ({ pids }) => `it needed more processes than ${pids ?? ofService}`,
  },
  time: {
    keys: ({ time }) => (time === undefined ? [] : ['time']),
    words: ({ time }) => `it took longer than ${time} s`,
  },
  'cpu time': {
    keys: (request) => (request.cpuTime === undefined ? ofRlimit('cpu', request) : ['cpuTime']),
    words: ({ cpuTime }) =>
      `it needed more CPU time than ${cpuTime === undefined ? 'its resource limit' : `${cpuTime} s`}`,
  },
  'file size': {
    keys: (request) => ofRlimit('fsize', request),
    words: () => 'it wrote a larger file than its resource limit',
  },
  disk: { keys: spacesOf, words: () => 'its file system in memory was full' },
  inodes: {
    keys: spacesOf,
    words: () => 'its file system in memory had no room for more files',
  },
  // seccomp(2), SECCOMP_RET_KILL_PROCESS and its like. No process waits only to tell of it.
  call: { keys: () => [], words: () => 'it made a system call that its filter answers with SIGSYS' },
};

function messageOf(row: LimitRow, request: Limits, nameOf: (key: string) => string): string {
  const keys = row.keys(request).map(nameOf).join(', ');
  return `${row.words(request)}${keys === '' ? '' : ` (${keys})`}`;
}

/** Why a limit has ended a program, in the words of the library. The limits of run() have others there. */
export function whyLimited(limit: LimitName | undefined, request: Limits): string | undefined {
  if (limit === undefined || limit === 'output' || limit === 'time') return undefined;
  return messageOf(rows[limit], request, String);
}

const toOption = (key: string): string =>
  `--${key.replace(/^rlimits\./, 'rlimit ').replace(/^cpuTime$/, 'cpu-time')}`;

/** The messages about limits for the process that waits for a program. */
export function watchedLimits(request: Limits): WatchedLimits | undefined {
  const words = Object.values(rows).flatMap((row, place) =>
    row.keys(request).length === 0 ? [] : [`${'abcdefg'[place]}${messageOf(row, request, toOption)}`],
  );
  if (words.length === 0 && !needsWaiter(request)) return undefined;
  return {
    timeMs: Math.ceil((request.time ?? 0) * 1000),
    killSignal: request.killSignal,
    cpuMs: Math.ceil((request.cpuTime ?? 0) * 1000),
    isCpuCounted: request.cpuTime !== undefined && needsCgroup(request),
    words: [...words, `h${messageOf(rows.call, request, toOption)}`],
  };
}
