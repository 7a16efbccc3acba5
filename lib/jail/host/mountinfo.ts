// Reads what is mounted, as the kernel tells it. Pure.

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
