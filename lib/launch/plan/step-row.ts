// The type of a row of the step table (table.ts), and the flags of a step.
import type { ErrnoName } from '../../errors.ts';
import type { Step, StepName } from './step.ts';

/** StepFlag of native/plan/plan.h. Native code outside the interpreter knows a step by these flags alone. */
export const stepFlags = {
  /** Children inherit the effect, and nearly every program needs the same one. So a thread runs the step once for all its programs. */
  inherited: 1,
  /** Reads back what an inherited step has set. */
  readBack: 2,
  /** A new process starts in this state anyway. */
  initial: 4,
  /** Not needed on a thread of the crew: its child has set its scheduling policy already. */
  batchPolicy: 8,
  /** Needed only if the oom_score_adj of the whole process is negative. */
  oomScore: 16,
  /** The step executes the program. */
  program: 32,
  /** `b` is the pid of the parent, which a compiled launcher learns when it starts. */
  parentPid: 64,
  /** Spaces in its data, if there are any, are replaced by the pid. */
  ownPid: 128,
  /** `a` is a descriptor of the caller. Nothing else may use its number. */
  descriptor: 256,
  /** `a` is CLONE_NEW flags with which the process is started. */
  cloned: 1024,
  /** Runs after the fork at the end of its stage, in the process that waits there. */
  afterFork: 2048,
  /** Makes a network namespace. The launching thread may have one ready. */
  network: 4096,
  /** The program starts in the cgroup that the data describes. Only the launching thread can perform this step. */
  cgroup: 8192,
  /** The launching thread performs the step, and the process of the plan waits for that. */
  outside: 16_384,
  /** The process starts in the user namespace that an open jail keeps. */
  keptUser: 32_768,
} as const;

/** The numbers and bytes of a step. */
export interface Encoded {
  /** Whole numbers up to 2^53, or Infinity for all bits. */
  readonly a?: number;
  readonly b?: number;
  readonly data?: Uint8Array | Uint32Array;
}

/** What a message about a failed step can name. */
export interface FailureContext {
  /** PlanFailure.detail; in a compiled launcher, a text that it replaces by that number. */
  readonly detail: number | string;
  /** Path of the jail on the host, quoted. */
  readonly jail: string;
  readonly cwd: Uint8Array;
  readonly uid: number;
}

/** Words for a failed step that say more than its errno. */
export interface FailureWords<S extends Step> {
  readonly reason?: string | ((context: FailureContext, step: S) => string);
  readonly hint?: string | ((context: FailureContext, step: S) => string);
}

/** One row of the step table. */
export interface StepRow<S extends Step = Step> {
  /** Op of native/plan/plan.h; several steps can be one op there. */
  readonly op: number;
  /** The system call behind the step. */
  readonly call: string;
  /** What the call acts on. Missing if the name of the call is enough. */
  readonly object?: (step: S) => string;
  /** What a message names in its place. */
  readonly subject?: (context: FailureContext) => string;
  /** What the step is for. */
  readonly purpose: string | ((step: S) => string);
  /** The capability without which the call answers EPERM. */
  readonly needs?: string;
  /** `true`, or a function that tells for which of these steps. */
  readonly flags?: { readonly [flag in keyof typeof stepFlags]?: true | ((step: S) => boolean) };
  /** `dataStart` is the offset of its data in the plan. */
  readonly encode?: (step: S, dataStart: number) => Encoded;
  readonly failures?: { readonly [code in ErrnoName]?: FailureWords<S> };
  /** What a diagnosis looks at after a failure. `after`: the errnos, by default all. */
  readonly look?: { readonly at: 'program' | 'cwd'; readonly after?: readonly ErrnoName[] };
  /** The step that a rehearsal runs in a child; undefined if its effect would reach beyond the child. By default the step itself. */
  readonly rehearse?: (step: S, parentPid: number) => S | undefined;
}

export type StepRows = { readonly [Name in StepName]: StepRow<Extract<Step, { readonly op: Name }>> };

/** The rows of a family. stepTable compiles only if each step has a row in some family. */
export type SomeStepRows = Partial<StepRows>;
