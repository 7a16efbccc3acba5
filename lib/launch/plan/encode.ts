// A plan as bytes: the counterpart of native/plan/plan.h.
import { setUint64 } from './limits.ts';
import type { ExecveStep, Plan, Step } from './step.ts';
import { stepFlags, type Encoded } from './step-row.ts';
import { flagsOf, inheritedSteps, rowOf } from './table.ts';

const magic = 0x32504355;
const headerBytes = 16;
const stageBytes = 8;
const stepBytes = 24;

// PlanFlag
const PLAN_USUAL = 1;
const PLAN_CLONED = 2;
const PLAN_CGROUP = 4;
const PLAN_UNFILTERED = 8;
const PLAN_NETWORK = 32;

// A step with its place in the plan.
interface Placed {
  readonly at: number;
  readonly op: number;
  readonly flags: number;
  readonly encoded: Encoded;
}

const nothing: Encoded = {};

function placeAt(at: number, step: Step): Placed {
  const { op, encode } = rowOf(step);
  const encoded = encode === undefined ? nothing : encode(step, at + stepBytes);
  return { at, op, flags: flagsOf(step), encoded };
}

function endOf({ at, encoded: { data } }: Placed): number {
  const dataBytes = data?.byteLength ?? 0;
  return at + stepBytes + dataBytes + (-dataBytes & 7);
}

function writeStep(plan: Buffer, words: Uint32Array, { at, op, flags, encoded }: Placed): void {
  const { a = 0, b = 0, data } = encoded;
  const word = at / 4;
  words[word] = op | (flags << 16);
  words[word + 1] = data?.byteLength ?? 0;
  setUint64(words, word + 2, a);
  setUint64(words, word + 4, b);
  if (data instanceof Uint32Array) words.set(data, (at + stepBytes) / 4);
  else if (data !== undefined) plan.set(data, at + stepBytes);
}

interface EncodedPlan {
  readonly bytes: Buffer;
  /** The place of the number of steps of the last stage, in words of 32 bits. */
  readonly countAt: number;
}

function encode(stages: Plan): EncodedPlan {
  const placed: Placed[] = [];
  const counts: [at: number, steps: number][] = [];
  let size = headerBytes;
  for (const stage of stages) {
    counts.push([size / 4, stage.length]);
    size += stageBytes;
    for (const step of stage) {
      const one = placeAt(size, step);
      placed.push(one);
      size = endOf(one);
    }
  }
  const bytes = Buffer.alloc(size);
  const words = new Uint32Array(bytes.buffer);
  words[0] = magic;
  words[1] = size;
  words[2] = stages.length;
  const has = (flag: number): boolean => placed.some(({ flags }) => (flags & flag) !== 0);
  // Only the last stage counts: an init has no_new_privs even if the program may gain privileges.
  const inherited = inheritedSteps(placed.slice(placed.length - (stages.at(-1)?.length ?? 0)));
  // the filter of a prepared thread may refuse what isolates
  const isUsual =
    inherited === 'all' && stages.length === 1 && !stages[0]?.some(({ op }) => op === 'unshare');
  // born in a pid namespace alone
  const isInit = stages[0]?.some((step) => step.op === 'unshare' && step.cloned === true) === true;
  const isUnfiltered = inherited === 'allButFilter' && isInit;
  words[3] =
    (isUsual ? PLAN_USUAL : 0) |
    (isUnfiltered ? PLAN_UNFILTERED : 0) |
    (has(stepFlags.cloned) ? PLAN_CLONED : 0) |
    (has(stepFlags.cgroup) ? PLAN_CGROUP : 0) |
    (has(stepFlags.network) ? PLAN_NETWORK : 0);
  for (const [at, steps] of counts) words[at] = steps;
  for (const one of placed) writeStep(bytes, words, one);
  return { bytes, countAt: counts.at(-1)?.[0] ?? 0 };
}

/** The bytes of a plan, for `execPlan` and `spawn` of the addon. */
export const encodePlan = (stages: Plan): Buffer => encode(stages).bytes;

/** The beginning of plans that differ in their last step alone. It is encoded once, and each last step is written behind it. */
export class Beginning {
  #plan: Buffer;
  #words: Uint32Array;
  #written: { readonly last: ExecveStep; readonly bytes: Buffer } | undefined;
  readonly #at: number;

  constructor(stages: Plan) {
    const { bytes, countAt } = encode(stages);
    this.#plan = bytes;
    this.#words = new Uint32Array(bytes.buffer);
    this.#words[countAt] = (this.#words[countAt] ?? 0) + 1;
    this.#at = bytes.length;
  }

  /** The bytes of the whole plan. They are valid until the next call. */
  with(last: ExecveStep): Buffer {
    if (this.#written?.last === last) return this.#written.bytes;
    const placed = placeAt(this.#at, last);
    const size = endOf(placed);
    if (size > this.#plan.length) this.#grow(size);
    this.#words[1] = size;
    // nothing of an earlier plan in what pads the data
    this.#words.fill(0, size / 4 - 2, size / 4);
    writeStep(this.#plan, this.#words, placed);
    const bytes = this.#plan.subarray(0, size);
    this.#written = { last, bytes };
    return bytes;
  }

  // Room for twice as much: the next step may be a little longer.
  #grow(size: number): void {
    const plan = Buffer.alloc(2 * size);
    plan.set(this.#plan.subarray(0, this.#at));
    this.#plan = plan;
    this.#words = new Uint32Array(plan.buffer);
  }
}
