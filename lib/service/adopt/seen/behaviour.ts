// What others see of a service that runs: its listening sockets, and the users of its processes.
import { readdirSync, readlinkSync } from 'node:fs';

import { listeningSockets, socketTables } from './listening-sockets.ts';
import { runFiles } from './run-files.ts';
import { processesOf, readOfProcess, unlessEnded } from './unit-processes.ts';

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
