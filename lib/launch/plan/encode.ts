// A plan as bytes: the counterpart of native/plan/plan.h.
import { zeroBytes } from '../../quote.ts';
import { capabilityMask } from '../request/capabilities.ts';
import { opNumbers } from './operation.ts';
import { rlimitNumber } from '../request/rlimits.ts';
import type { ExecveStep, Limit, Step, StepName } from './step.ts';

const magic = 0x31504355;
const headerBytes = 16;
const stepBytes = 24;

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
  readonly data?: Uint8Array | Uint32Array;
}

// In words of 32 bits, which is quick from the first call on: Buffer's own methods each have to be compiled when a
// command begins. The host is little endian, as the plan is. Two halves and not BigInt, for the same reason.
function setUint64(words: Uint32Array, at: number, value: number): void {
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

function gidsData(gids: readonly number[], scratch = 0): Uint32Array {
  const words = new Uint32Array(gids.length + scratch);
  words.set(gids);
  return words;
}

function cString(bytes: Uint8Array): Uint8Array {
  const data = new Uint8Array(bytes.length + 1);
  data.set(bytes);
  return data;
}

// Strings one behind the other, each with a zero byte, and where each begins.
interface Block {
  readonly bytes: Uint8Array;
  readonly starts: readonly number[];
}

// Of environments, which are the same array for many programs.
const blocks = new WeakMap<readonly Uint8Array[], Block>();

function blockOf(strings: readonly Uint8Array[]): Block {
  const known = blocks.get(strings);
  if (known !== undefined) return known;
  const starts: number[] = [];
  let size = 0;
  for (const string of strings) {
    starts.push(size);
    size += string.length + 1;
  }
  const bytes = new Uint8Array(size);
  strings.forEach((string, i) => bytes.set(string, starts[i]));
  const block = { bytes, starts };
  blocks.set(strings, block);
  return block;
}

// A table of offsets (program, argv, 0, env, 0), then the strings; `start` is where the data lies in the plan.
function execveData({ program, argv, env }: ExecveStep, start: number): Uint8Array {
  const variables = blockOf(env);
  const tableBytes = (argv.length + env.length + 3) * 8;
  let size = tableBytes + program.length + 1 + variables.bytes.length;
  for (const argument of argv) size += argument.length + 1;
  const data = new Uint8Array(size);
  const table = new Uint32Array(data.buffer, 0, tableBytes / 4);
  table[0] = start + tableBytes;
  data.set(program, tableBytes);
  let at = tableBytes + program.length + 1;
  let slot = 1;
  for (const argument of argv) {
    table[slot++ * 2] = start + at;
    data.set(argument, at);
    at += argument.length + 1;
  }
  slot++;
  for (const offset of variables.starts) table[slot++ * 2] = start + at + offset;
  data.set(variables.bytes, at);
  return data;
}

function encodeStep(step: Step, dataStart: number): Encoded {
  switch (step.op) {
    case 'umask':
      return { a: step.mask, b: step.exact ? 1 : 0 };
    case 'setrlimit':
      return {
        a: rlimitNumber(step.resource),
        b: rlimitModes[step.mode],
        data: limitData(step.limit),
      };
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
      return { data: gidsData(step.gids) };
    case 'setresgid':
    case 'verify_gid':
      return { a: step.gid };
    case 'setresuid':
    case 'verify_uid':
      return { a: step.uid };
    case 'capset':
    case 'raise_ambient':
    case 'verify_capabilities':
      return { a: capabilityMask(step.capabilities) };
    case 'parent_death_signal':
      return { a: step.signal, b: step.parentPid };
    case 'verify_groups':
      return { data: gidsData(step.gids, step.gids.length) };
    case 'write':
      return { a: step.fd, data: step.bytes };
    case 'execve':
      return { a: step.argv.length, b: step.env.length, data: execveData(step, dataStart) };
    case 'join_session_keyring':
    case 'setsid':
    case 'setpgid':
    case 'setpriority':
    case 'oom_score_adj':
    case 'sched_setscheduler':
    case 'ioprio_set':
    case 'keep_listen_fds':
    case 'fchdir':
    case 'chroot':
    case 'clear_ambient':
    case 'securebits':
    case 'verify_no_way_back':
    case 'verify_no_new_privs':
    case 'verify_seccomp':
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
    size += sizeOf(place.encoded);
    return place;
  });
  const plan = zeroBytes(size);
  const words = new Uint32Array(plan.buffer);
  writeHeader(words, size, steps.length);
  for (const { step, at, encoded } of places) writeStep(plan, words, at, step.op, encoded);
  return plan;
}

// What plans have in common, encoded once.
const beginnings = new WeakMap<readonly Step[], Buffer>();

function beginningOf(setUp: readonly Step[]): Buffer {
  const known = beginnings.get(setUp);
  if (known !== undefined) return known;
  const bytes = encodePlan(setUp);
  beginnings.set(setUp, bytes);
  return bytes;
}

// Memory for one plan, used again: to get some is dear. As large as plans are; a larger one gets its own.
const deskBytes = 16384;
let desk: { readonly plan: Buffer; readonly words: Uint32Array } | undefined;

function deskOf(size: number): { readonly plan: Buffer; readonly words: Uint32Array } {
  if (size <= deskBytes && desk !== undefined) return desk;
  const plan = zeroBytes(Math.max(size, deskBytes));
  const made = { plan, words: new Uint32Array(plan.buffer) };
  if (size <= deskBytes) desk = made;
  return made;
}

/**
 * The bytes of a plan of a service, whose launches are set up alike: the same array of steps is encoded once. They are good
 * until the next call.
 */
export function encodeAgain(setUp: readonly Step[], last: ExecveStep): Buffer {
  const beginning = beginningOf(setUp);
  const at = beginning.length;
  const encoded = encodeStep(last, at + stepBytes);
  const size = at + sizeOf(encoded);
  const { plan, words } = deskOf(size);
  plan.set(beginning);
  writeHeader(words, size, setUp.length + 1);
  // nothing of an earlier plan in what pads the data
  words.fill(0, size / 4 - 2, size / 4);
  writeStep(plan, words, at, last.op, encoded);
  return plan.subarray(0, size);
}

function sizeOf({ data }: Encoded): number {
  const dataBytes = data?.byteLength ?? 0;
  return stepBytes + dataBytes + (-dataBytes & 7);
}

function writeHeader(words: Uint32Array, size: number, steps: number): void {
  words[0] = magic;
  words[1] = size;
  words[2] = steps;
}

function writeStep(
  plan: Buffer,
  words: Uint32Array,
  at: number,
  op: StepName,
  { a = 0, b = 0, data }: Encoded,
): void {
  const word = at / 4;
  words[word] = opNumbers[op];
  words[word + 1] = data?.byteLength ?? 0;
  setUint64(words, word + 2, a);
  setUint64(words, word + 4, b);
  if (data !== undefined) {
    if (data instanceof Uint32Array) words.set(data, (at + stepBytes) / 4);
    else plan.set(data, at + stepBytes);
  }
}
