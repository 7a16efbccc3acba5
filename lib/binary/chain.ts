// Follows a script to the program that finally runs: through `#!` interpreters and env(1).

import { findCommand, parseEnv } from './env.ts';
import type { Elf } from './elf.ts';
import type { Files, Look, Unusable } from './elf-files.ts';
import type { FoundBy } from './loader.ts';
import { type BytePath, bytePath, joinPath, lastComponent, showPath } from '../tree/path.ts';

/** `command`: started by env(1) for a script. `dlopen`: a library that `neededBy` opens at run time, according to its note. */
type Role = 'program' | 'script-interpreter' | 'command' | 'elf-interpreter' | 'library' | 'dlopen';

interface Reason {
  readonly role: Role;
  /** The file that needs it, as the kernel or the loader names it; undefined for the program. */
  readonly neededBy?: BytePath;
  /** The name by which it is needed: of a library, or the text after `#!`. */
  readonly as?: BytePath;
}

export interface NeededFile extends Reason {
  /** As the kernel or the loader names it: links are not resolved. */
  readonly path: BytePath;
  readonly foundBy?: FoundBy;
  /** Found by $ORIGIN of the program, which works only if /proc is mounted. */
  readonly needsProc?: boolean;
  /** Undefined for a script. */
  readonly elf?: Elf;
}

export interface MissingFile extends Reason {
  /** The missing thing: a path, the name of a library or command, or the argument that env(1) does not understand. */
  readonly path: BytePath;
  /**
   * `no-interpreter`: neither ELF nor a valid `#!` line. `too-deep`: more than five interpreters in a row, or scripts that
   * start each other endlessly. `no-command`: env(1) would fail. `unknown-command`: the command of env cannot be told from
   * the line, and may exist.
   */
  readonly reason: Unusable | 'no-interpreter' | 'too-deep' | 'no-command' | 'unknown-command';
  /** The reason as a clause, "it is not there"; more precise than `reason`. */
  readonly message: string;
  /** The library of this name that cannot be used, if there is one. */
  readonly unusable?: BytePath;
}

export interface Chain {
  /** For each execve(2) the scripts, and then an ELF file if one is reached. Each env(1) adds one; the last runs the program. */
  readonly runs: readonly (readonly NeededFile[])[];
  readonly missing: readonly MissingFile[];
}

interface Execution {
  readonly file: Reason & { readonly path: BytePath };
  /** The arguments after argv[0]. */
  readonly args: readonly BytePath[];
  readonly path: BytePath | undefined;
}

// exec_binprm() of the kernel follows five interpreters.
const MAX_INTERPRETERS = 5;
// A limit for env and a script that start each other; real chains are shorter.
const MAX_RUNS = 16;

/** Follows a program to what finally runs; `path` is the PATH of env(1). */
export function followScripts(files: Files, program: BytePath, path: BytePath): Chain {
  const runs: (readonly NeededFile[])[] = [];
  const endWith = (...missing: readonly MissingFile[]): Chain => ({ runs, missing });
  let next: Execution = { file: { role: 'program', path: program }, args: [], path };
  for (;;) {
    const run = execute(files, next);
    runs.push(run.files);
    if (run.missing !== undefined) return endWith(run.missing);
    const env = run.files.at(-1);
    if (env === undefined || lastComponent(env.path) !== 'env') return endWith();
    const after = startedByEnv(files, env, { ...next, args: run.args });
    if (after === undefined) return endWith();
    if ('reason' in after) return endWith(after);
    next = after;
    if (runs.length === MAX_RUNS) {
      const message = 'scripts and env start each other without end';
      return endWith({ ...next.file, reason: 'too-deep', message });
    }
  }
}

const ROOT = bytePath('/');

// As the kernel: an interpreter gets the argument of the `#!` line, the script's path, and the script's arguments (execve(2)).
function execute(
  files: Files,
  { file, args: given }: Execution,
): {
  readonly files: readonly NeededFile[];
  readonly args: readonly BytePath[];
  readonly missing?: MissingFile;
} {
  const found: NeededFile[] = [];
  const args = [...given];
  let next = file;
  for (;;) {
    const look = files.look(next.path);
    if (look.kind === 'elf') return { files: [...found, { ...next, elf: look.elf }], args };
    const { script } = look;
    if (script?.kind === 'script') {
      const path = joinPath(ROOT, script.interpreter);
      args.unshift(next.path);
      if (script.argument !== undefined) args.unshift(script.argument);
      found.push(next);
      next = { role: 'script-interpreter', path, neededBy: next.path, as: script.line };
    } else if (script !== undefined && next.role === 'command') {
      // execvp(3), not the kernel, runs such a file with the shell
      found.push(next);
      next = { role: 'script-interpreter', path: SHELL, neededBy: next.path };
    } else return { files: found, args, missing: { ...next, ...whyNotRun(look) } };
    if (found.length > MAX_INTERPRETERS) {
      const message = 'more than five interpreters come one after the other';
      return { files: found, args, missing: { ...next, reason: 'too-deep', message } };
    }
  }
}

const SHELL = bytePath('/bin/sh');

/** The command that env starts; undefined if it starts nothing. */
function startedByEnv(
  files: Files,
  env: NeededFile,
  execution: Execution,
): Execution | MissingFile | undefined {
  const { args } = execution;
  const { neededBy = env.path, as } = env;
  const needed = { role: 'command', neededBy, ...(as !== undefined && { as }) } as const;
  const failed = (reason: MissingFile['reason'], message: string, path = args[0] ?? env.path) => ({
    ...needed,
    path,
    reason,
    message,
  });
  const call = parseEnv(args, execution.path);
  switch (call.kind) {
    case 'nothing':
      return undefined;
    case 'unknown':
      return failed('unknown-command', `the command of env depends on ${showPath(call.by)}`);
    case 'failure':
      return failed('no-command', `env cannot start it: ${call.message}`);
    case 'command': {
      const found = findCommand(files.root, call.command, { path: call.path, directory: ROOT });
      if (found.kind === 'missing') return failed(found.reason, found.message, call.command);
      return { file: { ...needed, path: found.path }, args: call.args, path: call.path };
    }
    default:
      return call satisfies never;
  }
}

function whyNotRun(look: Extract<Look, { kind: 'unusable' }>): Pick<MissingFile, 'reason' | 'message'> {
  const { reason, message, script } = look;
  if (script === undefined) return { reason, message };
  return {
    reason: 'no-interpreter',
    message: WITHOUT_INTERPRETER[script.kind === 'invalid' ? script.reason : 'other'],
  };
}

const WITHOUT_INTERPRETER = {
  other: 'it is neither an ELF file nor a script with #!',
  empty: 'its #! line names no interpreter',
  truncated: 'its #! line is longer than 255 bytes',
};
