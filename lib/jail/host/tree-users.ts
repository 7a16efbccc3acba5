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
import { errorCode, O_PATH } from '../../tree/root.ts';
import { JailError } from '../../errors.ts';
import { native } from '../../native.ts';
import { quote } from '../../words/quote.ts';
import { caller, isOrdinary } from '../../trust/owner.ts';
import type { Directory } from './tree.ts';

/** A process, and the first of its uses of the tree that was found. */
export interface Occupant {
  readonly pid: number;
  /** Its name by proc_pid_comm(5), printable. */
  readonly command: string;
  readonly use: 'root directory' | 'working directory' | 'program' | 'open file' | 'mapped file';
}

interface Tree extends Directory, Identity {
  readonly namespace: string | undefined;
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
  const tree = { ...directory, dev, ino, own, namespace: linkOf('/proc/self/ns/mnt') };
  const found: Occupant[] = [];
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const use = await useOf(name, tree);
    if (use === undefined) continue;
    const command = ifThere(() => quote(readFileSync(`/proc/${name}/comm`).subarray(0, -1)), '?');
    found.push({ pid: Number(name), command, use });
  }
  return found;
}

async function useOf(pid: string, tree: Tree): Promise<Occupant['use'] | undefined> {
  // The first thread may have ended while others run, and each thread can have its own directories (unshare(2)).
  for await (const thread of namesSlowly(`/proc/${pid}/task`)) {
    const path = `/proc/${pid}/task/${thread}`;
    if (isDirectoryInside(`${path}/root`, path, tree)) return 'root directory';
    if (isDirectoryInside(`${path}/cwd`, path, tree)) return 'working directory';
    if (isOverlaid(path, tree)) return 'root directory';
  }
  if (isFileInside(`/proc/${pid}/exe`, tree)) return 'program';
  const isSelf = Number(pid) === process.pid;
  for await (const fd of namesSlowly(`/proc/${pid}/fd`)) {
    if (isSelf && tree.own.has(Number(fd))) continue;
    if (isFileInside(`/proc/${pid}/fd/${fd}`, tree)) return 'open file';
  }
  return isMapped(`/proc/${pid}/maps`, tree) ? 'mapped file' : undefined;
}

const LOOKS_A_TURN = 64; // some tenths of a millisecond: the event loop must not be held for long

async function* namesSlowly(directory: string): AsyncGenerator<string, void> {
  for (const [index, name] of ifThere(() => readdirSync(directory), []).entries()) {
    if (index % LOOKS_A_TURN === 0) await setImmediate();
    yield name;
  }
}

function isDirectoryInside(link: string, thread: string, tree: Tree): boolean {
  if (isFileInside(link, tree)) return true;
  // A process in another mount namespace shows a path of that namespace, and /proc cannot show a path that is too long.
  // The chain of parent directories contains the tree in both cases.
  return ifThere(() => {
    const isPathOurs = linkOf(link) !== undefined && linkOf(`${thread}/ns/mnt`) === tree.namespace;
    return !isPathOurs && isOnWayUp(link, tree);
  }, false);
}

/**
 * Whether a directory of a process, such as `/proc/1/cwd`, is `tree` or below it; for a path that /proc cannot show.
 * @throws the system error, also if it is no directory.
 */
export function isOnWayUp(link: string, tree: Identity): boolean {
  // One step at a time: a path of many `..` can be longer than PATH_MAX.
  let fd = openSync(link, O_PATH);
  try {
    for (let below: BigIntStats | undefined; ;) {
      const here = fstatSync(fd, { bigint: true });
      if (isSame(here, tree)) return true;
      if (below !== undefined && isSame(here, below)) return false; // the top is its own parent
      const parent = openSync(`/proc/self/fd/${fd}/..`, O_PATH);
      closeSync(fd);
      fd = parent;
      below = here;
    }
  } finally {
    closeSync(fd);
  }
}

/**
 * Whether a process, such as `/proc/1`, was launched in `tree` with `ephemeral`. It sees the tree through an overlay, which has another
 * device and no path here. Its source names the tree (nameSource() in native/plan/mounts.cc).
 */
export function isOverlaid(directory: string, { dev, ino }: Identity): boolean {
  if (linkOf(`${directory}/ns/mnt`) === linkOf('/proc/self/ns/mnt')) return false;
  // gnu_dev_major() and gnu_dev_minor() of sys/sysmacros.h
  const major = ((dev >> 8n) & 0xfffn) | ((dev >> 32n) & ~0xfffn);
  const minor = (dev & 0xffn) | ((dev >> 12n) & ~0xffn);
  const source = ` - overlay uchroot-${major}-${minor}-${ino} `;
  return ifThere(() => readFileSync(`${directory}/mountinfo`).includes(source), false);
}

type Identity = Pick<BigIntStats, 'dev' | 'ino'>;

function isSame(a: Identity, b: Identity): boolean {
  return a.dev === b.dev && a.ino === b.ino;
}

function isFileInside(link: string, tree: Tree): boolean {
  const path = linkOf(link);
  if (path === undefined || !isWithin(path, tree.path)) return false;
  // The same path can be another file in another mount namespace.
  return ifThere(() => {
    const { dev, ino } = statSync(link, { bigint: true });
    if (dev === tree.dev) return true;
    return isSame(statSync(pathBytes(path), { bigint: true }), { dev, ino });
  }, false);
}

function isMapped(file: string, tree: Tree): boolean {
  return ifThere(() => {
    const path = tree.path.replaceAll('\n', '\\012'); // proc_pid_maps(5)
    return readFileSync(file).includes(pathBytes(` ${path}/` as BytePath));
  }, false);
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
