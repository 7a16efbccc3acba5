// The processes that have a jail as their root directory (proc(5)).

import { readdirSync, readFileSync, readlinkSync, type Stats, statSync } from 'node:fs';

import { type BytePath, bytePath } from '../../binary/path.ts';
import { errorCode } from '../../binary/root.ts';
import { quote } from '../../quote.ts';
import { replacedIn } from './mapped.ts';

export interface Process {
  readonly pid: number;
  /** Its name, fit to be shown. */
  readonly name: string;
  /** Real, effective, saved and file system uid. */
  readonly uids: readonly number[];
  /** Supplementary groups. */
  readonly groups: readonly number[];
  /** Programs and libraries that it runs and that have been replaced, or removed, since. */
  readonly replaced: readonly BytePath[];
  /** Inheritable, permitted, effective and ambient capabilities together. */
  readonly capabilities: bigint;
  readonly hasNoNewPrivs: boolean;
  /** What it has open outside of the jail, its working directory among that. */
  readonly outside: readonly OpenOutside[];
}

interface OpenOutside {
  /** Undefined for the working directory. */
  readonly fd: number | undefined;
  /** As this process sees it. */
  readonly path: BytePath;
  readonly status: Stats;
}

/** The jail, by its real path and its inode: a process of another mount namespace may know it by another path. */
interface Place {
  readonly path: BytePath;
  readonly dev: bigint;
  readonly ino: bigint;
}

export function processesIn(place: Place): readonly Process[] {
  return pidsOf((pid) => isRootedIn(pid, place)).flatMap(
    (pid) => ifThere(() => readProcess(pid, place)) ?? [],
  );
}

/** The named pipes in the jail that processes outside of it have open, by their paths on the host, and one of those. */
export function pipesOutside(place: Place): ReadonlyMap<BytePath, string> {
  const pipes = new Map<BytePath, string>();
  for (const pid of pidsOf((pid) => !isRootedIn(pid, place)))
    for (const { link, path } of linksOf(pid)) {
      if (!isBeneath(path, place.path) || ifThere(() => statSync(link))?.isFIFO() !== true) continue;
      pipes.set(path, ifThere(() => `process ${pid} (${nameOf(pid)})`) ?? `process ${pid}`);
    }
  return pipes;
}

function pidsOf(isWanted: (pid: string) => boolean): readonly string[] {
  return readdirSync('/proc').filter(
    (pid) => /^[0-9]+$/.test(pid) && Number(pid) !== process.pid && isWanted(pid),
  );
}

function isRootedIn(pid: string, { path, dev, ino }: Place): boolean {
  const root = readLink(`/proc/${pid}/root`);
  if (root === undefined) return false;
  if (path !== '/' && isBeneath(root, path)) return true;
  const status = ifThere(() => statSync(`/proc/${pid}/root`, { bigint: true }));
  return status?.dev === dev && status.ino === ino;
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
    replaced: replacedIn(ifThere(() => readFileSync(`/proc/${pid}/maps`)) ?? Buffer.alloc(0), place.path),
    capabilities: set('CapInh') | set('CapPrm') | set('CapEff') | set('CapAmb'),
    hasNoNewPrivs: field('NoNewPrivs') === '1',
    outside: outsideOf(pid, place),
  };
}

function nameOf(pid: string): string {
  return quote(readFileSync(`/proc/${pid}/comm`).subarray(0, -1));
}

function fieldOf(text: string, name: string): string {
  return new RegExp(`^${name}:[ \\t]*(.*?)[ \\t]*$`, 'm').exec(text)?.[1] ?? '';
}

function outsideOf(pid: string, place: Place): readonly OpenOutside[] {
  const isInside = openInside(pid, place);
  return [
    { fd: undefined, link: `/proc/${pid}/cwd`, path: readLink(`/proc/${pid}/cwd`) },
    ...linksOf(pid),
  ].flatMap(({ fd, link, path }) => {
    if (path?.startsWith('/') !== true || isInside(path, fd)) return [];
    const status = ifThere(() => statSync(link));
    return status === undefined ? [] : [{ fd, path, status }];
  });
}

/**
 * Tells what a process has open in the jail. In a mount namespace of its own the jail may be its root and be called `/`, as
 * may be what lies outside; then it counts whether the mount is one of those that it sees (proc_pid_mountinfo(5)).
 */
function openInside(pid: string, { path: jail }: Place): (path: BytePath, fd: number | undefined) => boolean {
  const root = readLink(`/proc/${pid}/root`) ?? jail;
  if (isBeneath(root, jail)) return (path) => isBeneath(path, jail);
  if (root !== '/') return (path) => isBeneath(path, root);
  const mountinfo = ifThere(() => readFileSync(`/proc/${pid}/mountinfo`, 'latin1')) ?? '';
  const mounts = new Set(mountinfo.split('\n').map((line) => line.split(' ', 1)[0]));
  return (_, fd) => {
    const info = ifThere(() => readFileSync(`/proc/${pid}/fdinfo/${fd ?? ''}`, 'latin1'));
    return fd === undefined || info === undefined || mounts.has(fieldOf(info, 'mnt_id'));
  };
}

interface OpenLink {
  readonly fd: number;
  readonly link: string;
  readonly path: BytePath;
}

function linksOf(pid: string): readonly OpenLink[] {
  return (ifThere(() => readdirSync(`/proc/${pid}/fd`)) ?? []).flatMap((fd) => {
    const link = `/proc/${pid}/fd/${fd}`;
    const path = readLink(link);
    return path === undefined ? [] : [{ fd: Number(fd), link, path }];
  });
}

function readLink(link: string): BytePath | undefined {
  return ifThere(() => bytePath(readlinkSync(link, { encoding: 'buffer' })));
}

function isBeneath(path: BytePath, directory: BytePath): boolean {
  return `${path}/`.startsWith(directory === '/' ? '/' : `${directory}/`);
}

// A process can end at any moment, and one of another namespace need not be open to us.
function ifThere<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (error) {
    if (['ENOENT', 'ESRCH', 'EACCES', 'EPERM', 'ENOTDIR', 'ELOOP', 'EISDIR'].includes(errorCode(error) ?? ''))
      return undefined;
    throw error;
  }
}
