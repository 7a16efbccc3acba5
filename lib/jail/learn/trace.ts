// What a traced command did to files: from the output of strace to events. Pure.

import { type BytePath, joinPath } from '../../binary/path.ts';
import { FILE_CALLS, type FileEvent, type Place } from './event.ts';
import { type Call, openLineReader, readDescriptor, readError, readString } from './line.ts';

export interface Trace {
  /** Each different event once, in order. */
  readonly events: readonly FileEvent[];
  /** Whether the command itself was executed. */
  readonly started: boolean;
  /** The last error of execve(2) before that. */
  readonly refused: string | undefined;
  /** How the command's first process ended; undefined if it had not. */
  readonly end: { readonly exitCode: number | null; readonly signal: string | null } | undefined;
}

export interface TraceReader {
  /** The next bytes of the output. Never throws. */
  push(chunk: Uint8Array): void;
  /** All of it, once there is no more; half a line at the end does not count. */
  finish(): Trace;
}

const DIRECTORY_CALLS = ['fchdir', 'chroot', 'clone', 'clone2', 'clone3', 'fork', 'vfork', 'unshare'];

// With a `?` a name that this strace or processor does not have is no error (strace(1)).
function asked(names: readonly string[]): string {
  return names.map((name) => `?${name}`).join(',');
}

/** Options of strace(1) for an output that can be read here. */
export const STRACE_OPTIONS: readonly string[] = [
  '-f',
  '-q',
  '-y', // the path of each descriptor
  '-xx', // all strings in hex, so that every byte of a name comes through
  '-s0', // of strings that are no paths nothing
  `-etrace=${asked([...Object.keys(FILE_CALLS), ...DIRECTORY_CALLS])}`,
  `-everbose=${asked(['connect', 'bind', 'openat2', 'clone3'])}`,
  '--seccomp-bpf', // stops only at these calls
];

// Root and working directory of a process, of which threads have one in common: CLONE_FS (clone(2)).
interface Directories {
  root: BytePath;
  cwd: BytePath | undefined;
}

/**
 * Reads the trace of a command that runs with `root` as its root directory, a path as strace itself sees it. The first
 * process executes `wrappers` other programs before the command; what happens until then is left out.
 */
export function openTraceReader(root: BytePath, wrappers: number): TraceReader {
  const reader = openLineReader();
  const events = new Map<string, FileEvent>();
  const processes = new Map<number, Directories>();
  const early = new Map<number, Call[]>(); // of a child whose parent's clone has not returned yet
  let first: number | undefined;
  let executed = 0;
  let refused: string | undefined;
  let end: Trace['end'];
  let rest = '';

  function readLine(text: string): void {
    const line = reader.read(text);
    if (line === undefined) return;
    if (first === undefined) {
      first = line.pid;
      processes.set(first, { root: '/' as BytePath, cwd: undefined });
    }
    switch (line.kind) {
      case 'exit':
        if (line.pid === first) end = { exitCode: line.exitCode, signal: line.signal };
        processes.delete(line.pid); // the pid may come again
        return;
      case 'superseded':
        adopt(line.pid, processes.get(line.by) ?? processes.get(line.pid) ?? { root, cwd: undefined });
        processes.delete(line.by);
        return;
      case 'call':
        readCall(line);
        return;
      default:
        line satisfies never;
    }
  }

  function readCall(call: Call): void {
    const own = processes.get(call.pid);
    const waiting = early.get(call.pid);
    if (own !== undefined) apply(call, own);
    else if (waiting !== undefined) waiting.push(call);
    else early.set(call.pid, [call]);
  }

  function adopt(child: number, own: Directories): void {
    processes.set(child, own);
    const waiting = early.get(child) ?? [];
    early.delete(child);
    for (const call of waiting) apply(call, own);
  }

  function apply(call: Call, own: Directories): void {
    const error = readError(call.result);
    if (executed <= wrappers && call.pid === first && call.name.startsWith('exec')) {
      if (error === undefined) executed++;
      else refused = error;
    }
    if (executed > wrappers) addEvents(call, error, own);
    if (error !== undefined) return;
    const child = move(call, own);
    if (child !== undefined) adopt(Number.parseInt(call.result, 10), child);
  }

  function addEvents({ name, args, result }: Call, error: string | undefined, own: Directories): void {
    const read = Object.hasOwn(FILE_CALLS, name) ? FILE_CALLS[name] : undefined;
    const found = read?.({
      args,
      result,
      error,
      pathAt: (place) => beneath(root, resolveAt(args, place, own)),
      pathOf: (path) => beneath(root, resolve(own, own.cwd, path)),
      shownPath: (path) => beneath(root, path),
    });
    for (const event of found ?? []) {
      const key = JSON.stringify(event);
      if (!events.has(key)) events.set(key, event);
    }
  }

  function move(call: Call, own: Directories): Directories | undefined {
    if (call.name !== 'unshare') return moveDirectories(call, own);
    if (call.args[0]?.includes('CLONE_FS') === true) processes.set(call.pid, { ...own });
    return undefined;
  }

  return {
    push: (chunk) => {
      const lines = (rest + Buffer.from(chunk).toString('latin1')).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) readLine(line);
    },
    finish: () => {
      // What is known then of the directories of these is what strace tells by itself.
      for (const child of early.keys()) adopt(child, { root, cwd: undefined });
      return { events: [...events.values()], started: executed > wrappers, refused, end };
    },
  };
}

// As the command sees it; what lies outside of its root belongs to a wrapper.
function beneath(root: BytePath, path: BytePath | undefined): BytePath | undefined {
  if (root === '/' || path === undefined) return path;
  if (path === root) return '/' as BytePath;
  return path.startsWith(`${root}/`) ? (path.slice(root.length) as BytePath) : undefined;
}

/** Changes the directories as the call did; those of the child if it has made one. */
function moveDirectories({ name, args }: Call, own: Directories): Directories | undefined {
  switch (name) {
    case 'clone':
    case 'clone2':
    case 'clone3':
    case 'fork':
    case 'vfork':
      return args.some((arg) => arg.includes('CLONE_FS')) ? own : { ...own };
    case 'chdir':
      own.cwd = resolve(own, own.cwd, readString(args[0]));
      return undefined;
    case 'fchdir':
      own.cwd = readDescriptor(args[0]);
      return undefined;
    case 'chroot':
      own.root = resolve(own, own.cwd, readString(args[0])) ?? own.root;
      return undefined;
    default:
      return undefined;
  }
}

function resolveAt(args: readonly string[], place: Place, own: Directories): BytePath | undefined {
  const path = place.path === undefined ? ('' as BytePath) : readString(args[place.path]);
  if (place.directory === undefined) return resolve(own, own.cwd, path);
  const directory = args[place.directory];
  const shown = readDescriptor(directory);
  const isCwd = directory?.startsWith('AT_FDCWD') === true;
  // what the kernel says, and a newer strace asks it, is better than what was made of the calls
  if (isCwd && shown !== undefined) own.cwd = shown;
  const start = isCwd ? own.cwd : shown;
  if (path === '') return start; // AT_EMPTY_PATH
  if (place.rooted === true && path !== undefined && start !== undefined)
    return joinPath(start, withoutRoot(path));
  return resolve(own, start, path);
}

function resolve(
  own: Directories,
  start: BytePath | undefined,
  path: BytePath | undefined,
): BytePath | undefined {
  if (path === undefined || path === '') return undefined;
  if (path.startsWith('/')) return joinPath(own.root, withoutRoot(path));
  return start === undefined ? undefined : joinPath(start, path);
}

// `..` does not lead above the root (path_resolution(7)).
function withoutRoot(path: BytePath): BytePath {
  const parts = path.split('/');
  const begin = parts.findIndex((part) => !isNothing(part));
  return (begin < 0 ? '' : parts.slice(begin).join('/')) as BytePath;
}

function isNothing(part: string): boolean {
  return part === '' || part === '.' || part === '..';
}
