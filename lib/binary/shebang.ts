// Reads the `#!` line of a script as the kernel does.

import { type BytePath, toLatin1 } from './path.ts';
/** How many bytes of a file the kernel looks at: BINPRM_BUF_SIZE, linux/binfmts.h. */
export const SCRIPT_HEAD_BYTES = 256;

export type Script =
  /** The kernel runs `interpreter [argument] script …`; `line` is what follows `#!`, for messages. */
  | {
      readonly kind: 'script';
      readonly interpreter: BytePath;
      readonly argument?: BytePath;
      readonly line: BytePath;
    }
  /** Does not begin with `#!`. */
  | { readonly kind: 'none' }
  /** `#!` without an interpreter, or one that may be cut off at 256 bytes: execve says ENOEXEC. */
  | { readonly kind: 'invalid'; readonly reason: 'empty' | 'truncated'; readonly line: BytePath };

/**
 * Reads the first 256 bytes of a file (fewer if it is shorter) like load_script() of linux/fs/binfmt_script.c,
 * step by step: that function is the only full statement of the rules (execve(2), "Interpreter scripts").
 */
export function readScript(head: Uint8Array): Script {
  if (head[0] !== 0x23 || head[1] !== 0x21) return { kind: 'none' };
  // The kernel's buffer is padded with NUL, which is a terminator.
  const buffer = toLatin1(head.subarray(0, SCRIPT_HEAD_BYTES)).padEnd(SCRIPT_HEAD_BYTES, '\0');
  const last = SCRIPT_HEAD_BYTES - 1;
  const line = (/^#!([^\n\0]*)/.exec(buffer)?.[1] ?? '') as BytePath;

  let end = findNewline(buffer);
  if (end < 0) {
    const start = findNonBlank(buffer, 2, last);
    if (start < 0) return { kind: 'invalid', reason: 'empty', line };
    // An interpreter without a blank or NUL behind it may go on beyond the buffer. A cut argument is fine: the
    // interpreter can read the script itself.
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
  // `#!` and then NUL: the interpreter is the empty path, which stands for a directory (execve: EACCES).
  if (argumentStart < 0) return { kind: 'script', interpreter, line };
  return { kind: 'script', interpreter, argument: untilNul(buffer.slice(argumentStart, end)), line };
}

// strnchr() of the kernel gives up at a NUL.
function findNewline(buffer: string): number {
  const newline = buffer.indexOf('\n');
  const nul = buffer.indexOf('\0');
  return newline >= 0 && (nul < 0 || newline < nul) ? newline : -1;
}

function isBlank(character: string | undefined): boolean {
  return character === ' ' || character === '\t';
}

// next_non_spacetab() and next_terminator() of the kernel look at `last` too.
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
