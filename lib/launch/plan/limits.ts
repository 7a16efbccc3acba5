// Rows of the steps that only tighten what the program may use: the caller's restrictions stay.
import { rlimitNumber } from '../request/rlimits.ts';
import type { Limit, Step, StepRows } from './step.ts';

const modes = { set: 0, 'cap-soft': 1, 'set-soft': 2 } as const;

function shown(value: number): string {
  return value === Infinity ? 'unlimited' : String(value);
}

function showLimit({ resource, limit, mode }: Step & { op: 'setrlimit' }): string {
  if (mode === 'set') return `${resource} soft ${shown(limit.soft)} hard ${shown(limit.hard)}`;
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

function octal(mask: number): string {
  return mask.toString(8).padStart(3, '0');
}

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
  setpriority: { op: 5, call: 'setpriority', object: () => 'at least 0', purpose: 'no negative nice value' },
  oom_score_adj: {
    op: 6,
    call: 'write',
    object: () => '/proc/self/oom_score_adj at least 0',
    purpose: 'no protection from the OOM killer',
    flags: { oomScore: true },
    failures: { ENOENT: { hint: 'mount /proc on the host: mount -t proc proc /proc' } },
  },
  sched_setscheduler: {
    op: 7,
    call: 'sched_setscheduler',
    purpose: 'no realtime scheduling',
    flags: { batchPolicy: true },
  },
  ioprio_set: { op: 8, call: 'ioprio_set', purpose: 'no realtime I/O class' },
} satisfies StepRows<
  'umask' | 'setrlimit' | 'setpriority' | 'oom_score_adj' | 'sched_setscheduler' | 'ioprio_set'
>;
