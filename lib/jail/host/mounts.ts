// Reads what is mounted, and says what is mounted at a directory, around it, in it and out of it. Pure.

import { type BytePath, toLatin1 } from '../../binary/path.ts';
/** A line of /proc/PID/mountinfo (proc_pid_mountinfo(5)). */
export interface Mount {
  readonly id: number;
  /** MAJOR:MINOR of its file system: two mounts with the same one show the same files. */
  readonly device: string;
  /** The directory of the file system that is mounted: not `/` for a bind mount of a part. */
  readonly root: BytePath;
  readonly point: BytePath;
  /** Of the mount and of its file system: `ro`, `nosuid`, `hidepid=2`. */
  readonly options: ReadonlySet<string>;
  readonly type: string;
  readonly source: string;
}

/** The lines in order: a later mount on the same point covers an earlier one. A line of another form is left out. */
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

// Blank, tab, newline and backslash (and # in some versions) are in octal.
function unescape(text: string): BytePath {
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) =>
    String.fromCharCode(Number.parseInt(octal, 8) & 0xff),
  ) as BytePath;
}

/** Whether a path is `directory` or lies beneath it; both absolute and without links. */
export function isWithin(path: BytePath, directory: BytePath): boolean {
  return directory === '/' || path === directory || path.startsWith(`${directory}/`);
}

/** The mount that a directory lies on: the innermost, and of those at one point the last. */
export function mountOf(mounts: readonly Mount[], directory: BytePath): Mount | undefined {
  return mounts
    .filter(({ point }) => isWithin(directory, point))
    .reduce<Mount | undefined>(
      (best, each) => (best === undefined || each.point.length >= best.point.length ? each : best),
      undefined,
    );
}

/** Mounts below a directory, without a mount on the directory itself. */
export function mountsIn(mounts: readonly Mount[], directory: BytePath): readonly Mount[] {
  return mounts.filter(({ point }) => point !== directory && isWithin(point, directory));
}

/** Where something lies that is mounted in a directory, as that sees it. */
export function pointIn({ point }: Mount, directory: BytePath): BytePath {
  return (directory === '/' ? point : point.slice(directory.length)) as BytePath;
}

/** Whether a mount below a directory is also visible outside of it: then it belongs to the host. */
export function isShared({ device }: Mount, mounts: readonly Mount[], directory: BytePath): boolean {
  return mounts.some(
    ({ device: other, point }) => other === device && (point === directory || !isWithin(point, directory)),
  );
}

/** The first mount on `directory` or in it, or elsewhere of something that lies in it. */
export function findMount(mounts: readonly Mount[], directory: BytePath): Mount | undefined {
  const inside = mounts.find(({ point }) => isWithin(point, directory));
  if (inside !== undefined) return inside;
  const holder = mountOf(mounts, directory);
  if (holder === undefined) return undefined;
  const below = holder.point === '/' ? directory : directory.slice(holder.point.length);
  const inFileSystem = (holder.root === '/' ? below : holder.root + below) as BytePath;
  return mounts.find(({ device, root }) => device === holder.device && isWithin(root, inFileSystem));
}
