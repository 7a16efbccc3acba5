// Checks a jail before the launch: the program, its interpreters and its shared libraries must be there.
import { readFileSync } from 'node:fs';
import { endianness } from 'node:os';

import {
  type Closure,
  type MissingFile,
  resolveProgram,
  type ResolverOptions,
} from '../../binary/closure.ts';
import { BASELINE, hostAbi, readCpu, type Cpu } from '../../binary/machine.ts';
import { bytePath, type BytePath, joinPath, showPath } from '../../tree/path.ts';
import { walk } from '../../tree/walk.ts';
import { exitStatuses, LaunchError } from '../../errors.ts';
import { shellWord, withoutReturns } from '../../words/shell-word.ts';
import { errorCode, lookOr } from '../../words/system-error.ts';
import { diagnoseDirectory, diagnoseProgram } from './diagnose.ts';
import type { Launch } from '../plan/launch.ts';
import type { Diagnosis } from './found-path.ts';
import { describeMode, forCaller, isClosed, viewOf, type JailView } from './jail-view.ts';
import type { Step } from '../plan/step.ts';
import { pathOf } from './library-glance.ts';
import { buildCommand, hostWord, interpreterHint } from './program-hint.ts';

const WORDS: Readonly<Record<MissingFile['role'], string>> = {
  program: 'it',
  'script-interpreter': 'its interpreter',
  command: 'its command',
  'elf-interpreter': 'its ELF interpreter',
  library: 'its shared library',
  dlopen: 'its shared library',
};

// A library in a directory of glibc-hwcaps is there for this processor (ld.so(8), "glibc-hwcaps").
function thisCpu(): Cpu {
  const abi = hostAbi(process.arch, endianness());
  // without /proc
  return lookOr(BASELINE, () =>
    abi === undefined ? BASELINE : readCpu(readFileSync('/proc/cpuinfo', 'latin1'), abi),
  );
}

// Files that the kernel itself looks for are diagnosed elsewhere.
function firstIn({ missing }: Closure): MissingFile | undefined {
  return missing.find(({ role, reason }) => role !== 'program' && reason !== 'unknown-command');
}

interface WithAccount {
  /** The program's account. Without it, files that it cannot read are not reported. */
  readonly account?: JailView['account'] | undefined;
}

/**
 * The first file that a program needs and the jail lacks, for programs that the kernel would execute: the loader and env(1)
 * report such a file only later, on the program's stderr. Undefined if none is missing, or if it can lie in a bind.
 */
export function findMissing(
  view: Pick<JailView, 'root' | 'cwd' | 'jail' | 'binds' | 'host'> & WithAccount,
  program: Uint8Array,
  options: ResolverOptions,
): Diagnosis | undefined {
  if (view.binds.length > 0) return undefined;
  const path = joinPath(bytePath(view.cwd), bytePath(program));
  const closure = resolveProgram(view.root, path, options);
  // Hardly any library exists for some processors only, and finding out about this processor takes time.
  const first = firstIn(closure) && firstIn(resolveProgram(view.root, path, { ...options, cpu: thisCpu() }));
  if (first === undefined) return findClosed(view, closure);
  const needed = first.neededBy === undefined ? '' : `, needed by ${showPath(first.neededBy)}`;
  return {
    message: `${WORDS[first.role]} ${showPath(first.path)}${needed}: ${first.message}`,
    path: showPath(first.path),
    hint: hintFor(view, path, first),
    missing: true,
  };
}

// A library that the account of the program may not read.
function findClosed(
  view: Pick<JailView, 'root' | 'jail'> & WithAccount,
  { files }: Closure,
): Diagnosis | undefined {
  const { root, account } = view;
  if (account === undefined) return undefined;
  for (const { role, path } of files) {
    const end = walk(root, path);
    if (role !== 'library' || end.kind !== 'found' || !isClosed(end.status, account)) continue;
    const shown = showPath(end.path);
    return {
      message: `its shared library ${showPath(path)}: uid ${account.uid} may not read it (${describeMode(end.status)})`,
      path: shown,
      hint: `chmod a+r ${hostWord(view, shown)}`,
      missing: true, // the loader ends with this status too
    };
  }
  return undefined;
}

// The jail alone may have the script, but the host has the command that env(1) starts for it.
function hintFor(
  view: Pick<JailView, 'root' | 'jail' | 'host'>,
  program: BytePath,
  { role, path, neededBy, unusable }: MissingFile,
): string {
  if (path.endsWith('\r') && neededBy !== undefined)
    return withoutReturns(hostWord(view, showPath(neededBy)));
  const build = role === 'command' ? interpreterHint(view, path) : buildCommand(view, program);
  // the builder replaces a file that was changed in the jail only if it is named
  return unusable === undefined ? build : `${build} --replace ${shellWord(walk(view.root, unusable).path)}`;
}

function toError(
  { launch, view }: { readonly launch: Launch; readonly view: JailView },
  step: Step,
  subject: Uint8Array,
  diagnosis: Diagnosis,
): LaunchError {
  const head = step.op === 'execve' && diagnosis.isPlain ? '' : `${step.op}: `;
  return new LaunchError(`${head}${showPath(bytePath(subject))}: ${diagnosis.message}`, {
    step: step.op,
    place: launch.steps.indexOf(step) + 1,
    code: diagnosis.missing ? 'ENOENT' : 'EACCES',
    path: diagnosis.path,
    hint: forCaller(view, diagnosis.hint),
    exitStatus:
      step.op !== 'execve'
        ? exitStatuses.failed
        : diagnosis.missing
          ? exitStatuses.missing
          : exitStatuses.unusable,
  });
}

// A file that this process cannot read is not reported. A name that is too long is.
function attempt(look: () => Diagnosis | undefined): Diagnosis | undefined {
  try {
    return look();
  } catch (error) {
    const code = errorCode(error);
    if (code === undefined) throw error;
    return code === 'ENAMETOOLONG' ? { message: 'name too long', path: '', missing: false } : undefined;
  }
}

/** The first problem that the jail's files show for a launch that is ready. */
export function findProblem(launch: Launch, view = viewOf(launch)): LaunchError | undefined {
  const { request, execve, steps } = launch;
  // a capability may let the program read every file (capabilities(7), CAP_DAC_OVERRIDE)
  const account = request.caps.length > 0 ? undefined : view.account;
  for (const step of steps) {
    if (step.op !== 'chdir') continue;
    const found = attempt(() => diagnoseDirectory(view, step.path));
    if (found !== undefined) return toError({ launch, view }, step, step.path, found);
  }
  const path = pathOf(execve.env);
  const found = attempt(
    () =>
      diagnoseProgram(view, execve.program) ?? findMissing({ ...view, account }, execve.program, { path }),
  );
  return found && toError({ launch, view }, execve, execve.program, found);
}
