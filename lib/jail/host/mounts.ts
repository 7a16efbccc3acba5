// Reads the mount table, and finds the mounts on a directory, above it and below it. Pure.

import { type BytePath, toLatin1 } from '../../binary/path.ts';

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
      root: unescape(root),
      point: unescape(point),
      options: new Set([...options.split(','), ...ofFileSystem.split(',')]),
      type,
      source,
    },
  ];
}

// Blank, tab, newline and backslash (in some versions also #) are written in octal.
function unescape(text: string): BytePath {
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) =>
    String.fromCharCode(Number.parseInt(octal, 8) & 0xff),
  ) as BytePath;
}

/** Whether a path is `directory` or is below it; both are absolute and contain no links. */
export function isWithin(path: BytePath, directory: string): boolean {
  return directory === '/' || path === directory || path.startsWith(`${directory}/`);
}

/** The mount that holds a directory: the innermost one, and the last of those on the same point. */
export function mountOf(mounts: readonly Mount[], directory: BytePath): Mount | undefined {
  const around = mounts.filter(({ point }) => isWithin(directory, point));
  return around.toSorted((a, b) => a.point.length - b.point.length).at(-1);
}

/** Mounts below a directory, without a mount on the directory itself. */
export function mountsIn(mounts: readonly Mount[], directory: BytePath): readonly Mount[] {
  return mounts.filter(({ point }) => point !== directory && isWithin(point, directory));
}

/** The mount point as a path below `directory`. */
export function pointIn({ point }: Mount, directory: BytePath): BytePath {
  return (directory === '/' ? point : point.slice(directory.length)) as BytePath;
}

/** Whether the file system of a mount is also mounted outside the directory: then it belongs to the host. */
export function isShared({ device }: Mount, mounts: readonly Mount[], directory: BytePath): boolean {
  return mounts.some(
    ({ device: other, point }) => other === device && (point === directory || !isWithin(point, directory)),
  );
}

/** The first mount on or below `directory`, or a mount elsewhere of a directory that is below it. */
export function findMount(mounts: readonly Mount[], directory: BytePath): Mount | undefined {
  const inside = mounts.find(({ point }) => isWithin(point, directory));
  if (inside !== undefined) return inside;
  const holder = mountOf(mounts, directory);
  if (holder === undefined) return undefined;
  const below = holder.point === '/' ? directory : directory.slice(holder.point.length);
  const inFileSystem = (holder.root === '/' ? below : holder.root + below) as BytePath;
  return mounts.find(({ device, root }) => device === holder.device && isWithin(root, inFileSystem));
}
