// Reads from one system call which files it used, and how. Pure.

import { type BytePath, trimSlashes } from '../../tree/path.ts';
import { readDescriptor, readString, unescape } from './strace-line.ts';

/** One use of a file. Paths are absolute as the command sees them; links and `..` in them are not resolved. */
export type FileEvent =
  | {
      readonly kind: 'open';
      readonly path: BytePath;
      readonly reads: boolean;
      readonly writes: boolean;
      /** It discards what was there before: O_TRUNC, or O_CREAT with O_EXCL. */
      readonly replaces: boolean;
      /** It was refused with EACCES, EPERM or EROFS. */
      readonly denied: boolean;
      /** The opened file, with links resolved. */
      readonly opened: BytePath | undefined;
    }
  /** The command executed it. */
  | { readonly kind: 'run'; readonly path: BytePath }
  /** The command found that it exists: stat, access, readlink, chdir. */
  | { readonly kind: 'look'; readonly path: BytePath; readonly follows: boolean }
  /** The command read a directory. */
  | { readonly kind: 'list'; readonly path: BytePath }
  | {
      readonly kind: 'write';
      readonly path: BytePath;
      /** It was made, replaced or removed, so that what was there before is discarded; else its size, mode or owner was changed. */
      readonly replaces: boolean;
      readonly denied: boolean;
    }
  /** The command tried to connect to a Unix socket. */
  | { readonly kind: 'connect'; readonly path: BytePath };

/** Which arguments of a call make a path. */
export interface Place {
  /** Index of the path; without it, the path is that of the descriptor. */
  readonly path?: number;
  /** Index of the descriptor of the directory that the path is relative to. */
  readonly directory?: number;
  /** The path cannot leave that directory: RESOLVE_IN_ROOT (openat2(2)). */
  readonly rooted?: boolean;
}

/** A call that has returned, and the functions that find its files. */
interface FileCall {
  readonly args: readonly string[];
  readonly result: string;
  /** The name of its error; undefined if it succeeded. */
  readonly error: string | undefined;
  /** undefined if the path is unknown, or outside of the command's root directory. */
  pathAt(place: Place): BytePath | undefined;
  /** The absolute path for a path in a structure. */
  pathOf(path: BytePath): BytePath | undefined;
  /** The path as the command sees it for one that strace has printed. */
  shownPath(path: BytePath | undefined): BytePath | undefined;
}

type Reader = (call: FileCall) => readonly FileEvent[];

const PLAIN = { path: 0 } as const satisfies Place;
const AT = { directory: 0, path: 1 } as const satisfies Place;

const DENIED = new Set(['EACCES', 'EPERM', 'EROFS']);

/** The event of a call that has succeeded, if its path is known. */
function done(
  { error }: FileCall,
  path: BytePath | undefined,
  toEvent: (path: BytePath) => FileEvent,
): readonly FileEvent[] {
  return path === undefined || error !== undefined ? [] : [toEvent(path)];
}

function look(call: FileCall, place: Place, follows: boolean): readonly FileEvent[] {
  return done(call, call.pathAt(place), (path) => ({ kind: 'look', path, follows }));
}

function looks(place: Place & { readonly path: number }): Reader {
  return (call) => {
    // today's libc calls it for fstat(3), on a file that is already open
    if (place.directory !== undefined && readString(call.args[place.path]) === '') return [];
    return look(call, place, !call.args.some((arg) => arg.includes('AT_SYMLINK_NOFOLLOW')));
  };
}

const looksAtLink =
  (place: Place): Reader =>
  (call) =>
    look(call, place, false);

/** The event of a call that has succeeded or was not permitted. */
function tried(
  { error }: FileCall,
  path: BytePath | undefined,
  toEvent: (path: BytePath, denied: boolean) => FileEvent,
): readonly FileEvent[] {
  const denied = error !== undefined && DENIED.has(error);
  return path === undefined || (error !== undefined && !denied) ? [] : [toEvent(path, denied)];
}

function write(call: FileCall, path: BytePath | undefined, replaces: boolean): readonly FileEvent[] {
  return tried(call, path, (path, denied) => ({ kind: 'write', path: trimSlashes(path), replaces, denied }));
}

function writes(...places: readonly Place[]): Reader {
  return (call) => places.flatMap((place) => write(call, call.pathAt(place), true));
}

const changes =
  (place: Place): Reader =>
  (call) =>
    write(call, call.pathAt(place), false);

function makesDirectory(place: Place): Reader {
  return (call) =>
    call.error === 'EEXIST' // the command needs a directory that already exists
      ? look({ ...call, error: undefined }, place, true)
      : write(call, call.pathAt(place), true);
}

function links(from: Place, to: Place): Reader {
  return (call) => [...look(call, from, false), ...write(call, call.pathAt(to), true)];
}

function runs(place: Place): Reader {
  return (call) => done(call, call.pathAt(place), (path) => ({ kind: 'run', path }));
}

function open(call: FileCall, place: Place, flags: string): readonly FileEvent[] {
  if (/\bO_PATH\b/.test(flags)) return look(call, place, !flags.includes('O_NOFOLLOW'));
  return tried(call, call.pathAt(place), (path, denied) => ({
    kind: 'open',
    path,
    reads: !/\bO_WRONLY\b/.test(flags),
    writes: /\b(?:O_WRONLY|O_RDWR|O_TRUNC|O_TMPFILE)\b/.test(flags),
    replaces: /\bO_TRUNC\b|\bO_CREAT\|(?:O_\w+\|)*O_EXCL\b/.test(flags),
    denied,
    opened: denied ? undefined : call.shownPath(readDescriptor(call.result)),
  }));
}

function openIn(call: FileCall, how = ''): readonly FileEvent[] {
  return open(call, { ...AT, rooted: how.includes('RESOLVE_IN_ROOT') }, how);
}

// An abstract socket has an @ in front of the quote, and is no file (unix(7)).
function socketPath(call: FileCall): BytePath | undefined {
  const match = /\bsun_path="((?:[^"\\]|\\.)*)"/s.exec(call.args[1] ?? '');
  return match?.[1] === undefined ? undefined : call.pathOf(unescape(match[1]));
}

// also when it has failed: nobody listens in the scratch copy
function connects(call: FileCall): readonly FileEvent[] {
  const path = socketPath(call);
  return path === undefined ? [] : [{ kind: 'connect', path }];
}

const READERS: readonly (readonly [string, Reader])[] = [
  ['open', (call) => open(call, PLAIN, call.args[1] ?? '')],
  ['creat', (call) => open(call, PLAIN, 'O_WRONLY|O_CREAT|O_TRUNC')],
  ['openat', (call) => open(call, AT, call.args[2] ?? '')],
  ['openat2', (call) => openIn(call, call.args[2])],
  ['execve', runs(PLAIN)],
  ['execveat', runs(AT)],
  ['stat stat64 access chdir', looks(PLAIN)],
  ['newfstatat fstatat64 statx faccessat faccessat2', looks(AT)],
  ['lstat lstat64 readlink', looksAtLink(PLAIN)],
  ['readlinkat', looksAtLink(AT)],
  [
    'getdents getdents64',
    (call) => done(call, call.pathAt({ directory: 0 }), (path) => ({ kind: 'list', path })),
  ],
  ['mkdir', makesDirectory(PLAIN)],
  ['mkdirat', makesDirectory(AT)],
  ['mknod unlink rmdir', writes(PLAIN)],
  ['mknodat unlinkat', writes(AT)],
  ['symlink', writes({ path: 1 })],
  ['symlinkat', writes({ directory: 1, path: 2 })],
  ['link', links(PLAIN, { path: 1 })],
  ['linkat', links(AT, { directory: 2, path: 3 })],
  ['rename', writes(PLAIN, { path: 1 })],
  ['renameat renameat2', writes(AT, { directory: 2, path: 3 })],
  ['truncate truncate64 chmod chown chown32 lchown lchown32', changes(PLAIN)],
  ['fchmodat fchmodat2 fchownat', changes(AT)],
  ['connect', connects],
  ['bind', (call) => write(call, socketPath(call), true)],
];

/** The calls that tell something about a file, by the names that strace has for them. */
export const FILE_CALLS: ReadonlyMap<string, Reader> = new Map(
  READERS.flatMap(([names, reader]) => names.split(' ').map((name) => [name, reader] as const)),
);
