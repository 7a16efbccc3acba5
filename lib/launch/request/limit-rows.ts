// Rows of the option table about limits: what all processes of a launch may use together, and how they are scheduled.
import { UsageError } from '../../errors.ts';
import { meantNumberOf } from '../../mistakes/meant-value.ts';
import { quote } from '../../words/quote.ts';
import { launchOption, toNumber, toNumbers } from './launch-option.ts';
import { showSize, toSize, toWhole, type Size } from './number-value.ts';
import type { Values } from './option-row.ts';
import { toLimits, type Rlimits } from './value.ts';

// For a caller of the library, and for one of the command.
const bothWays = (key: string, value: number | string): string =>
  `write ${key}: ${value} (--${key} ${value})`;

const between = (least: number, value: number, most: number): number =>
  Math.min(most, Math.max(least, value));

// The kernel takes this limit as microseconds of each tenth of a second, and refuses less than a millisecond (cpu.max).
const leastCpus = 0.01;
const mostCpus = 8192;

function toCpus(value: number | undefined): number | undefined {
  if (value === undefined) return undefined;
  if (typeof value === 'number' && value >= leastCpus && value <= mostCpus) return value;
  throw new UsageError(
    `cpu must be a number of CPUs from ${leastCpus} to ${mostCpus}, such as 1.5, not ${quote(String(value))}`,
    { hint: bothWays('cpu', between(leastCpus, meantNumberOf(String(value), 'cpu') ?? 1.5, mostCpus)) },
  );
}

// setTimeout() takes anything above for one millisecond, and setitimer(2) counts microseconds.
const leastSeconds = 0.001;
const mostSeconds = 2_147_483;

function toSeconds(value: number | undefined, key: string): number | undefined {
  if (value === undefined) return undefined;
  if (typeof value === 'number' && value >= leastSeconds && value <= mostSeconds) return value;
  const range = `from ${leastSeconds} to ${mostSeconds}`;
  throw new UsageError(`${key} must be seconds ${range}, not ${quote(String(value))}`, {
    hint: bothWays(key, between(leastSeconds, meantNumberOf(String(value), 'time') ?? 5, mostSeconds)),
  });
}

// '0-3', as taskset(1) and --affinity have it
function cpusIn(text: string): readonly number[] {
  const [, first = '0', last = first] = /^([0-9]{1,3})(?:-([0-9]{1,3}))?$/.exec(text) ?? [];
  const count = Math.min(64, Number(last) - Number(first) + 1);
  return count < 1 ? [0] : Array.from({ length: count }, (_, i) => Number(first) + i);
}

/** Numbers of CPUs, ascending. */
function toCpuNumbers(value: readonly number[] | undefined): readonly number[] | undefined {
  if (value === undefined) return undefined;
  const isRight = (cpu: unknown): boolean =>
    typeof cpu === 'number' && Number.isInteger(cpu) && cpu >= 0 && cpu < mostCpus;
  if (Array.isArray(value) && value.length > 0 && value.every(isRight))
    return [...new Set(value as readonly number[])].toSorted((a, b) => a - b);
  throw new UsageError(`affinity must be numbers of CPUs from 0 to ${mostCpus - 1}, such as [0, 1]`, {
    hint: `write affinity: [${isRight(value) ? String(value) : cpusIn(String(value)).join(', ')}]`,
  });
}

const decimal = /^[0-9]{1,10}(\.[0-9]{1,6})?$/;

/** A number such as 1.5, for --cpu or --time. @throws UsageError */
export function parseDecimal(text: string, option: string): number {
  if (decimal.test(text)) return Number(text);
  const meant = String(meantNumberOf(text, option === '--cpu' ? 'cpu' : 'time'));
  throw new UsageError(`${option} takes a number such as 1.5, not '${quote(text)}'`, {
    hint: `for example ${option} ${decimal.test(meant) ? meant : 1.5}`,
  });
}

type Spelling = `--${string} ${string}`;
type Parse = (text: string, option: string) => unknown;

function limitOption(spelling: Spelling, help: string, parse: Parse, directive?: string) {
  const [name = ''] = spelling.split(' ');
  const more = directive === undefined ? {} : { notCompiled: inUnit(directive) };
  return () => [launchOption('Limits', spelling, help, ({ text }) => parse(text, name), more)];
}

// A compiled launcher is started by a unit, and is small enough to be counted with its program.
const inUnit = (directive: string) => ({
  because: 'a compiled launcher makes no cgroup, and does not wait',
  hint: `${directive} in its unit limits it together with its program (systemd.resource-control(5), systemd.service(5))`,
});

const wholeOption = (spelling: Spelling, help: string, directive?: string) =>
  limitOption(spelling, help, toNumber, directive);

// The row checks the size.
const sizeOption = (spelling: Spelling, help: string, directive: string) =>
  limitOption(spelling, help, (text) => text, directive);

// Each key is part of the set-up: the steps before execve depend on it.
export const limitKeyRows = {
  /** Memory of all processes together, page cache of their files included: `64M`. The kernel kills them all when they need more. */
  memory: {
    type: 'number or string such as `64M`',
    default: 'no limit',
    setUp: true,
    // the kernel counts memory in pages, and rounds down (memory.max in Documentation/admin-guide/cgroup-v2.rst)
    normal: (value: Size | undefined, key: string) => toSize(value, key, 4096),
    options: sizeOption('--memory SIZE', 'memory of all its processes together, such as 64M', 'MemoryMax='),
  },
  /** Swap of all processes together, besides `memory`. */
  swap: {
    type: 'number or string such as `64M`',
    default: '0 with `memory`',
    setUp: true,
    normal: (value: Size | undefined, key: string, { memory }: Values) => {
      if (value === undefined || memory !== undefined) return toSize(value, key, 0);
      throw new UsageError('swap is given without memory', {
        hint: 'give memory as well: swap comes on top of it',
      });
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
    normal: (value: number | undefined, key: string) => toWhole(value, key, 1, 4_194_304),
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
      parseDecimal,
      'CPUQuota=',
    ),
  },
  /** Share of a busy disk, 1 to 10000. Others have 100. */
  ioWeight: {
    type: 'number, 1 to 10000',
    default: '100',
    setUp: true,
    normal: (value: number | undefined, key: string) => toWhole(value, key, 1, 10_000),
    options: wholeOption('--io-weight N', 'share of a busy disk, 1 to 10000; others have 100', 'IOWeight='),
  },
  /** Seconds from the start on. Then SIGTERM ends it, and SIGKILL five seconds later. */
  time: {
    type: 'number from 0.001 on',
    default: 'no limit',
    normal: toSeconds,
    options: limitOption(
      '--time SECONDS',
      'longest time, then SIGTERM, and SIGKILL 5 s later',
      parseDecimal,
      'RuntimeMaxSec=',
    ),
  },
  /** Seconds on a CPU, for each process. SIGXCPU ends it then, and SIGKILL one second later. */
  cpuTime: {
    type: 'number from 1 on',
    default: 'no limit',
    setUp: true,
    normal: (value: number | undefined, key: string, { rlimits }: Values) => {
      if (value !== undefined && toLimits(rlimits as Rlimits | undefined).some(([name]) => name === 'cpu'))
        throw new UsageError('cpuTime and the resource limit cpu are given at once: choose one', {
          hint: 'leave --rlimit cpu (rlimits.cpu) out',
        });
      return toWhole(value, key, 1, 2 ** 31);
    },
    options: wholeOption('--cpu-time SECONDS', 'seconds on a CPU for each process, then SIGXCPU'),
  },
  /** Least nice value, 0 to 19: a higher one of the caller stays. */
  nice: {
    type: 'number, 0 to 19',
    default: '0',
    setUp: true,
    normal: (value: number | undefined, key: string) => toWhole(value, key, 0, 19),
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
        ({ text }) => toNumbers(text, '--affinity', 0),
      ),
    ],
  },
  /** oom_score_adj, 0 to 1000: the kernel kills a process with 1000 first. A higher one of the caller's stays. */
  oomScoreAdj: {
    type: 'number, 0 to 1000',
    default: '0',
    setUp: true,
    normal: (value: number | undefined, key: string) => toWhole(value, key, 0, 1000),
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
}

/** The limits of a launch in place that a waiting process must watch. */
export interface WaitLimits extends CgroupLimits {
  readonly time: number | undefined;
  readonly pty: object | undefined;
}

/** Whether a launch in place needs a process that waits for the program, to watch these limits or to relay its terminal. */
export function needsWaiter(limits: WaitLimits): boolean {
  return limits.time !== undefined || limits.pty !== undefined || needsCgroup(limits);
}

/** The given limits that need a cgroup, as text: `memory 64M, pids 10`. Empty if there are none. */
export function showCgroupLimits({ memory, swap, pids, cpu, ioWeight }: CgroupLimits): string {
  const shown = {
    memory: memory === undefined ? undefined : showSize(memory),
    swap: swap === undefined ? undefined : showSize(swap),
    pids,
    cpu,
    ioWeight,
  };
  return Object.entries(shown)
    .flatMap(([name, value]) => (value === undefined ? [] : [`${name} ${value}`]))
    .join(', ');
}

/** Whether a launch needs a cgroup. */
export function needsCgroup({ memory, pids, cpu, ioWeight }: CgroupLimits): boolean {
  return memory !== undefined || pids !== undefined || cpu !== undefined || ioWeight !== undefined;
}
