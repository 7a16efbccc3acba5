// Looks before the launch whether the program, its interpreters and its shared libraries are in the jail.
import { bytePath, showPath } from '../../binary/path.ts';
import { errorCode } from '../../binary/root.ts';
import { LaunchError } from '../../errors.ts';
import { diagnoseDirectory, diagnoseProgram, type Diagnosis } from './diagnose.ts';
import { findMissing } from './missing.ts';
import type { Launch } from '../host/prepare.ts';
import type { Step } from '../plan/step.ts';

// PATH of an environment, or the C library's default (confstr(3), _CS_PATH).
function pathOf(env: readonly Buffer[]): Uint8Array | string {
  const entry = env.find((variable) => variable.subarray(0, 5).equals(Buffer.from('PATH=')));
  return entry?.subarray(5) ?? '/bin:/usr/bin';
}

function toError(launch: Launch, step: Step, subject: Uint8Array, diagnosis: Diagnosis): LaunchError {
  return new LaunchError(`${step.op}: ${showPath(bytePath(subject))}: ${diagnosis.message}`, {
    step: step.op,
    place: launch.steps.indexOf(step) + 1,
    code: diagnosis.missing ? 'ENOENT' : 'EACCES',
    path: diagnosis.path,
    hint: diagnosis.hint,
    exitStatus: step.op === 'execve' ? (diagnosis.missing ? 127 : 126) : 125,
  });
}

// A file that this process may not read is no finding; a name that is too long is one.
function attempt(look: () => Diagnosis | undefined): Diagnosis | undefined {
  try {
    return look();
  } catch (error) {
    const code = errorCode(error);
    if (code === undefined) throw error;
    return code === 'ENAMETOOLONG' ? { message: 'name too long', path: '', missing: false } : undefined;
  }
}

/** The first problem that the jail's files show for a prepared launch. */
export function findProblem(launch: Launch): LaunchError | undefined {
  for (const step of launch.steps) {
    if (step.op === 'chdir') {
      const found = attempt(() => diagnoseDirectory(launch.view, step.path));
      if (found !== undefined) return toError(launch, step, step.path, found);
    }
    if (step.op === 'execve') {
      const { view } = launch;
      const found = attempt(
        () =>
          diagnoseProgram(view, step.program) ?? findMissing(view, step.program, { path: pathOf(step.env) }),
      );
      if (found !== undefined) return toError(launch, step, step.program, found);
    }
  }
  return undefined;
}
