// The chain of `#!` interpreters that the kernel goes along before it comes to an ELF file.

import type { Elf } from './elf.ts';
import type { Files, Look, Unusable } from './files.ts';
import type { FoundBy } from './loader.ts';
import { type BytePath, bytePath, joinPath } from './path.ts';

type Role = 'program' | 'script-interpreter' | 'elf-interpreter' | 'library';

interface Reason {
  readonly role: Role;
  /** The file that asks for it, as the kernel or the loader names it; undefined for the program. */
  readonly neededBy?: BytePath;
  /** How it asks: a DT_NEEDED, or what follows `#!`. */
  readonly as?: BytePath;
}

export interface NeededFile extends Reason {
  /** As the kernel or the loader names it: links in it are not resolved, the path in a root need not be UTF-8. */
  readonly path: BytePath;
  /** For a library: the rule that found it. */
  readonly foundBy?: FoundBy;
  /** The rule is $ORIGIN of the program, and works only where /proc is mounted. */
  readonly needsProc?: boolean;
  /** Undefined for a script. */
  readonly elf?: Elf;
}

export interface MissingFile extends Reason {
  /** What is asked for: a path, or the name of a library. */
  readonly path: BytePath;
  /** `no-interpreter`: neither ELF nor a valid `#!` line. `too-deep`: more than five interpreters in a row. */
  readonly reason: Unusable | 'no-interpreter' | 'too-deep';
  /** The rest of a sentence about it, "it is not there"; the whole reason where `reason` is too coarse. */
  readonly message: string;
}

// exec_binprm() of the kernel tries the program and five interpreters.
const MAX_INTERPRETERS = 5;

export interface Chain {
  readonly files: readonly NeededFile[];
  readonly missing: readonly MissingFile[];
  /** What runs in the end. */
  readonly elf?: Elf;
}

/** From a script to what the kernel runs in the end, at most five interpreters further on. */
export function followScripts(files: Files, program: BytePath): Chain {
  const found: NeededFile[] = [];
  let next: Reason & { readonly path: BytePath } = { role: 'program', path: program };
  for (;;) {
    const look = files.look(next.path);
    if (look.kind === 'elf')
      return { files: [...found, { ...next, elf: look.elf }], missing: [], elf: look.elf };
    if (look.script?.kind !== 'script') return { files: found, missing: [{ ...next, ...whyNotRun(look) }] };
    found.push(next);
    const path = joinPath(bytePath('/'), look.script.interpreter);
    next = { role: 'script-interpreter', path, neededBy: next.path, as: look.script.line };
    if (found.length > MAX_INTERPRETERS) {
      const message = 'more than five interpreters come one after the other';
      return { files: found, missing: [{ ...next, reason: 'too-deep', message }] };
    }
  }
}

function whyNotRun({
  reason,
  message,
  script,
}: Extract<Look, { kind: 'unusable' }>): Pick<MissingFile, 'reason' | 'message'> {
  if (script === undefined) return { reason, message };
  return {
    reason: 'no-interpreter',
    message:
      script.kind !== 'invalid'
        ? 'it is neither an ELF file nor a script with #!'
        : script.reason === 'empty'
          ? 'its #! line names no interpreter'
          : 'its #! line is longer than 255 bytes',
  };
}
