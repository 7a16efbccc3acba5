// The processes that have a jail as their root directory (proc(5)).

import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';

import { type BytePath, bytePath } from '../../binary/path.ts';
import { errorCode } from '../../binary/root.ts';
import { quote } from '../../quote.ts';

export interface Process {
  readonly pid: number;
  /** Its name, fit to be shown. */
  readonly name: string;
  /** Real, effective, saved and file system uid. */
  readonly uids: readonly number[];
  /** Inheritable, permitted, effective and ambient capabilities together. */
  readonly capabilities: bigint;
  readonly hasNoNewPrivs: boolean;
  /** What it has open, by descriptor: a path of the host, or a name such as `socket:[1]`. */
  readonly open: readonly { readonly fd: number; readonly path: BytePath; readonly isDirectory: boolean }[];
}

/** The jail, by its real path and its inode: a process of another mount namespace may know it by another path. */
interface Place {
  readonly path: BytePath;
  readonly dev: bigint;
  readonly ino: bigint;
}

export function processesIn(place: Place): readonly Process[] {
  return readdirSync('/proc')
    .filter((pid) => /^[0-9]+$/.test(pid) && Number(pid) !== process.pid && isRootedIn(pid, place))
    .flatMap((pid) => ifThere(() => readProcess(pid)) ?? []);
}

function isRootedIn(pid: string, { path, dev, ino }: Place): boolean {
  const root = ifThere(() => bytePath(readlinkSync(`/proc/${pid}/root`, { encoding: 'buffer' })));
  if (root === undefined) return false;
  if (path !== '/' && (root === path || root.startsWith(`${path}/`))) return true;
  const status = ifThere(() => statSync(`/proc/${pid}/root`, { bigint: true }));
  return status?.dev === dev && status.ino === ino;
}

function readProcess(pid: string): Process {
  const text = readFileSync(`/proc/${pid}/status`, 'latin1');
  const field = (name: string): string => new RegExp(`^${name}:\\s*(.*)$`, 'm').exec(text)?.[1] ?? '';
  const set = (name: string): bigint => BigInt(`0x${field(name) || '0'}`);
  return {
    pid: Number(pid),
    name: quote(readFileSync(`/proc/${pid}/comm`).subarray(0, -1)),
    uids: field('Uid').split('\t').map(Number),
    capabilities: set('CapInh') | set('CapPrm') | set('CapEff') | set('CapAmb'),
    hasNoNewPrivs: field('NoNewPrivs') === '1',
    open: openOf(pid),
  };
}

function openOf(pid: string): Process['open'] {
  return (ifThere(() => readdirSync(`/proc/${pid}/fd`)) ?? []).flatMap((fd) => {
    const link = `/proc/${pid}/fd/${fd}`;
    const path = ifThere(() => bytePath(readlinkSync(link, { encoding: 'buffer' })));
    if (path === undefined) return [];
    const isDirectory = path.startsWith('/') && ifThere(() => statSync(link))?.isDirectory() === true;
    return [{ fd: Number(fd), path, isDirectory }];
  });
}

// A process can end at any moment, and one of another namespace need not be open to us.
function ifThere<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (error) {
    if (['ENOENT', 'ESRCH', 'EACCES', 'EPERM', 'ENOTDIR', 'ELOOP'].includes(errorCode(error) ?? ''))
      return undefined;
    throw error;
  }
}
