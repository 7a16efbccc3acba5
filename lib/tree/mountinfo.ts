// Reads the mount table of a process. Pure.

import { type BytePath, isWithin, toLatin1 } from './path.ts';

/** A line of /proc/PID/mountinfo (proc_pid_mountinfo(5)). */
export interface Mount {
  readonly id: number;
  /** MAJOR:MINOR of its file system: mounts of one device show the same files. */
  readonly device: string;
  /** The directory of the file system that is mounted; `/` unless a part of it is bind-mounted. */
  readonly root: BytePath;
  readonly point: BytePath;
  /** Options of the mount and of its file system: `ro`, `nosuid`, `hidepid=2`. */
  readonly options: ReadonlySet<string>;
  readonly type: string;
  readonly source: string;
}

/** The mounts in file order: a later mount covers an earlier one on the same point. Malformed lines are skipped. */
export function readMounts(mountinfo: Uint8Array): readonly Mount[] {
  return toLatin1(mountinfo).split('\n').flatMap(readLine);
}

function readLine(line: string): readonly Mount[] {
  const words = line.split(' ');
  const dash = words.indexOf('-', 6);
  const [id = '', , device, root, point, options = ''] = words;
  const [type, source = '', ofFileSystem = ''] = words.slice(dash + 1);
  if (dash < 0 || !/^\d+$/.test(id) || !device || !root || !point || !type) return [];
  return [
    {
      id: Number(id),
      device,
      root: unescapeMount(root),
      point: unescapeMount(point),
      options: new Set([...options.split(','), ...ofFileSystem.split(',')]),
      type,
      source,
    },
  ];
}

/** The mount that holds a directory: the innermost one, and the last of those on the same point. */
export function mountOf(mounts: readonly Mount[], directory: BytePath): Mount | undefined {
  const around = mounts.filter(({ point }) => isWithin(directory, point));
  return around.toSorted((a, b) => a.point.length - b.point.length).at(-1);
}

/** A field of /proc/PID/mountinfo: blank, tab, newline and backslash (in some versions also #) are written in octal. */
export function unescapeMount(text: string): BytePath {
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) =>
    String.fromCharCode(Number.parseInt(octal, 8) & 0xff),
  ) as BytePath;
}
