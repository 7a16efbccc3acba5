// Finds the processes that run in a jail, and the pipes and sockets through which other processes reach it (proc(5)).

import {
  closeSync,
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  type Stats,
  statSync,
} from 'node:fs';

import { type BytePath, bytePath, isWithin, pathBytes } from '../../tree/path.ts';
import { O_PATH } from '../../tree/root.ts';
import { quote } from '../../words/quote.ts';
import { unless } from '../../words/system-error.ts';
import { isOnWayUp, isOverlaid } from '../host/tree-users.ts';
import { STORE } from '../manifest/layout.ts';
import { isSystemPath } from './checked-entry.ts';

export interface Process {
  readonly pid: number;
  /** Its name, quoted. */
  readonly name: string;
  /** Real, effective, saved and file system uid. */
  readonly uids: readonly number[];
  /** Supplementary groups. */
  readonly groups: readonly number[];
  /** Programs and libraries that it runs and that were replaced or removed since. */
  readonly replaced: readonly BytePath[];
  /** Inheritable, permitted, effective and ambient capabilities together. */
  readonly capabilities: bigint;
  readonly hasNoNewPrivs: boolean;
  /** Files and directories outside of the jail that it has open, its working directory included. */
  readonly outside: readonly OpenOutside[];
}

interface OpenOutside {
  /** Undefined for the working directory. */
  readonly fd: number | undefined;
  /** As the checking process sees it. */
  readonly path: BytePath;
  readonly status: Stats;
}

/** A jail by its real path and its inode: a process in another mount namespace may see it at another path. */
interface Place {
  readonly path: BytePath;
  readonly dev: bigint;
  readonly ino: bigint;
  /** The paths of its manifest. */
  readonly built: () => ReadonlySet<BytePath>;
}

export function processesIn(place: Place): readonly Process[] {
  return pidsOf((pid) => isRootedIn(pid, place)).flatMap(
    (pid) => ifThere(() => readProcess(pid, place)) ?? [],
  );
}

/**
 * Files of the jail that processes outside hold, by fileKey(), each with one such process: open files, such as named pipes, and
 * sockets that they have bound. A relative name of a socket is looked up where the process works now. An absolute one counts as well
 * if /proc does not show its process.
 */
export function heldOutside(place: Place): ReadonlyMap<string | undefined, string> {
  const names = parseBound(readFileSync('/proc/net/unix'));
  const held = new Map<string | undefined, string>();
  const note = (path: string, holder: string) =>
    held.set(
      ifThere(() => fileKey(lstatSync(pathBytes(path as BytePath), { bigint: true }))),
      holder,
    );
  for (const isInside of [false, true])
    for (const pid of pidsOf((one) => isRootedIn(one, place) === isInside))
      for (const { path = '' } of linksOf(pid)) {
        const name = names.get(path) ?? (isWithin(path, place.path) ? path : undefined);
        names.delete(path);
        if (name === undefined || isInside) continue;
        const at = name.startsWith('/') ? name : `/proc/${pid}/cwd/${name}`;
        note(at, ifThere(() => `process ${pid} (${nameOf(pid)})`) ?? `process ${pid}`);
      }
  for (const name of names.values()) if (name.startsWith('/')) note(name, 'a process');
  return held;
}

/** The same for all names of a file. */
export const fileKey = ({ dev, ino }: Pick<Place, 'dev' | 'ino'>): string => `${dev}:${ino}`;

function pidsOf(isWanted: (pid: string) => boolean): readonly string[] {
  return readdirSync('/proc').filter(
    (pid) => /^[0-9]+$/.test(pid) && Number(pid) !== process.pid && isWanted(pid),
  );
}

function isRootedIn(pid: string, { path, dev, ino }: Place): boolean {
  const root = readLink(`/proc/${pid}/root`);
  if (root === undefined) return false;
  if (path !== '/' && isWithin(root, path)) return true;
  const status = ifThere(() => statSync(`/proc/${pid}/root`, { bigint: true }));
  return (status?.dev === dev && status.ino === ino) || isOverlaid(`/proc/${pid}`, { dev, ino });
}

function readProcess(pid: string, place: Place): Process {
  const text = readFileSync(`/proc/${pid}/status`, 'latin1');
  const field = (name: string): string => fieldOf(text, name);
  const set = (name: string): bigint => BigInt(`0x${field(name) || '0'}`);
  return {
    pid: Number(pid),
    name: nameOf(pid),
    uids: field('Uid').split('\t').map(Number),
    groups: field('Groups')
      .split(' ')
      .flatMap((gid) => (gid === '' ? [] : [Number(gid)])),
    replaced: replacedIn(ifThere(() => readFileSync(`/proc/${pid}/maps`)) ?? Buffer.alloc(0), place),
    capabilities: set('CapInh') | set('CapPrm') | set('CapEff') | set('CapAmb'),
    hasNoNewPrivs: field('NoNewPrivs') === '1',
    outside: outsideOf(pid, place),
  };
}

const nameOf = (pid: string): string => quote(readFileSync(`/proc/${pid}/comm`).subarray(0, -1));

function fieldOf(text: string, name: string): string {
  return new RegExp(`^${name}:[ \\t]*(.*?)[ \\t]*$`, 'm').exec(text)?.[1] ?? '';
}

function outsideOf(pid: string, place: Place): readonly OpenOutside[] {
  const isInside = openInside(pid, place);
  return [
    { fd: undefined, link: `/proc/${pid}/cwd`, path: readLink(`/proc/${pid}/cwd`) },
    ...linksOf(pid),
  ].flatMap(({ fd, link, path: shown }) => {
    const path = shown ?? (isDeepOutside(link, place) ? bytePath(Buffer.from(link)) : undefined);
    if (path?.startsWith('/') !== true || isInside(path, link)) return [];
    const status = ifThere(() => statSync(link));
    return status === undefined ? [] : [{ fd, path, status }];
  });
}

// Tells whether a file that a process has open lies in the jail. In a mount namespace of its own, the jail may be its root, `/`;
// paths then tell nothing, and only the mounts that it sees count (proc_pid_mountinfo(5)).
function openInside(pid: string, { path: jail }: Place): (path: BytePath, link: string) => boolean {
  const root = readLink(`/proc/${pid}/root`) ?? jail;
  if (isWithin(root, jail)) return (path) => isWithin(path, jail);
  if (root !== '/') return (path) => isWithin(path, root);
  const mountinfo = ifThere(() => readFileSync(`/proc/${pid}/mountinfo`, 'latin1')) ?? '';
  const mounts = new Set(mountinfo.split('\n').map((line) => line.split(' ', 1)[0]));
  return (_, link) => {
    const info = ifThere(() => infoOf(link));
    return info === undefined || mounts.has(fieldOf(info, 'mnt_id'));
  };
}

// A working directory has no fdinfo of its own, but a descriptor that is opened by way of /proc is on the same mount.
function infoOf(link: string): string {
  const fd = openSync(link, O_PATH);
  try {
    return readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1');
  } finally {
    closeSync(fd);
  }
}

function linksOf(pid: string) {
  return (ifThere(() => readdirSync(`/proc/${pid}/fd`)) ?? []).map((fd) => {
    const link = `/proc/${pid}/fd/${fd}`;
    return { fd: Number(fd), link, path: readLink(link) };
  });
}

/** Undefined as well for a path that is too long for /proc: anybody can make one, and must not end the check by it. */
function readLink(link: string): BytePath | undefined {
  return ifThere(() => bytePath(readlinkSync(link, { encoding: 'buffer' })));
}

/** Whether it is a directory that lies outside of the jail, and so deep that /proc cannot show its path. */
function isDeepOutside(link: string, place: Place): boolean {
  return ifThere(() => statSync(link).isDirectory() && !isOnWayUp(link, place)) === true;
}

// A process can end at any moment, and we may not be allowed to look into one of another namespace.
function ifThere<T>(look: () => T): T | undefined {
  return unless(['ENOENT', 'ESRCH', 'EACCES', 'EPERM', 'ENOTDIR', 'ELOOP', 'EISDIR', 'ENAMETOOLONG'], look);
}

const DELETED = ' (deleted)';

/**
 * The programs and libraries that were replaced while they were mapped, by their paths in the jail; `maps` as the kernel writes it
 * (proc_pid_maps(5)). Only directories of programs and what was `built` count: elsewhere a program may map and remove files of its own.
 */
export function replacedIn(
  maps: Uint8Array,
  { path: jail, built }: Pick<Place, 'path' | 'built'>,
): readonly BytePath[] {
  const replaced = new Set<BytePath>();
  for (const line of bytePath(maps).split('\n')) {
    // address perms offset dev inode path
    const mapped = /^\S+ ..x\S* \S+ \S+ \S+ +(\/.*)$/.exec(line)?.[1];
    if (mapped === undefined) continue;
    const isInside = jail !== '/' && mapped.startsWith(`${jail}/`);
    const path = (isInside ? mapped.slice(jail.length) : mapped) as BytePath;
    // check --fix keeps there what it has replaced
    if (path.startsWith(`${STORE}/replaced/`)) replaced.add(path);
    const old = path.slice(0, -DELETED.length) as BytePath;
    if (path.endsWith(DELETED) && (isSystemPath(path) || built().has(old))) replaced.add(old);
  }
  return [...replaced];
}

/**
 * The paths in /proc/net/unix, each as given by the process that bound a socket to it, by what /proc/PID/fd shows for the socket
 * (proc_net(5)). Abstract names are left out.
 */
export function parseBound(lines: Uint8Array): Map<string, BytePath> {
  // Num RefCount Protocol Flags Type St Inode Path; the path may contain blanks
  const found = bytePath(lines).matchAll(/^(?:\S+ +){6}(\d+) ([^@].*)/gm);
  return new Map(Array.from(found, ([, inode = '', path = '']) => [`socket:[${inode}]`, path as BytePath]));
}
