// The pid files and sockets that a service has made in /run, of the host or of its jail.
import { closeSync, constants, type Dirent, fstatSync, openSync, readdirSync, readSync } from 'node:fs';

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

// What cannot be read is no pid file: another program may remove it meanwhile, root may not enter each mount (EACCES), and reading a file
// of a kernel's file system can fail in any way.
const shortages = new Set(['EMFILE', 'ENFILE', 'ENOMEM']);

function ifReadable<T>(use: () => T): T | undefined {
  try {
    return use();
  } catch (error) {
    const { code = '', syscall } = error as NodeJS.ErrnoException;
    if (syscall !== undefined && !shortages.has(code)) return undefined;
    throw error;
  }
}

// The number in a short file. No link is followed: a service can put anything into its jail.
function pidIn(path: string): number | undefined {
  const fd = ifReadable(() =>
    openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK),
  );
  if (fd === undefined) return undefined;
  try {
    const status = fstatSync(fd);
    if (!status.isFile() || status.size > mostPidBytes) return undefined;
    const bytes = Buffer.alloc(mostPidBytes);
    const count = ifReadable(() => readSync(fd, bytes, 0, mostPidBytes, 0));
    const text = bytes.toString('latin1', 0, count ?? 0);
    return /^\s*\d+\s*$/.test(text) ? Number(text) : undefined;
  } finally {
    closeSync(fd);
  }
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
