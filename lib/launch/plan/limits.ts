// Rows of the steps about limits. They only tighten: a stricter limit of the caller stays.
import { showCgroupLimits } from '../request/limit-rows.ts';
import { rlimitNumber, type Limit } from '../request/rlimits.ts';
import type { Step } from './step.ts';
import type { FailureContext, FailureWords, SomeStepRows } from './step-row.ts';

const modes = { set: 0, 'cap-soft': 1, 'set-soft': 2, cap: 3 } as const;

const shown = (value: number): string => (value === Infinity ? 'unlimited' : String(value));

function showLimit({ resource, limit, mode }: Step & { op: 'setrlimit' }): string {
  if (mode === 'set') return `${resource} soft ${shown(limit.soft)} hard ${shown(limit.hard)}`;
  if (mode === 'cap')
    return `${resource} soft at most ${shown(limit.soft)} hard at most ${shown(limit.hard)}`;
  return `${resource} soft ${mode === 'cap-soft' ? 'at most ' : ''}${shown(limit.soft)}`;
}

/**
 * Puts a whole number, or Infinity for all bits, at a place of little-endian words. Words of 32 bits are quick from the first call
 * on; each method of Buffer, and BigInt, would have to be compiled when a command begins.
 */
export function setUint64(words: Uint32Array, at: number, value: number): void {
  const all = value === Infinity;
  words[at] = all ? 0xffffffff : value;
  words[at + 1] = all ? 0xffffffff : Math.floor(value / 2 ** 32);
}

function limitData(limit: Limit): Uint32Array {
  const words = new Uint32Array(4);
  setUint64(words, 0, limit.soft);
  setUint64(words, 2, limit.hard);
  return words;
}

const octal = (mask: number): string => mask.toString(8).padStart(3, '0');

// sched_setaffinity(2): a bit for each CPU
function cpuMask(cpus: readonly number[]): Uint32Array {
  const words = new Uint32Array(2 * (1 + Math.floor(Math.max(...cpus) / 64)));
  for (const cpu of cpus) words[cpu >> 5] = (words[cpu >> 5] ?? 0) | (1 << (cpu & 31));
  return words;
}

type CgroupWords = FailureWords<Step & { op: 'cgroup' }>;

// The line of the recipe that failed: the directory, or the file and what was written to it.
const failedLine = ({ detail }: FailureContext, { lines }: Step & { op: 'cgroup' }): string => {
  const at = typeof detail === 'number' ? detail : 0;
  const directory = lines.slice(0, at + 1).findLast((line) => /^[12]/.test(line)) ?? lines[1] ?? '';
  const file = /^[=?]([^=]+)=(.*)$/.exec(lines[at] ?? '');
  return file === null ? directory.slice(1) : `${directory.slice(1)}: ${file[2]} in ${file[1]}`;
};

const cgroupWords = (reason: string, hint: string): CgroupWords => ({
  reason: (context, step) => `${failedLine(context, step)}: ${reason}`,
  hint,
});

const delegation =
  'the cgroup must be delegated: Delegate=yes in the unit; without root: systemd-run --user --scope -p Delegate=yes COMMAND';

const cgroupFailures = {
  EROFS: cgroupWords(
    'the cgroups are mounted read-only',
    'mount them writable: in a container, a cgroup namespace of its own and -v /sys/fs/cgroup:/sys/fs/cgroup:rw, or --privileged',
  ),
  EACCES: cgroupWords('permission denied', delegation),
  EPERM: cgroupWords('not permitted', delegation),
  ENOENT: cgroupWords(
    'the kernel has no such cgroup or file',
    'see cgroup.controllers there, and /proc/cgroups',
  ),
  ENOMEM: {
    reason: 'less memory than it takes to start a program',
    hint: 'the start alone takes up to 1M, and the program with its libraries comes on top of it: give more memory',
  },
  EAGAIN: cgroupWords(
    'there may be no more',
    'raise cgroup.max.descendants or cgroup.max.depth, or pids.max, of the cgroup above',
  ),
  EINVAL: cgroupWords('the kernel does not accept it', 'see the same file of the cgroup above'),
  EBUSY: cgroupWords('processes are in the cgroup above', 'DelegateSubgroup=main in the unit keeps it empty'),
  ENOSYS: cgroupWords('the call is refused', 'the seccomp filter of the container must allow clone3'),
  ENOTSUP: cgroupWords(
    'no process can enter it',
    'only a launch beside this process can have these limits (spawnInJail), in a cgroup of type "domain"',
  ),
} as const;

export const limitRows = {
  umask: {
    op: 3,
    call: 'umask',
    object: ({ mask, exact }) => (exact ? octal(mask) : `at least ${octal(mask)}`),
    purpose: 'files that nobody else can write',
    encode: ({ mask, exact }) => ({ a: mask, b: exact ? 1 : 0 }),
  },
  setrlimit: {
    op: 4,
    call: 'prlimit64',
    object: showLimit,
    purpose: 'resource limit',
    needs: 'CAP_SYS_RESOURCE',
    encode: ({ resource, mode, limit }) => ({
      a: rlimitNumber(resource),
      b: modes[mode],
      data: limitData(limit),
    }),
    failures: {
      EPERM: {
        hint: 'a hard limit can be raised only with CAP_SYS_RESOURCE, and nofile never beyond /proc/sys/fs/nr_open',
      },
    },
  },
  setpriority: {
    op: 5,
    call: 'setpriority',
    object: ({ least = 0 }) => `at least ${least}`,
    purpose: ({ least = 0 }: Step & { op: 'setpriority' }) =>
      least === 0 ? 'no negative nice value' : 'others get the CPU first',
    encode: ({ least = 0 }) => ({ a: least }),
  },
  oom_score_adj: {
    op: 6,
    call: 'write',
    object: ({ least = 0 }) => `/proc/self/oom_score_adj at least ${least}`,
    purpose: ({ least = 0 }: Step & { op: 'oom_score_adj' }) =>
      least === 0 ? 'no protection from the OOM killer' : 'the OOM killer takes it sooner',
    flags: { oomScore: ({ least = 0 }) => least === 0 },
    encode: ({ least = 0 }) => (least === 0 ? {} : { a: least, data: Buffer.from(String(least)) }),
    failures: {
      ENOENT: { hint: 'mount /proc on the host: mount -t proc proc /proc' },
      EMFILE: {
        hint: 'give --rlimit nofile (rlimits) a larger number, such as 64: the launch itself opens files',
      },
    },
  },
  sched_setscheduler: {
    op: 7,
    call: 'sched_setscheduler',
    purpose: 'no realtime scheduling',
    flags: { batchPolicy: true },
  },
  ioprio_set: { op: 8, call: 'ioprio_set', purpose: 'no realtime I/O class' },
  sched_setaffinity: {
    op: 65,
    call: 'sched_setaffinity',
    object: ({ cpus, one }) =>
      `${one === true ? 'one of ' : ''}${cpus.length === 0 ? 'all CPUs' : `CPUs ${cpus.join(',')}`}`,
    purpose: ({ one }: Step & { op: 'sched_setaffinity' }) =>
      one === true ? 'one CPU, so that its threads take turns' : 'no other CPUs than these',
    encode: ({ cpus, one }) => ({
      ...(one === true ? { a: 1 } : {}),
      ...(cpus.length === 0 ? {} : { data: cpuMask(cpus) }),
    }),
    failures: {
      EINVAL: {
        reason: 'this process may use none of these CPUs',
        hint: 'taskset -cp $$ shows which it may use',
      },
    },
  },
  cgroup: {
    op: 66,
    call: 'clone3',
    object: ({ limits }) => showCgroupLimits(limits),
    purpose: 'limits of all its processes together, in a cgroup of its own',
    flags: { cgroup: true },
    encode: ({ lines }) => ({ data: Buffer.from(`${lines.join('\0')}\0`) }),
    failures: cgroupFailures,
    // nothing is made for a rehearsal
    rehearse: () => undefined,
  },
} satisfies SomeStepRows;
