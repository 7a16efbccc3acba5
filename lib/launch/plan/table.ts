// The step table: one row a step, and what is derived from it.
import type { ErrnoName } from '../../errors.ts';
import { credentialRows } from './credentials.ts';
import { descriptorRows } from './descriptors.ts';
import { jailEntryRows } from './jail-entry.ts';
import { limitRows } from './limits.ts';
import { landlockRows } from './landlock.ts';
import { mountRows } from './mount-steps.ts';
import { namespaceRows } from './namespaces.ts';
import { outboundRows } from './outbound-steps.ts';
import { processRows } from './process-state.ts';
import { ptyRows } from './pty.ts';
import { readBackRows } from './readback.ts';
import { rootRows } from './root-steps.ts';
import type { Step } from './step.ts';
import {
  stepFlags,
  type FailureContext,
  type FailureWords,
  type StepRow,
  type StepRows,
} from './step-row.ts';
import { userNamespaceRows } from './user-namespace.ts';

/** All rows. A step without one does not compile. */
export const stepTable: StepRows = {
  ...processRows,
  ...limitRows,
  ...descriptorRows,
  ...jailEntryRows,
  ...credentialRows,
  ...readBackRows,
  ...namespaceRows,
  ...userNamespaceRows,
  ...rootRows,
  ...mountRows,
  ...ptyRows,
  ...landlockRows,
  ...outboundRows,
};

/** The row of a step. */
export const rowOf = (step: Step): StepRow => stepTable[step.op] as StepRow;

/** The description of a step for people. */
export interface StepDescription {
  /** The system call behind it. */
  readonly call: string;
  /** What it acts on, or undefined if the call says it all. */
  readonly object?: string;
  /** What it is for. */
  readonly purpose: string;
  /** The capability without which it answers EPERM. */
  readonly needs?: string;
}

/** Describes one step. */
export function describeStep(step: Step): StepDescription {
  const { call, object, purpose, needs } = rowOf(step);
  return {
    call,
    ...(object === undefined ? {} : { object: object(step) }),
    purpose: typeof purpose === 'string' ? purpose : purpose(step),
    ...(needs === undefined ? {} : { needs }),
  };
}

/** The flags of a step, as native/plan/plan.h has them. */
export function flagsOf(step: Step): number {
  const { flags } = rowOf(step);
  let number = step.afterFork === true ? stepFlags.afterFork : 0;
  if (flags === undefined) return number;
  for (const name in flags) {
    const flag = flags[name as keyof typeof stepFlags];
    if (flag === true || flag?.(step) === true) number |= stepFlags[name as keyof typeof stepFlags];
  }
  return number;
}

const inheritedOps = new Set(
  Object.values(stepTable)
    .filter(({ flags }) => flags?.inherited !== undefined)
    .map(({ op }) => op),
);

/**
 * How many of the steps that a prepared thread has run (native/start/crew.cc) a plan has in the same form: all, all but the filter of
 * system calls, or fewer.
 */
export function inheritedSteps(
  steps: readonly { readonly op: number; readonly flags: number }[],
): 'all' | 'allButFilter' | 'few' {
  const missing = new Set(inheritedOps);
  for (const { op, flags } of steps) if ((flags & stepFlags.inherited) !== 0) missing.delete(op);
  if (missing.size === 0) return 'all';
  return missing.size === 1 && missing.has(stepTable.seccomp.op) ? 'allButFilter' : 'few';
}

/** The words for a step that has failed with an errno: those of its row for this errno, and the hint for a missing capability. */
export function wordsFor(
  step: Step,
  code: ErrnoName,
  context: FailureContext,
): { readonly reason: string | undefined; readonly hint: string | undefined } {
  const { failures, needs } = rowOf(step);
  const { reason, hint }: FailureWords<Step> = failures?.[code] ?? {};
  const missing =
    code === 'EPERM' && needs !== undefined
      ? `it needs ${needs}: give it to the container or unit that runs uchroot, and see that no seccomp filter refuses the call`
      : undefined;
  return {
    reason: typeof reason === 'function' ? reason(context, step) : reason,
    hint: (typeof hint === 'function' ? hint(context, step) : hint) ?? missing,
  };
}

/** How each message about a step begins: `setresuid: 1001:`. */
export function messageHead(step: Step, context: FailureContext): string {
  const target = targetOf(step, context);
  return `${step.op}:${target === undefined ? '' : ` ${target}:`}`;
}

/** What a step acts on, in a message. */
export function targetOf(step: Step, context: FailureContext): string | undefined {
  const { subject, object } = rowOf(step);
  return subject?.(context) ?? object?.(step);
}
