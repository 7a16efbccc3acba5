// Turns the output of strace into events: what a traced command did to files. Pure.

import { type BytePath, bytePath, isWithin, joinPath } from '../../tree/path.ts';
import { remember } from '../../values/remember.ts';
import { FILE_CALLS, type FileEvent, type Place } from './file-event.ts';
import { type Call, openLineReader, readDescriptor, readError, readString } from './strace-line.ts';

export type Trace = ReturnType<TraceReader['finish']>;

const DIRECTORY_CALLS = ['fchdir', 'chroot', 'clone', 'clone2', 'clone3', 'fork', 'vfork', 'unshare'];

// With a `?`, a name that this strace or processor does not know is no error (strace(1)).
const asked = (names: readonly string[]): string => names.map((name) => `?${name}`).join(',');

/** The options of strace(1) that make its output readable for a TraceReader. */
export const STRACE_OPTIONS: readonly string[] = [
  '-f',
  '-q',
  '-y', // the path of each descriptor
  '-xx', // all strings in hex, so that no byte of a name is lost
  '-s0', // no content of strings that are no paths
  `-etrace=${asked([...FILE_CALLS.keys(), ...DIRECTORY_CALLS])}`,
  `-everbose=${asked(['connect', 'bind', 'openat2', 'clone3'])}`,
  '--seccomp-bpf', // stop only at these calls
];

/** Root and working directory of a process; threads with CLONE_FS share one (clone(2)). */
interface Directories {
  root: BytePath;
  cwd: BytePath | undefined;
}

const ROOT = bytePath('/');

/** Reads the trace of a command, without what its wrapper programs do before it. Never throws. */
export class TraceReader {
  readonly #root: BytePath;
  readonly #wrappers: number;
  readonly #toLine = openLineReader();
  readonly #events = new Map<string, FileEvent>();
  readonly #processes = new Map<number, Directories>();
  // calls of a child whose parent's clone has not returned yet
  readonly #early = new Map<number, Call[]>();
  #first: number | undefined;
  #executed = 0;
  /** The last error of execve(2) before the command was executed. */
  #refused: string | undefined;
  /** How the first process of the command ended; undefined if it had not. */
  #end: { readonly exitCode: number | null; readonly signal: string | null } | undefined;
  #rest = '';

  /**
   * The command runs with `root` as its root directory, a path as strace itself sees it. The first process executes `wrappers`
   * other programs before the command.
   */
  constructor(root: BytePath, wrappers: number) {
    this.#root = root;
    this.#wrappers = wrappers;
  }

  /** Reads the next bytes of the output. */
  push(chunk: Uint8Array): void {
    const lines = (this.#rest + Buffer.from(chunk).toString('latin1')).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) this.#readLine(line);
  }

  /** Each different event once, in order; to be called at the end of the output. An unfinished last line does not count. */
  finish() {
    // only what strace prints is known of the directories of these
    for (const child of this.#early.keys()) this.#adopt(child, this.#unknown());
    const started = this.#executed > this.#wrappers;
    return { events: [...this.#events.values()], started, refused: this.#refused, end: this.#end };
  }

  #unknown(): Directories {
    return { root: this.#root, cwd: undefined };
  }

  #readLine(text: string): void {
    const line = this.#toLine(text);
    if (line === undefined) return;
    if (this.#first === undefined) {
      this.#first = line.pid;
      this.#processes.set(this.#first, { root: ROOT, cwd: undefined });
    }
    if (line.kind === 'call') this.#readCall(line);
    else if (line.kind === 'exit') {
      if (line.pid === this.#first) this.#end = { exitCode: line.exitCode, signal: line.signal };
      this.#processes.delete(line.pid); // the pid may come again
    } else {
      const own = this.#processes.get(line.by) ?? this.#processes.get(line.pid);
      this.#adopt(line.pid, own ?? this.#unknown());
      this.#processes.delete(line.by);
    }
  }

  #readCall(call: Call): void {
    const own = this.#processes.get(call.pid);
    if (own !== undefined) this.#apply(call, own);
    else remember(this.#early, call.pid, () => []).push(call);
  }

  #adopt(child: number, own: Directories): void {
    this.#processes.set(child, own);
    const waiting = this.#early.get(child) ?? [];
    this.#early.delete(child);
    for (const call of waiting) this.#apply(call, own);
  }

  #apply(call: Call, own: Directories): void {
    const error = readError(call.result);
    if (this.#executed <= this.#wrappers && call.pid === this.#first && call.name.startsWith('exec')) {
      if (error === undefined) this.#executed++;
      else this.#refused = error;
    }
    if (this.#executed > this.#wrappers) this.#addEvents(call, error, own);
    if (error !== undefined) return;
    if (call.name === 'unshare') {
      if (call.args[0]?.includes('CLONE_FS') === true) this.#processes.set(call.pid, { ...own });
      return;
    }
    const child = moveDirectories(call, own);
    if (child !== undefined) this.#adopt(Number.parseInt(call.result, 10), child);
  }

  #addEvents({ name, args, result }: Call, error: string | undefined, own: Directories): void {
    const found = FILE_CALLS.get(name)?.({
      args,
      result,
      error,
      pathAt: (place) => this.#beneath(resolveAt(args, place, own)),
      pathOf: (path) => this.#beneath(resolve(own, own.cwd, path)),
      shownPath: (path) => this.#beneath(path),
    });
    for (const event of found ?? []) remember(this.#events, JSON.stringify(event), () => event);
  }

  // The path as the command sees it; undefined outside of its root directory, where only wrappers are.
  #beneath(path: BytePath | undefined): BytePath | undefined {
    const root = this.#root;
    if (root === '/' || path === undefined) return path;
    return isWithin(path, root) ? ((path.slice(root.length) || '/') as BytePath) : undefined;
  }
}

/** Changes the directories as the call did; returns those of the child if the call has made one. */
function moveDirectories({ name, args }: Call, own: Directories): Directories | undefined {
  if (/^clone|^v?fork$/.test(name)) return args.some((arg) => arg.includes('CLONE_FS')) ? own : { ...own };
  if (name === 'chdir') own.cwd = resolve(own, own.cwd, readString(args[0]));
  if (name === 'fchdir') own.cwd = readDescriptor(args[0]);
  if (name === 'chroot') own.root = resolve(own, own.cwd, readString(args[0])) ?? own.root;
  return undefined;
}

function resolveAt(args: readonly string[], place: Place, own: Directories): BytePath | undefined {
  const path = place.path === undefined ? bytePath('') : readString(args[place.path]);
  if (place.directory === undefined) return resolve(own, own.cwd, path);
  const directory = args[place.directory];
  const shown = readDescriptor(directory);
  const isCwd = directory?.startsWith('AT_FDCWD') === true;
  // a newer strace prints the path of the kernel, which is better than one concluded from the calls
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

// `..` does not lead above the root directory (path_resolution(7)).
function withoutRoot(path: BytePath): BytePath {
  const parts = path.split('/');
  const begin = parts.findIndex((part) => !['', '.', '..'].includes(part));
  return (begin < 0 ? '' : parts.slice(begin).join('/')) as BytePath;
}
