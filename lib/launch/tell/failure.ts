// Converts a failed step to a LaunchError: step, object, reason, and a hint if there is one.
import { errnoName, reason } from '../../words/errno.ts';
import { type ErrnoName, exitStatuses, LaunchError } from '../../errors.ts';
import type { PlanFailure } from '../../native.ts';
import { quote } from '../../words/quote.ts';
import type { Step } from '../plan/step.ts';
import type { FailureContext } from '../plan/step-row.ts';
import { describeStep, messageHead, rowOf, targetOf, wordsFor } from '../plan/table.ts';
import { bindHint } from './bind-hint.ts';
import { diagnoseDirectory, diagnoseProgram } from './diagnose.ts';
import type { Diagnosis } from './found-path.ts';
import { forCaller, type JailView } from './jail-view.ts';

// Phase of native/plan/plan.h: work outside the steps.
const phases: Readonly<Record<number, string>> = {
  1001: 'starting the launcher',
  1002: 'executing the launcher',
  1003: 'loading the plan',
  1004: 'checking the plan',
  1005: 'the launcher was killed',
  1006: 'preparing a thread that launches',
  1007: 'forking for the next stage',
};

// An error of this inspection must not hide the failure itself: the jail can change, or this process may no longer read it.
function attempt<T>(look: () => T | undefined): T | undefined {
  try {
    return look();
  } catch {
    return undefined;
  }
}

// What a program has written to its stderr.
function inOneLine(words: Uint8Array): string {
  const lines = Buffer.from(words).toString('latin1').trim().split('\n');
  return lines.map((line) => quote(line)).join('; ');
}

/** The values of a jail that messages mention. */
export function contextOf({ jail, cwd, account }: JailView, detail: number | string): FailureContext {
  return { detail, jail, cwd, uid: account.uid };
}

// Inspects the jail for the cause of a failed step.
function lookFor(step: Step, code: ErrnoName, view: JailView): Diagnosis | undefined {
  const { look } = rowOf(step);
  if (look === undefined || look.after?.includes(code) === false) return undefined;
  return step.op === 'execve' ? diagnoseProgram(view, step.program) : diagnoseDirectory(view, view.cwd);
}

/** The error for a plan that stopped. The jail is inspected if the step's row says so. */
export function toLaunchError(steps: readonly Step[], failure: PlanFailure, view: JailView): LaunchError {
  const { errno } = failure;
  const detail = failure.words === undefined ? failure.detail : inOneLine(failure.words);
  const code = errnoName(errno);
  const step = steps[failure.step];
  if (step === undefined) {
    const phase = phases[failure.op] ?? 'starting';
    return new LaunchError(`launch: ${phase}: ${reason(errno)}`, { step: 'launch', code, errno });
  }
  const found = attempt(() => lookFor(step, code, view));
  const context = contextOf(view, detail);
  const words = wordsFor(step, code, context);
  const execStatus =
    found?.missing === true || (found === undefined && code === 'ENOENT')
      ? exitStatuses.missing
      : exitStatuses.unusable;
  const head =
    step.op === 'execve' && found?.isPlain ? `${quote(step.program)}:` : messageHead(step, context);
  return new LaunchError(`${head} ${found?.message ?? words.reason ?? reason(errno)}`, {
    step: step.op,
    place: failure.step + 1,
    call: describeStep(step).call,
    code,
    errno,
    path: found?.path || targetOf(step, context),
    hint: forCaller(view, found?.hint ?? attempt(() => bindHint(steps, step, code, view)) ?? words.hint),
    exitStatus: step.op === 'execve' ? execStatus : exitStatuses.failed,
  });
}
