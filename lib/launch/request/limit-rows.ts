// Rows of the option table about limits: what all processes of a launch may use together, and how they are scheduled.
import { showSize } from '../../values/size.ts';
import { list, number, optional, size, whole } from '../../values/validators.ts';
import { atOnce, needs } from '../../values/wrong.ts';
import { launchOption, parseNumbers, parseNumeric, parseText, type LaunchOption } from './launch-option.ts';
import { onOff, type Values } from './option-row.ts';
import { signalNumber } from './signal.ts';
import { ascending } from './value.ts';

// The kernel takes this limit as microseconds of each tenth of a second, and refuses less than a millisecond (cpu.max).
const toCpus = optional(number(0.01, 8192, 'a number of CPUs', 1.5));
// setTimeout() takes anything above for one millisecond, and setitimer(2) counts microseconds.
const toSeconds = optional(number(0.001, 2_147_483, 'seconds', 5));
// the kernel counts memory in pages, and rounds down (memory.max in Documentation/admin-guide/cgroup-v2.rst)
const toMemory = optional(size(4096));
const toSwap = optional(size(0));
const toCpuTime = optional(number(0.01, 2 ** 31, 'seconds', 1.5));
const cpus = list(whole(0, 8191), [0, 1], { least: 1 });

/** Numbers of CPUs, ascending. */
function toCpuNumbers(value: readonly number[] | undefined, key: string): readonly number[] | undefined {
  return value === undefined ? undefined : ascending(cpus(value, key));
}

type Spelling = `--${string} ${string}`;

function limitOption(spelling: Spelling, help: string, parse: LaunchOption['parse'], directive?: string) {
  const more = directive === undefined ? {} : { notCompiled: inUnit(directive) };
  return () => [launchOption('Limits', spelling, help, parse, more)];
}

// A compiled launcher is started by a unit, and is small enough to be counted with its program.
const inUnit = (directive: string) => ({
  because: 'a compiled launcher makes no cgroup, and does not wait',
  hint: `${directive} in its unit limits it together with its program (systemd.resource-control(5), systemd.service(5))`,
});

const wholeOption = (spelling: Spelling, help: string, directive?: string) =>
  limitOption(spelling, help, parseNumeric, directive);

const sizeOption = (spelling: Spelling, help: string, directive: string) =>
  limitOption(spelling, help, parseText, directive);

const SIGTERM = 15;

// Each key is part of the set-up: the steps before execve depend on it.
export const limitKeyRows = {
  /** Memory of all processes together, page cache of their files included: `64M`. The kernel kills them all when they need more. */
  memory: {
    type: 'number or string such as `64M`',
    default: 'no limit',
    setUp: true,
    normal: toMemory,
    options: sizeOption('--memory SIZE', 'memory of all its processes together, such as 64M', 'MemoryMax='),
  },
  /** Swap of all processes together, besides `memory`. */
  swap: {
    type: 'number or string such as `64M`',
    default: '0 with `memory`',
    setUp: true,
    normal: (value: number | string | undefined, key: string, { memory }: Values) => {
      if (value !== undefined && memory === undefined) throw needs(key, 'memory', '64M');
      return toSwap(value, key);
    },
    options: sizeOption(
      '--swap SIZE',
      'swap of all its processes, besides --memory (default: none)',
      'MemorySwapMax=',
    ),
  },
  /** Processes and threads at a time. One more cannot be made (EAGAIN). */
  pids: {
    type: 'number from 1 on',
    default: 'no limit',
    setUp: true,
    normal: optional(whole(1, 4_194_304)),
    options: wholeOption('--pids N', 'processes and threads at a time', 'TasksMax='),
  },
  /** CPUs that all processes together may keep busy: `1.5`. */
  cpu: {
    type: 'number from 0.01 on',
    default: 'no limit',
    setUp: true,
    normal: toCpus,
    options: limitOption(
      '--cpu N',
      'CPUs that all its processes may keep busy, such as 1.5',
      parseNumeric,
      'CPUQuota=',
    ),
  },
  /** Share of a busy disk, 1 to 10000. Others have 100. */
  ioWeight: {
    type: 'number, 1 to 10000',
    default: '100',
    setUp: true,
    normal: optional(whole(1, 10_000)),
    options: wholeOption('--io-weight N', 'share of a busy disk, 1 to 10000; others have 100', 'IOWeight='),
  },
  /** Seconds from the start on. Then SIGTERM ends it, and SIGKILL five seconds later. */
  time: {
    type: 'number from 0.001 on',
    default: 'no limit',
    normal: toSeconds,
    options: limitOption(
      '--time SECONDS',
      'longest time, then --kill-signal, and SIGKILL 5 s later',
      parseNumeric,
      'RuntimeMaxSec=',
    ),
  },
  /** Signal for the end of `time`, and beside a service for `kill()` and abort; SIGTERM by default. SIGKILL ends all at once. */
  killSignal: {
    type: 'name or number',
    default: '`SIGTERM`',
    normal: (value: NodeJS.Signals | number | undefined, key: string) =>
      // a launch without the option does without node:os
      value === undefined ? SIGTERM : signalNumber(value, key),
    options: limitOption(
      '--kill-signal SIGNAL',
      'signal at the end of --time, such as SIGKILL (default: SIGTERM)',
      parseNumeric,
      'KillSignal=',
    ),
  },
  /**
   * Seconds on a CPU. With a cgroup, which a fraction and each other limit of all processes brings, for all processes together: the
   * program gets SIGXCPU, and 20 ms on a CPU later all of them get SIGKILL. Without one, for each process: SIGXCPU, and SIGKILL one
   * second later.
   */
  cpuTime: {
    type: 'number from 0.01 on',
    default: 'no limit',
    setUp: true,
    normal: (value: number | undefined, key: string, { rlimits }: Values) => {
      if (value !== undefined && (rlimits as { cpu?: unknown } | undefined)?.cpu !== undefined)
        throw atOnce(key, 'rlimits.cpu');
      return toCpuTime(value, key);
    },
    options: wholeOption(
      '--cpu-time SECONDS',
      'seconds on a CPU: of all its processes with a cgroup (1.5, or --pids), else of each',
    ),
  },
  /** Least nice value, 0 to 19: a higher one of the caller stays. */
  nice: {
    type: 'number, 0 to 19',
    default: '0',
    setUp: true,
    normal: optional(whole(0, 19)),
    options: wholeOption('--nice N', "nice value, 0 to 19; a higher one of the caller's stays"),
  },
  /** CPUs that it may run on. Those that the caller may not use stay forbidden. */
  affinity: {
    type: 'array of numbers',
    default: "the caller's",
    setUp: true,
    normal: toCpuNumbers,
    options: () => [
      launchOption(
        'Limits',
        '--affinity CPUS',
        "CPUs to run on, such as 0,2-3, of the caller's",
        ({ text }) => parseNumbers(text),
      ),
    ],
  },
  /** The same addresses in each launch, one CPU, time zone UTC and locale C.UTF-8; doc/uchroot.md says what still differs. */
  deterministic: {
    ...onOff('Limits', '--deterministic', 'no random addresses, one CPU, TZ=UTC and LC_ALL=C.UTF-8', {
      notInUnit: 'a unit has LockPersonality=yes, which allows random addresses alone',
    }),
    setUp: true,
  },
  /** oom_score_adj, 0 to 1000: the kernel kills a process with 1000 first. A higher one of the caller's stays. */
  oomScoreAdj: {
    type: 'number, 0 to 1000',
    default: '0',
    setUp: true,
    normal: optional(whole(0, 1000)),
    options: wholeOption('--oom-score-adj N', "oom_score_adj, 0 to 1000; a higher one of the caller's stays"),
  },
} as const;

/** The limits that need a cgroup. */
export interface CgroupLimits {
  readonly memory: number | undefined;
  readonly swap: number | undefined;
  readonly pids: number | undefined;
  readonly cpu: number | undefined;
  readonly ioWeight: number | undefined;
  readonly cpuTime?: number | undefined;
}

/** The limits of a launch in place that a waiting process must watch. */
export interface WaitLimits extends CgroupLimits {
  readonly user: { readonly isAuto?: true };
  readonly resultFile: string | undefined;
  readonly time: number | undefined;
  readonly pty: object | undefined;
  readonly reportDenials: boolean;
}

/** Whether a launch in place needs a process that waits for the program, to watch these limits, relay its
 * terminal, hold its id or report what it was denied. */
export function needsWaiter(limits: WaitLimits): boolean {
  return (
    limits.user.isAuto === true ||
    limits.resultFile !== undefined ||
    limits.time !== undefined ||
    limits.pty !== undefined ||
    limits.reportDenials ||
    needsCgroup(limits)
  );
}

/** The given limits that need a cgroup, as text: `memory 64M, pids 10`. Empty if there are none. */
export function showCgroupLimits({ memory, swap, pids, cpu, ioWeight, cpuTime }: CgroupLimits): string {
  const shown = {
    memory: memory === undefined ? undefined : showSize(memory),
    swap: swap === undefined ? undefined : showSize(swap),
    pids,
    cpu,
    ioWeight,
    cpuTime,
  };
  return Object.entries(shown)
    .flatMap(([name, value]) => (value === undefined ? [] : [`${name} ${value}`]))
    .join(', ');
}

/** Whether a launch needs a cgroup. The kernel itself limits the CPU time of a process in whole seconds (getrlimit(2), RLIMIT_CPU). */
export function needsCgroup({ memory, pids, cpu, ioWeight, cpuTime = 0 }: CgroupLimits): boolean {
  return (
    memory !== undefined ||
    pids !== undefined ||
    cpu !== undefined ||
    ioWeight !== undefined ||
    !Number.isInteger(cpuTime)
  );
}
