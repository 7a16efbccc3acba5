// Whether anything of a directory is in use: by a process that is rooted in it or holds something of it, or by a mount.

import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';

import { type BytePath, bytePath, showPath } from '../binary/path.ts';
import { errorCode } from '../binary/root.ts';
import { quote } from '../quote.ts';

/** The directory, by its real path and its inode: a process in another mount namespace may know it by another path. */
export interface Place {
  readonly path: BytePath;
  readonly dev: bigint;
  readonly ino: bigint;
}

/** What is mounted at or below the directory (proc_pid_mountinfo(5)). */
export function mountsBeneath(mountinfo: Uint8Array, { path }: Pick<Place, 'path'>): readonly BytePath[] {
  return bytePath(mountinfo)
    .split('\n')
    .map((line) => unescape(line.split(' ')[4] ?? ''))
    .filter((point) => isBeneath(point, path));
}

// Blanks, line ends and backslashes are octal.
function unescape(text: string): BytePath {
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) =>
    String.fromCharCode(Number.parseInt(octal, 8)),
  ) as BytePath;
}

function isBeneath(path: BytePath, directory: BytePath): boolean {
  return path === directory || path.startsWith(directory === '/' ? '/' : `${directory}/`);
}

/** The first process that uses something of the directory, as a phrase; undefined if there is none. */
export function userOf(place: Place): string | undefined {
  for (const pid of readdirSync('/proc')) {
    if (!/^[0-9]+$/.test(pid) || Number(pid) === process.pid) continue;
    const use = useBy(pid, place);
    if (use !== undefined) return `process ${pid} (${nameOf(pid)}) ${use}`;
  }
  return undefined;
}

function useBy(pid: string, place: Place): string | undefined {
  const links = [
    ['root', 'has it as its root directory, or one below it'],
    ['cwd', 'works in it'],
    ['exe', 'executes a program of it'],
  ] as const;
  for (const [link, words] of links) if (leadsInto(`/proc/${pid}/${link}`, place)) return words;
  const held = list(`/proc/${pid}/fd`).find((fd) => leadsInto(`/proc/${pid}/fd/${fd}`, place));
  if (held !== undefined) return 'has a file of it open';
  return mapsOf(pid).some((path) => isBeneath(path, place.path)) ? 'has a file of it mapped' : undefined;
}

function leadsInto(link: string, { path, dev, ino }: Place): boolean {
  const target = ifThere(() => bytePath(readlinkSync(link, { encoding: 'buffer' })));
  if (target === undefined) return false;
  if (isBeneath(target, path)) return true;
  // what is no file, such as socket:[1], has nothing to be looked up
  if (!target.startsWith('/')) return false;
  const status = ifThere(() => statSync(link, { bigint: true }));
  return status?.dev === dev && status.ino === ino;
}

function mapsOf(pid: string): readonly BytePath[] {
  const text = ifThere(() => readFileSync(`/proc/${pid}/maps`));
  return text === undefined
    ? []
    : bytePath(text)
        .split('\n')
        .map((line) => line.slice(line.indexOf('/')).replaceAll('\\012', '\n') as BytePath)
        .filter((path) => path.startsWith('/'));
}

function list(directory: string): readonly string[] {
  return ifThere(() => readdirSync(directory)) ?? [];
}

function nameOf(pid: string): string {
  const name = ifThere(() => readFileSync(`/proc/${pid}/comm`));
  return name === undefined ? 'gone' : quote(name.subarray(0, -1));
}

// A process can end at any moment, and one of another namespace need not be open to us. A path that is too long for
// readlink(2) anybody can have, anywhere: it must not keep jails from being removed, and the root of whoever is in this one is
// shorter.
const GONE = new Set(['ENOENT', 'ESRCH', 'EACCES', 'EPERM', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG']);

function ifThere<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (error) {
    if (GONE.has(errorCode(error) ?? '')) return undefined;
    throw error;
  }
}

/** A phrase for what is mounted. */
export function mountedWords(points: readonly BytePath[]): string | undefined {
  const [first, ...others] = points;
  if (first === undefined) return undefined;
  return `something is mounted on ${showPath(first)}${others.length === 0 ? '' : ` and ${others.length} more`}`;
}
