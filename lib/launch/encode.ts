// A plan as bytes: the counterpart of native/plan.h.
import { capabilityMask } from './capabilities.ts';
import { rlimitNumber } from './rlimits.ts';
import type { Step, StepName } from './step.ts';

const magic = 0x31504355;
const headerBytes = 16;
const stepBytes = 24;

/** Op numbers of native/plan.h; several names of ours can be one op there. */
export const opNumbers: Readonly<Record<StepName, number>> = {
  join_session_keyring: 1,
  setsid: 2,
  umask: 3,
  setrlimit: 4,
  setpriority: 5,
  oom_score_adj: 6,
  sched_setscheduler: 7,
  ioprio_set: 8,
  personality: 9,
  setitimer: 10,
  stdio: 11,
  close_range: 12,
  keep_fd: 13,
  fchdir: 14,
  chroot: 15,
  chdir: 16,
  drop_bounding_set: 17,
  clear_ambient: 18,
  securebits: 19,
  setgroups: 20,
  setresgid: 21,
  setresuid: 22,
  capset: 23,
  raise_ambient: 24,
  timer_slack: 25,
  child_subreaper: 25,
  keep_capabilities: 25,
  no_new_privs: 25,
  seccomp: 26,
  parent_death_signal: 27,
  verify_uid: 28,
  verify_gid: 29,
  verify_groups: 30,
  verify_capabilities: 31,
  verify_no_way_back: 32,
  verify_cwd: 33,
  reset_signals: 34,
  write: 35,
  execve: 36,
};

// linux/prctl.h
const PR_SET_KEEPCAPS = 8;
const PR_SET_TIMERSLACK = 29;
const PR_SET_CHILD_SUBREAPER = 36;
const PR_SET_NO_NEW_PRIVS = 38;

const rlimitModes = { set: 0, 'cap-soft': 1, 'set-soft': 2 } as const;
const timers = { real: 0, virtual: 1, prof: 2 } as const;

interface Encoded {
  /** Whole numbers up to 2^53, or Infinity for all bits. */
  readonly a?: number;
  readonly b?: number;
  readonly data?: Buffer;
}

// Two halves and not BigInt, which costs a launch more than all else here.
function writeUint64(bytes: Buffer, value: number, at: number): void {
  const all = value === Infinity;
  bytes.writeUInt32LE(all ? 0xffffffff : value >>> 0, at);
  bytes.writeUInt32LE(all ? 0xffffffff : Math.floor(value / 2 ** 32), at + 4);
}

function uint32s(values: readonly number[], scratch = 0): Buffer {
  const bytes = Buffer.alloc((values.length + scratch) * 4);
  values.forEach((value, index) => bytes.writeUInt32LE(value, index * 4));
  return bytes;
}

function cString(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc(1)]);
}

// The table of offsets, then the strings; `start` is where the data lies in the plan.
function execveData(step: Step & { op: 'execve' }, start: number): Buffer {
  const strings = [step.program, ...step.argv, undefined, ...step.env, undefined];
  const size = strings.reduce((sum, string) => sum + 8 + (string === undefined ? 0 : string.length + 1), 0);
  const data = Buffer.alloc(size);
  let at = strings.length * 8;
  strings.forEach((string, index) => {
    if (string === undefined) return;
    data.writeUInt32LE(start + at, index * 8);
    string.copy(data, at);
    at += string.length + 1;
  });
  return data;
}

function encodeStep(step: Step, dataStart: number): Encoded {
  switch (step.op) {
    case 'umask':
      return { a: step.mask, b: step.exact ? 1 : 0 };
    case 'setrlimit': {
      const data = Buffer.alloc(16);
      writeUint64(data, step.limit.soft, 0);
      writeUint64(data, step.limit.hard, 8);
      return { a: rlimitNumber(step.resource), b: rlimitModes[step.mode], data };
    }
    case 'personality':
      return { a: step.persona };
    case 'setitimer':
      return { a: timers[step.timer] };
    case 'timer_slack':
      return { a: PR_SET_TIMERSLACK, b: step.nanoseconds };
    case 'child_subreaper':
      return { a: PR_SET_CHILD_SUBREAPER, b: 0 };
    case 'keep_capabilities':
      return { a: PR_SET_KEEPCAPS, b: 1 };
    case 'no_new_privs':
      return { a: PR_SET_NO_NEW_PRIVS, b: 1 };
    case 'stdio':
    case 'keep_fd':
      return { a: step.fd };
    case 'close_range':
      return { a: step.first };
    case 'chdir':
      return { data: cString(step.path) };
    case 'drop_bounding_set':
      return { a: capabilityMask(step.keep) };
    case 'seccomp':
      return { data: step.filter };
    case 'setgroups':
      return { data: uint32s(step.gids) };
    case 'setresgid':
    case 'verify_gid':
      return { a: step.gid };
    case 'setresuid':
    case 'verify_uid':
      return { a: step.uid };
    case 'capset':
    case 'raise_ambient':
      return { a: capabilityMask(step.capabilities) };
    case 'parent_death_signal':
      return { a: step.signal, b: step.parentPid };
    case 'verify_groups':
      return { data: uint32s(step.gids, step.gids.length) };
    case 'verify_capabilities':
      return { a: capabilityMask(step.capabilities), b: capabilityMask(step.capabilities) };
    case 'write':
      return { a: step.fd, data: step.bytes };
    case 'execve':
      return { a: step.argv.length, b: step.env.length, data: execveData(step, dataStart) };
    case 'join_session_keyring':
    case 'setsid':
    case 'setpriority':
    case 'oom_score_adj':
    case 'sched_setscheduler':
    case 'ioprio_set':
    case 'fchdir':
    case 'chroot':
    case 'clear_ambient':
    case 'securebits':
    case 'verify_no_way_back':
    case 'verify_cwd':
    case 'reset_signals':
      return {};
    default:
      return step satisfies never;
  }
}

/** The bytes of a plan, for `execPlan` and `spawn` of the addon. */
export function encodePlan(steps: readonly Step[]): Buffer {
  let size = headerBytes;
  const places = steps.map((step) => {
    const place = { step, at: size, encoded: encodeStep(step, size + stepBytes) };
    const dataBytes = place.encoded.data?.length ?? 0;
    size += stepBytes + dataBytes + (-dataBytes & 7);
    return place;
  });
  const plan = Buffer.alloc(size);
  plan.writeUInt32LE(magic, 0);
  plan.writeUInt32LE(size, 4);
  plan.writeUInt32LE(steps.length, 8);
  for (const { step, at, encoded } of places) {
    plan.writeUInt32LE(opNumbers[step.op], at);
    plan.writeUInt32LE(encoded.data?.length ?? 0, at + 4);
    writeUint64(plan, encoded.a ?? 0, at + 8);
    writeUint64(plan, encoded.b ?? 0, at + 16);
    encoded.data?.copy(plan, at + stepBytes);
  }
  return plan;
}
