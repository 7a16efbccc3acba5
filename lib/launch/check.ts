// Looking before the launch: whether the program, its interpreters and its shared libraries are in the jail.
import { type MissingFile, resolveProgram } from '../binary/closure.ts';
import { bytePath, joinPath, showPath } from '../binary/path.ts';
import { errorCode } from '../binary/root.ts';
import { LaunchError } from '../errors.ts';
import { diagnoseDirectory, diagnoseProgram, type Diagnosis } from './diagnose.ts';
import type { Launch } from './prepare.ts';
import type { Step } from './step.ts';

const WORDS: Readonly<Record<MissingFile['role'], string>> = {
  program: 'it',
  'script-interpreter': 'its interpreter',
  command: 'its command',
  'elf-interpreter': 'its ELF interpreter',
  library: 'its shared library',
  dlopen: 'its shared library',
};

// The loader and env(1) say this only when the program has been executed already, and on its stderr.
function missingLater(
  { view }: Launch,
  { program, env }: Extract<Step, { op: 'execve' }>,
): Diagnosis | undefined {
  const path = joinPath(bytePath(view.cwd), bytePath(program));
  const { missing } = resolveProgram(view.root, path, { path: pathOf(env) });
  // what the kernel does not find has been diagnosed by then
  const first = missing.find(({ role, reason }) => role !== 'program' && reason !== 'unknown-command');
  if (first === undefined) return undefined;
  const needed = first.neededBy === undefined ? '' : `, needed by ${showPath(first.neededBy)}`;
  return {
    message: `${WORDS[first.role]} ${showPath(first.path)}${needed}: ${first.message}`,
    path: showPath(first.path),
    hint: `uchroot-jail build ${view.jail} ${showPath(path)}`,
    missing: true,
  };
}

/** PATH of an environment, or what the C library searches without one (confstr(3), _CS_PATH). */
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
      const found = attempt(() => diagnoseProgram(launch.view, step.program) ?? missingLater(launch, step));
      if (found !== undefined) return toError(launch, step, step.program, found);
    }
  }
  return undefined;
}
