// Finds the processes that use a directory tree: a running program must not lose its files.

import {
  type BigIntStats,
  closeSync,
  fstatSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
} from 'node:fs';
import { setImmediate } from 'node:timers/promises';

import { type BytePath, isWithin, pathBytes, toLatin1 } from '../../tree/path.ts';
import { O_PATH } from '../../tree/root.ts';
import { JailError } from '../../errors.ts';
import { native } from '../../native.ts';
import { quote } from '../../words/quote.ts';
import { caller, isOrdinary } from '../../trust/owner.ts';
import { memoize } from '../../values/remember.ts';
import { errorCode } from '../../words/system-error.ts';
import type { Directory } from './tree.ts';

/** A process, and the first of its uses of the tree that was found. */
export interface Occupant {
  readonly pid: number;
  /** Its name by proc_pid_comm(5), printable. */
  readonly command: string;
  readonly use: 'root directory' | 'working directory' | 'program' | 'open file' | 'mapped file';
}

interface Tree extends Directory, Identity {
  /** Descriptors of this process that do not count. */
  readonly own: ReadonlySet<number>;
}

/**
 * The processes whose root directory, working directory, program, or any open or mapped file is in `directory`. Only
 * processes that /proc shows are found: those of this pid namespace and the ones below it.
 * @throws JailError EACCES if /proc hides this of a process, as it does from root without CAP_SYS_PTRACE (ptrace(2)); ENOENT
 * without /proc. An ordinary user finds only his own processes.
 */
export async function findOccupants(
  directory: Directory,
  own: ReadonlySet<number>,
): Promise<readonly Occupant[]> {
  const { dev, ino } = statSync(`/proc/self/fd/${directory.fd}`, { bigint: true });
  const tree = { ...directory, dev, ino, own };
  if (waiting === undefined) {
    const trees: Tree[] = [];
    const found = last.catch(() => {}).then(() => lookFor(trees));
    waiting = { trees, found };
    last = found;
  }
  waiting.trees.push(tree);
  return (await waiting.found).get(tree) ?? [];
}

type Found = ReadonlyMap<Tree, readonly Occupant[]>;

// A look at all processes takes long, so the callers that wait for the next one share it.
let waiting: { readonly trees: Tree[]; readonly found: Promise<Found> } | undefined;
let last: Promise<unknown> = Promise.resolve();

async function lookFor(trees: readonly Tree[]): Promise<Found> {
  await setImmediate();
  waiting = undefined;
  const found = new Map(trees.map((tree) => [tree, [] as Occupant[]]));
  for (const name of readdirSync('/proc').filter((one) => /^\d+$/.test(one))) {
    await setImmediate();
    const seen = openSeen();
    for (const tree of trees) {
      const use = await useOf(name, tree, seen);
      if (use === undefined) continue;
      const command = ifThere(() => quote(readFileSync(`/proc/${name}/comm`).subarray(0, -1)), '?');
      found.get(tree)?.push({ pid: Number(name), command, use });
    }
  }
  return found;
}

const LOOKS_A_TURN = 64; // some tenths of a millisecond: the event loop must not be held for long

async function useOf(pid: string, tree: Tree, seen: Seen): Promise<Occupant['use'] | undefined> {
  // The first thread may have ended while others run, and each thread can have its own directories (unshare(2)).
  for (const [index, thread] of seen.names(`/proc/${pid}/task`).entries()) {
    if (index % LOOKS_A_TURN === LOOKS_A_TURN - 1) await setImmediate();
    const path = `/proc/${pid}/task/${thread}`;
    if (isDirectoryInside(`${path}/root`, path, tree, seen)) return 'root directory';
    if (isDirectoryInside(`${path}/cwd`, path, tree, seen)) return 'working directory';
    if (isOverlaid(path, tree, seen)) return 'root directory';
  }
  if (isFileInside(`/proc/${pid}/exe`, tree, seen)) return 'program';
  const isSelf = Number(pid) === process.pid;
  for (const [index, fd] of seen.names(`/proc/${pid}/fd`).entries()) {
    if (index % LOOKS_A_TURN === LOOKS_A_TURN - 1) await setImmediate();
    if (isSelf && tree.own.has(Number(fd))) continue;
    if (isFileInside(`/proc/${pid}/fd/${fd}`, tree, seen)) return 'open file';
  }
  return isMapped(`/proc/${pid}/maps`, tree, seen) ? 'mapped file' : undefined;
}

/** Looks at one process, and each place of it once. */
type Seen = ReturnType<typeof openSeen>;

function openSeen() {
  return {
    names: memoize((directory: string) => ifThere(() => readdirSync(directory), [])),
    link: memoize(linkOf),
    text: memoize((file: string) => ifThere(() => readFileSync(file), Buffer.alloc(0))),
    above: memoize((link: string) => ifThere(() => directoriesAbove(link), [])),
  };
}

function isDirectoryInside(link: string, thread: string, tree: Tree, seen: Seen): boolean {
  if (isFileInside(link, tree, seen)) return true;
  // A process in another mount namespace shows a path of that namespace, and /proc cannot show a path that is too long.
  // The chain of parent directories contains the tree in both cases.
  const isPathOurs =
    seen.link(link) !== undefined && seen.link(`${thread}/ns/mnt`) === seen.link(OWN_NAMESPACE);
  return !isPathOurs && seen.above(link).some((one) => isSame(one, tree));
}

const OWN_NAMESPACE = '/proc/self/ns/mnt';

/**
 * Whether a directory of a process, such as `/proc/1/cwd`, is `tree` or below it; for a path that /proc cannot show.
 * @throws the system error, also if it is no directory.
 */
export const isOnWayUp = (link: string, tree: Identity): boolean =>
  directoriesAbove(link).some((one) => isSame(one, tree));

// The directory itself, and all above it.
function directoriesAbove(link: string): readonly Identity[] {
  // One step at a time: a path of many `..` can be longer than PATH_MAX.
  let fd = openSync(link, O_PATH);
  const found: BigIntStats[] = [];
  try {
    for (;;) {
      const here = fstatSync(fd, { bigint: true });
      const below = found.at(-1);
      if (below !== undefined && isSame(here, below)) return found; // the top is its own parent
      found.push(here);
      const parent = openSync(`/proc/self/fd/${fd}/..`, O_PATH);
      closeSync(fd);
      fd = parent;
    }
  } finally {
    closeSync(fd);
  }
}

/**
 * Whether a process, such as `/proc/1`, was launched in `tree` with `ephemeral`. It sees the tree through an overlay, which has another
 * device and no path here. Its source names the tree (nameSource() in native/plan/mounts.cc).
 */
export function isOverlaid(directory: string, { dev, ino }: Identity, seen: Seen = openSeen()): boolean {
  if (seen.link(`${directory}/ns/mnt`) === seen.link(OWN_NAMESPACE)) return false;
  // gnu_dev_major() and gnu_dev_minor() of sys/sysmacros.h
  const major = ((dev >> 8n) & 0xfffn) | ((dev >> 32n) & ~0xfffn);
  const minor = (dev & 0xffn) | ((dev >> 12n) & ~0xffn);
  return seen.text(`${directory}/mountinfo`).includes(` - overlay uchroot-${major}-${minor}-${ino} `);
}

type Identity = Pick<BigIntStats, 'dev' | 'ino'>;

const isSame = (a: Identity, b: Identity): boolean => a.dev === b.dev && a.ino === b.ino;

function isFileInside(link: string, tree: Tree, seen: Seen): boolean {
  const path = seen.link(link);
  if (path === undefined || !isWithin(path, tree.path)) return false;
  // The same path can be another file in another mount namespace.
  return ifThere(() => {
    const { dev, ino } = statSync(link, { bigint: true });
    if (dev === tree.dev) return true;
    return isSame(statSync(pathBytes(path), { bigint: true }), { dev, ino });
  }, false);
}

function isMapped(file: string, tree: Tree, seen: Seen): boolean {
  const path = tree.path.replaceAll('\n', '\\012'); // proc_pid_maps(5)
  return seen.text(file).includes(pathBytes(` ${path}/` as BytePath));
}

function linkOf(path: string): BytePath | undefined {
  return ifThere(() => toLatin1(readlinkSync(path, 'buffer')), undefined);
}

// A process can end at any time, a zombie or kernel thread has no files, and a path can be too long for /proc.
function ifThere<T>(look: () => T, otherwise: T): T {
  try {
    return look();
  } catch (error) {
    const code = errorCode(error);
    if (code !== undefined && NOT_THERE.has(code)) return otherwise;
    if (code !== 'EACCES' && code !== 'EPERM') throw error;
    // An ordinary user sees only his own processes.
    if (isOrdinary(caller())) return otherwise;
    // With CAP_SYS_PTRACE, only a security module can hide a process, such as the init of a virtual machine.
    if ((native.effectiveCapabilities() & CAP_SYS_PTRACE) !== 0n) return otherwise;
    const path = error instanceof Error && 'path' in error ? String(error.path) : '/proc';
    throw new JailError(`${path} cannot be read, so that process may be using the jail`, {
      code: 'EACCES',
      path,
      hint: 'end it, or run with CAP_SYS_PTRACE',
    });
  }
}

// linux/capability.h
const CAP_SYS_PTRACE = 1n << 19n;

const NOT_THERE = new Set(['ENOENT', 'ESRCH', 'ENOTDIR', 'EINVAL', 'ENAMETOOLONG']);
