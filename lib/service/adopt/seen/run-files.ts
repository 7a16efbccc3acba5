// The pid files and sockets that a service has made in /run, of the host or of its jail.
import { type Dirent, readdirSync } from 'node:fs';

import { ifReadable, readEnd } from '../host-file.ts';

export interface RunFiles {
  /** Paths as the service sees them, such as `/run/web.pid`. */
  readonly pidFiles: readonly string[];
  readonly sockets: readonly string[];
}

// Of systemd, udev and the users who are logged in; and what they mount there.
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
