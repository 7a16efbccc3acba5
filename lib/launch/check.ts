// Looking before the launch: whether the program, its interpreters and its shared libraries are in the jail.
import { resolveProgram } from '../binary/closure.ts';
import { bytePath, joinPath, showPath } from '../binary/path.ts';
import { errorCode } from '../binary/root.ts';
import { LaunchError } from '../errors.ts';
import { diagnoseDirectory, diagnoseProgram, type Diagnosis } from './diagnose.ts';
import type { Launch } from './prepare.ts';
import type { Step } from './step.ts';

// The loader says this only when the program has been executed already, and on its stderr.
function missingLibrary({ view }: Launch, program: Uint8Array): Diagnosis | undefined {
  const path = joinPath(bytePath(view.cwd), bytePath(program));
  const missing = resolveProgram(view.root, path).missing.find((file) => file.role === 'library');
  if (missing === undefined) return undefined;
  const needed = missing.neededBy === undefined ? '' : `, needed by ${showPath(missing.neededBy)}`;
  return {
    message: `its shared library ${showPath(missing.path)}${needed}: ${missing.message}`,
    path: showPath(missing.path),
    hint: `uchroot-jail build ${view.jail} ${showPath(path)}`,
    missing: true,
  };
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

// What an ordinary user may not read is no finding; a name that is too long is one.
function attempt(look: () => Diagnosis | undefined): Diagnosis | undefined {
  try {
    return look();
  } catch (error) {
    const code = errorCode(error);
    if (code === undefined) throw error;
    return code === 'ENAMETOOLONG' ? { message: 'name too long', path: '', missing: false } : undefined;
  }
}

/** What would keep a prepared launch from succeeding, as far as the jail's files tell; undefined if nothing. */
export function findProblem(launch: Launch): LaunchError | undefined {
  for (const step of launch.steps) {
    if (step.op === 'chdir') {
      const found = attempt(() => diagnoseDirectory(launch.view, step.path));
      if (found !== undefined) return toError(launch, step, step.path, found);
    }
    if (step.op === 'execve') {
      const found = attempt(
        () => diagnoseProgram(launch.view, step.program) ?? missingLibrary(launch, step.program),
      );
      if (found !== undefined) return toError(launch, step, step.program, found);
    }
  }
  return undefined;
}
