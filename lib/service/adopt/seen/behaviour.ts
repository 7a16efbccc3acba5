// What others see of a service that runs: its processes and their users, its listening sockets and pid files.
import { type Dirent, readdirSync, readFileSync, readlinkSync } from 'node:fs';

import { remember } from '../../../values/remember.ts';
import { unless } from '../../../words/system-error.ts';
import { ifReadable, readEnd } from '../host-file.ts';
import { propertiesOf } from '../systemd-bus.ts';
import { listeningSockets, socketTables } from './listening-sockets.ts';

// The answer of a call about a process; undefined if the process has ended (proc(5)). ENXIO, EINVAL, EACCES: its parent has not waited for
// it yet.
const unlessEnded = <T>(use: () => T): T | undefined =>
  unless(['ENOENT', 'ESRCH', 'ENXIO', 'EINVAL', 'EACCES'], use);

/** The text of a file of /proc; empty if its process has ended. */
export const readOfProcess = (path: string): string => unlessEnded(() => readFileSync(path, 'latin1')) ?? '';

/** The pids of the processes in the cgroup of a unit, and in those below it. */
export async function processesOf(unit: string): Promise<readonly number[]> {
  return pidsIn((await propertiesOf(unit, 'ControlGroup')).ControlGroup);
}

const isNumber = (word: string): boolean => /^[0-9]+$/.test(word);

/** The same, for the property ControlGroup of the unit. */
function pidsIn(group: string): readonly number[] {
  if (group === '') return [];
  const directory = `/sys/fs/cgroup${group}`;
  const below = unless(['ENOENT'], () => readdirSync(directory, { recursive: true, encoding: 'utf8' })) ?? [];
  const lists = below.filter((name) => /(^|\/)cgroup\.procs$/.test(name));
  // ENOTSUP: the processes are in the cgroup above (cgroups(7), threaded mode)
  const read = (name: string): string =>
    unless(['ENOTSUP'], () => readOfProcess(`${directory}/${name}`)) ?? '';
  if (lists.length > 0) return lists.flatMap((name) => read(name).split('\n').filter(isNumber)).map(Number);
  // the first version of cgroups: `1:name=systemd:GROUP` (cgroups(7))
  const isIn = (line: string): boolean => {
    const own = /^(?:0:|\d+:name=systemd):(.*)$/.exec(line)?.[1];
    return own === group || own?.startsWith(`${group}/`) === true;
  };
  return readdirSync('/proc')
    .filter(isNumber)
    .filter((pid) => readOfProcess(`/proc/${pid}/cgroup`).split('\n').some(isIn))
    .map(Number);
}

export interface RunFiles {
  /** Paths as the service sees them, such as `/run/web.pid`. */
  readonly pidFiles: readonly string[];
  readonly sockets: readonly string[];
}

// Directories of systemd, udev and logged-in users, and mounts of these.
const ofOthers = new Set(['systemd', 'udev', 'user', 'credentials', 'host', 'log', 'mount', 'media']);

const mostLevels = 3;
const mostEntries = 5000;
const mostPidBytes = 32;

// The number in a short file.
function pidIn(path: string): number | undefined {
  const { text = '', sizeBytes = 0 } = readEnd(path, mostPidBytes) ?? {};
  return sizeBytes <= mostPidBytes && /^\s*\d+\s*$/.test(text) ? Number(text) : undefined;
}

function entriesBelow(top: string): readonly (readonly [path: string, entry: Dirent])[] {
  const found: (readonly [string, Dirent])[] = [];
  let left = [''];
  for (let level = 0; level < mostLevels && found.length < mostEntries; level++) {
    const inner = left.flatMap((path) =>
      (ifReadable(() => readdirSync(`${top}${path}`, { withFileTypes: true })) ?? [])
        .filter(({ name }) => level > 0 || !ofOthers.has(name))
        .map((entry) => [`${path}/${entry.name}`, entry] as const),
    );
    found.push(...inner);
    left = inner.filter(([, entry]) => entry.isDirectory()).map(([path]) => path);
  }
  return found;
}

/** Finds them in `directory`, which is /run or that of a jail: the sockets, and the files with the number of one of these processes. */
export function runFiles(directory: string, pids: readonly number[]): RunFiles {
  const entries = entriesBelow(directory);
  const own = new Set(pids);
  return {
    pidFiles: entries
      .filter(([path, entry]) => entry.isFile() && own.has(pidIn(`${directory}${path}`) ?? -1))
      .map(([path]) => `/run${path}`),
    sockets: entries.filter(([, entry]) => entry.isSocket()).map(([path]) => `/run${path}`),
  };
}

export interface Behaviour {
  readonly sockets: ReadonlySet<string>;
  /** Effective uids, as text. */
  readonly users: ReadonlySet<string>;
  /** Pid files in /run. */
  readonly pidFiles: ReadonlySet<string>;
}

const linkOf = (path: string): string => unlessEnded(() => readlinkSync(path)) ?? '';

const socketInodes = (pid: number): readonly string[] =>
  (unlessEnded(() => readdirSync(`/proc/${pid}/fd`)) ?? []).flatMap(
    (fd) => /^socket:\[(\d+)\]$/.exec(linkOf(`/proc/${pid}/fd/${fd}`))?.[1] ?? [],
  );

function portsOfKernel(): readonly [number, number] {
  const text = readOfProcess('/proc/sys/net/ipv4/ip_local_port_range');
  const [first = 32_768, last = 60_999] = text.trim() === '' ? [] : text.trim().split(/\s+/).map(Number);
  return [first, last];
}

const networkOf = (pid: number | 'self'): string => linkOf(`/proc/${pid}/ns/net`);

/** What follows the name of a port that nobody else reaches. */
export const ofOwnNetwork = ' of its own network';

const isPort = (name: string): boolean => !name.startsWith('unix ');

type Tables = Readonly<Record<(typeof socketTables)[number], string>>;

/** Reads the tables of the network that a process is in. */
export type ReadTables = (network: string, pid: number | 'self') => Tables;

/** Reads those of each network once: the kernel walks all its sockets for them, which takes longer than all else that a status needs. */
export function openTables(): ReadTables {
  const known = new Map<string, Tables>();
  return (network, pid) =>
    remember(
      known,
      network,
      () =>
        Object.fromEntries(
          socketTables.map((name) => [name, readOfProcess(`/proc/${pid}/net/${name}`)]),
        ) as unknown as Tables,
    );
}

// Sockets that systemd has opened belong to the network of the host, whichever that of the service is. In a network of its own, only the
// service itself reaches its ports.
function socketsOf(
  pids: readonly number[],
  inodes: ReadonlySet<string>,
  readTables: ReadTables = openTables(),
): readonly string[] {
  if (inodes.size === 0) return [];
  const host = networkOf('self');
  const spaces = new Map([
    [host, 'self' as number | 'self'],
    ...pids.map((pid) => [networkOf(pid), pid] as const),
  ]);
  return [...spaces].flatMap(([space, pid]) => {
    const tables = readTables(space, pid);
    const found = listeningSockets({ tables, inodes, pids: new Set(pids), ephemeral: portsOfKernel() });
    return found.map((name) => (space !== host && isPort(name) ? `${name}${ofOwnNetwork}` : name));
  });
}

const inodesOf = (pids: readonly number[]): ReadonlySet<string> => new Set(pids.flatMap(socketInodes));

/** The ports on which a service listens itself, and not systemd for it: `tcp 127.0.0.1:80`. Those of its own network say so. */
export async function portsOf(unit: string): Promise<readonly string[]> {
  const pids = await processesOf(unit);
  const ofSystemd = new Set(socketInodes(1));
  const own = new Set([...inodesOf(pids)].filter((inode) => !ofSystemd.has(inode)));
  return socketsOf(pids, own).filter(isPort);
}

/** All sockets at which a service is reached, those that systemd has opened for it too. `group` is ControlGroup of its unit. */
export function socketsIn(group: string, readTables: ReadTables): readonly string[] {
  const pids = pidsIn(group);
  return [...new Set(socketsOf(pids, inodesOf(pids), readTables))].toSorted();
}

// Not `[vdso]`, which the kernel makes, and no file.
const ownCode = /^\S+ \S\Sx\S \S+ \S+ \d+ *(?:\[(?:anon|heap|stack).*|\/memfd:.*)?$/m;

/** Whether a service makes code while it runs: it has memory that can be executed and comes from no file (proc_pid_maps(5)). */
export const makesCode = async (unit: string): Promise<boolean> =>
  (await processesOf(unit)).some((pid) => ownCode.test(readOfProcess(`/proc/${pid}/maps`)));

const userOf = (pid: number): readonly string[] =>
  /^Uid:\s+\d+\s+(\d+)/m.exec(readOfProcess(`/proc/${pid}/status`))?.slice(1) ?? [];

/** Looks at a service as it is now. With a jail, its pid files may also be there. */
export async function observe(unit: string, jail?: string): Promise<Behaviour> {
  const pids = await processesOf(unit);
  const places = ['/run', ...(jail === undefined ? [] : [`${jail}/run`])];
  return {
    sockets: new Set(socketsOf(pids, inodesOf(pids))),
    users: new Set(pids.flatMap(userOf)),
    pidFiles: new Set(places.flatMap((place) => runFiles(place, pids).pidFiles)),
  };
}
