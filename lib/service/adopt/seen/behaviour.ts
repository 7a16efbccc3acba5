// What others see of a service that runs: its processes and their users, its listening sockets and pid files.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

import { unless } from '../../../jail/work/jail-error.ts';
import { propertiesOf } from '../running.ts';
import { listeningSockets, socketTables } from './listening-sockets.ts';
import { runFiles } from './run-files.ts';

// The answer of a call about a process; undefined if the process has ended (proc(5)). ENXIO, EINVAL, EACCES: its parent has not waited for
// it yet.
const unlessEnded = <T>(use: () => T): T | undefined =>
  unless(['ENOENT', 'ESRCH', 'ENXIO', 'EINVAL', 'EACCES'], use);

// empty if its process has ended
const readOfProcess = (path: string): string => unlessEnded(() => readFileSync(path, 'latin1')) ?? '';

/** The pids of the processes in the cgroup of a unit, and in those below it. */
export async function processesOf(unit: string): Promise<readonly number[]> {
  const { ControlGroup: group } = await propertiesOf(unit, 'ControlGroup');
  if (group === '') return [];
  // `0::GROUP`, or `1:name=systemd:GROUP` with the first version of cgroups (cgroups(7))
  const isIn = (line: string): boolean => {
    const own = /^(?:0:|\d+:name=systemd):(.*)$/.exec(line)?.[1];
    return own === group || own?.startsWith(`${group}/`) === true;
  };
  return readdirSync('/proc')
    .filter((name) => /^[0-9]+$/.test(name))
    .filter((pid) => readOfProcess(`/proc/${pid}/cgroup`).split('\n').some(isIn))
    .map(Number);
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

function socketsOf(pids: readonly number[]): readonly string[] {
  const spaces = new Map(pids.map((pid) => [linkOf(`/proc/${pid}/ns/net`), pid]));
  const inodes = new Set(pids.flatMap(socketInodes));
  return [...spaces.values()].flatMap((pid) => {
    const tables = Object.fromEntries(
      socketTables.map((name) => [name, readOfProcess(`/proc/${pid}/net/${name}`)]),
    ) as Record<(typeof socketTables)[number], string>;
    return listeningSockets({ tables, inodes, pids: new Set(pids), ephemeral: portsOfKernel() });
  });
}

const userOf = (pid: number): readonly string[] =>
  /^Uid:\s+\d+\s+(\d+)/m.exec(readOfProcess(`/proc/${pid}/status`))?.slice(1) ?? [];

/** Looks at a service as it is now. With a jail, its pid files may also be there. */
export async function observe(unit: string, jail?: string): Promise<Behaviour> {
  const pids = await processesOf(unit);
  const places = ['/run', ...(jail === undefined ? [] : [`${jail}/run`])];
  return {
    sockets: new Set(socketsOf(pids)),
    users: new Set(pids.flatMap(userOf)),
    pidFiles: new Set(places.flatMap((place) => runFiles(place, pids).pidFiles)),
  };
}
