// Reads the `#!` line of a script as the kernel does.

import { type BytePath, lastComponent, toLatin1 } from './path.ts';

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

/**
 * Reads the first 256 bytes of a file, or fewer if it is shorter, exactly as load_script() of linux/fs/binfmt_script.c:
 * only that function states all rules (execve(2), "Interpreter scripts").
 */
export function readScript(head: Uint8Array): Script {
  if (head[0] !== 0x23 || head[1] !== 0x21) return { kind: 'none' };
  // the kernel pads its buffer with NUL, which is a terminator
  const buffer = toLatin1(head.subarray(0, SCRIPT_HEAD_BYTES)).padEnd(SCRIPT_HEAD_BYTES, '\0');
  const last = SCRIPT_HEAD_BYTES - 1;
  const line = (/^#!([^\n\0]*)/.exec(buffer)?.[1] ?? '') as BytePath;

  let end = findNewline(buffer);
  if (end < 0) {
    const start = findNonBlank(buffer, 2, last);
    if (start < 0) return { kind: 'invalid', reason: 'empty', line };
    // An interpreter that no blank or NUL follows may continue after the buffer. A cut argument is allowed: the interpreter
    // can read the script itself.
    if (findTerminator(buffer, start, last) < 0) return { kind: 'invalid', reason: 'truncated', line };
    end = last;
  }
  while (isBlank(buffer[end - 1])) end--;

  const nameStart = findNonBlank(buffer, 2, end);
  if (nameStart < 0 || nameStart === end) return { kind: 'invalid', reason: 'empty', line };
  const separator = findTerminator(buffer, nameStart, end);
  const argumentStart =
    separator >= 0 && buffer[separator] !== '\0' ? findNonBlank(buffer, separator, end) : -1;

  const interpreter = untilNul(buffer.slice(nameStart, separator < 0 ? end : Math.min(separator, end)));
  // after `#!` and NUL, the interpreter is the empty path, which names a directory (execve: EACCES)
  if (argumentStart < 0) return { kind: 'script', interpreter, line };
  return { kind: 'script', interpreter, argument: untilNul(buffer.slice(argumentStart, end)), line };
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

// strnchr() of the kernel stops at a NUL.
function findNewline(buffer: string): number {
  const newline = buffer.indexOf('\n');
  const nul = buffer.indexOf('\0');
  return newline >= 0 && (nul < 0 || newline < nul) ? newline : -1;
}

function isBlank(character: string | undefined): boolean {
  return character === ' ' || character === '\t';
}

// next_non_spacetab() and next_terminator() of the kernel also check `last`.
function findNonBlank(buffer: string, first: number, last: number): number {
  for (let i = first; i <= last; i++) if (!isBlank(buffer[i])) return i;
  return -1;
}

function findTerminator(buffer: string, first: number, last: number): number {
  for (let i = first; i <= last; i++) if (isBlank(buffer[i]) || buffer[i] === '\0') return i;
  return -1;
}

function untilNul(text: string): BytePath {
  const nul = text.indexOf('\0');
  return (nul < 0 ? text : text.slice(0, nul)) as BytePath;
}
