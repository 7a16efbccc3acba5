// Reads the `#!` line of a script as the kernel does.

import { type BytePath, lastComponent, toLatin1 } from '../tree/path.ts';

/** The kernel reads this many bytes of a file: BINPRM_BUF_SIZE, linux/binfmts.h. */
export const SCRIPT_HEAD_BYTES = 256;

export type Script =
  /** The kernel runs `interpreter [argument] script …`; `line` is the text after `#!`, for messages. */
  | {
      readonly kind: 'script';
      readonly interpreter: BytePath;
      readonly argument?: BytePath;
      readonly line: BytePath;
    }
  /** Does not begin with `#!`. */
  | { readonly kind: 'none' }
  /** `#!` without an interpreter, or an interpreter that may be cut at 256 bytes: execve(2) fails with ENOEXEC. */
  | { readonly kind: 'invalid'; readonly reason: 'empty' | 'truncated'; readonly line: BytePath };

/** Reads the first 256 bytes of a file as load_script() of linux/fs/binfmt_script.c, which alone states all rules. */
export function readScript(head: Uint8Array): Script {
  if (head[0] !== 0x23 || head[1] !== 0x21) return { kind: 'none' };
  // the kernel pads its buffer with NUL, which is a terminator
  const rest = toLatin1(head.subarray(2, SCRIPT_HEAD_BYTES)).padEnd(SCRIPT_HEAD_BYTES - 2, '\0');
  const line = (/^[^\n\0]*/.exec(rest)?.[0] ?? '') as BytePath;
  const isWhole = rest[line.length] === '\n';
  // An interpreter that no blank or NUL follows may continue after the buffer. A cut argument is allowed: the interpreter
  // can read the script itself.
  if (!isWhole && /^[ \t]*[^ \t\0]+$/.test(rest)) return { kind: 'invalid', reason: 'truncated', line };
  const text = (isWhole ? line : rest.slice(0, -1)).replace(/[ \t]+$/, '');
  if (text === '') return { kind: 'invalid', reason: 'empty', line };
  // after `#!` and NUL, the interpreter is the empty path, which names a directory (execve: EACCES)
  const [, interpreter = '', argument] = /^[ \t]*([^ \t\0]*)(?:[ \t]+([^\0]*))?/.exec(text) ?? [];
  const script = { kind: 'script', interpreter: interpreter as BytePath, line } as const;
  return argument === undefined ? script : { ...script, argument: argument as BytePath };
}

/** The command that env(1) starts for a script; undefined if the interpreter is not env or there is none. */
export function commandOfEnv(
  script: Pick<Extract<Script, { kind: 'script' }>, 'interpreter' | 'argument'>,
): BytePath | undefined {
  if (lastComponent(script.interpreter) !== 'env') return undefined;
  // env -S splits the argument; options and assignments come before the command (env(1))
  const words = (script.argument ?? '').split(/[ \t]+/) as BytePath[];
  return words.find((word) => /^[^-=][^=]*$/.test(word));
}
