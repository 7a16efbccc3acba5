// Reads single lines of the output of `strace -f -y -xx -o FILE`: the pid comes first, every string is in hex. Pure.

import type { BytePath } from '../../tree/path.ts';

/** A call that has returned, with its arguments and result as printed. */
export interface Call {
  readonly kind: 'call';
  readonly pid: number;
  readonly name: string;
  readonly args: readonly string[];
  readonly result: string;
}

type Line =
  | Call
  | {
      readonly kind: 'exit';
      readonly pid: number;
      readonly exitCode: number | null;
      readonly signal: string | null;
    }
  /** The thread `by` of the process has executed a program; from now on it has the pid of the process (execve(2)). */
  | { readonly kind: 'superseded'; readonly pid: number; readonly by: number };

/**
 * Reads lines one by one, and joins the two halves of a call between which strace has printed other processes. The answer is
 * undefined for the first half of a call, and for lines that do not matter. Never throws.
 */
export function openLineReader(): (line: string) => Line | undefined {
  const begun = new Map<number, string>();
  const executed = new Set<number>(); // pids that a thread gets by an execve(2) that has not returned yet

  function readCall(pid: number, text: string): Line | undefined {
    const half = / <(?:unfinished|pid changed to (\d+)) \.\.\.>$/.exec(text);
    if (half !== null) {
      const leader = half[1] === undefined ? undefined : Number(half[1]);
      begun.set(leader ?? pid, text.slice(0, half.index));
      if (leader !== undefined) executed.add(leader);
      return undefined;
    }
    const resumed = /^<\.\.\. \w+ resumed> ?/.exec(text);
    if (resumed === null) return toCall(pid, text);
    const first = begun.get(pid);
    begun.delete(pid);
    const call = first === undefined ? undefined : toCall(pid, first + text.slice(resumed[0].length));
    // only a successful execve(2) changes the pid, although strace may print -1 ENOSYS
    return executed.delete(pid) && call !== undefined ? { ...call, result: '0' } : call;
  }

  return (line) => {
    const [, pid, text = ''] = /^(\d+) +(.*)$/s.exec(line) ?? [];
    if (pid === undefined) return undefined;
    return text.startsWith('+++ ') ? toEnd(Number(pid), text) : readCall(Number(pid), text);
  };
}

function toEnd(pid: number, text: string): Line | undefined {
  const end = /^\+\+\+ (?:exited with (\d+)|killed by (\w+)|superseded by execve in pid (\d+))/.exec(text);
  if (end === null) return undefined;
  const [, exitCode, signal = null, by] = end;
  if (by !== undefined) return { kind: 'superseded', pid, by: Number(by) };
  return { kind: 'exit', pid, exitCode: exitCode === undefined ? null : Number(exitCode), signal };
}

// A string; the path of a descriptor, which `<<` as in the flag `1<<4` does not begin; brackets; the end of an argument; or other
// text.
const TOKEN = /"(?:[^"\\]|\\.)*"?|(?<=[0-9D])<(?!<)[^>]*>|[([{]|[)\]}]|,|[^"<()[\]{},]+|</gs;

function toCall(pid: number, text: string): Call | undefined {
  const name = /^\w+(?=\()/.exec(text)?.[0];
  if (name === undefined) return undefined;
  const args: string[] = [];
  let from = name.length + 1;
  let depth = 0;
  for (const { 0: token, index } of text.matchAll(TOKEN)) {
    if (index < from) continue;
    if ('([{'.includes(token)) depth++;
    else if (depth > 0 && ')]}'.includes(token)) depth--;
    else if (depth === 0 && (token === ',' || token === ')')) {
      const arg = text.slice(from, index).trim();
      if (arg !== '') args.push(arg);
      from = index + 1;
      if (token === ',') continue;
      const [equals] = /^ *= /.exec(text.slice(from)) ?? [];
      const result = equals === undefined ? undefined : text.slice(from + equals.length);
      return result === undefined ? undefined : { kind: 'call', pid, name, args, result };
    }
  }
  return undefined;
}

/** The bytes of a printed string; undefined for NULL, an address, or a string that was cut off. */
export function readString(arg: string | undefined): BytePath | undefined {
  const match = /^"((?:[^"\\]|\\.)*)"$/s.exec(arg ?? '');
  return match === null ? undefined : unescape(match[1] ?? '');
}

/** The path of a printed descriptor, such as `3</etc>` or `AT_FDCWD</>`; undefined if it is not that of a file. */
export function readDescriptor(arg: string | undefined): BytePath | undefined {
  const match = /^(?:\d+|AT_FDCWD)<([^>]*)>/.exec(arg ?? '');
  const path = match === null ? undefined : unescape(match[1] ?? '');
  return path?.startsWith('/') === true ? path : undefined;
}

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', v: '\v', f: '\f' };

/** The bytes of a string that is printed in hex, or with the escapes of C: strace before 6 does that for descriptors. */
export function unescape(text: string): BytePath {
  return text.replace(/\\(?:x([0-9a-f]{2})|([0-7]{1,3})|(.))/gs, (_, hex, octal, other) => {
    if (typeof hex === 'string') return String.fromCharCode(Number.parseInt(hex, 16));
    if (typeof octal === 'string') return String.fromCharCode(Number.parseInt(octal, 8) & 0xff);
    return ESCAPES[String(other)] ?? String(other);
  }) as BytePath;
}

/** The name of the error in a result; `?` if the call never returned; undefined if it succeeded. */
export function readError(result: string): string | undefined {
  const match = /^(?:-1 (E[A-Z0-9]+)|(\?))/.exec(result);
  return match === null ? undefined : (match[1] ?? match[2]);
}
