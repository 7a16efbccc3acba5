// The processes of a service.
import { readdirSync, readFileSync } from 'node:fs';

import { mustRun } from '../host-command.ts';

// ENXIO, EINVAL, EACCES: it has ended, and its parent has not waited for it yet
const ended = new Set(['ENOENT', 'ESRCH', 'ENXIO', 'EINVAL', 'EACCES']);

/** The answer of a call about a process; undefined if the process has ended meanwhile (proc(5)). */
export function unlessEnded<T>(use: () => T): T | undefined {
  try {
    return use();
  } catch (error) {
    if (ended.has((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  }
}

/** What a file of /proc says; empty if its process has ended meanwhile. */
export const readOfProcess = (path: string): string => unlessEnded(() => readFileSync(path, 'latin1')) ?? '';

/** The pids of the processes in the cgroup of a unit, and in those below it. */
export async function processesOf(unit: string): Promise<readonly number[]> {
  const group = (await mustRun('systemctl', ['show', '--value', '-p', 'ControlGroup', unit])).trim();
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
