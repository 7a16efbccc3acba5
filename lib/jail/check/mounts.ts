// What is mounted at a jail, around it and in it (proc_pid_mountinfo(5)).

import { type BytePath, bytePath } from '../../binary/path.ts';

export interface Mount {
  /** Of its file system: two mounts with the same one show the same files. */
  readonly device: string;
  /** The directory of the file system that is mounted: not `/` for a bind mount of a part. */
  readonly root: BytePath;
  readonly point: BytePath;
  /** Of the mount and of the file system: `ro`, `nosuid`, `hidepid=2`. */
  readonly options: ReadonlySet<string>;
  readonly type: string;
  readonly source: string;
}

/** The lines of /proc/PID/mountinfo, in order: a later mount on the same point covers an earlier one. */
export function parseMounts(mountinfo: Uint8Array): readonly Mount[] {
  return bytePath(mountinfo)
    .split('\n')
    .flatMap((line) => {
      const words = line.split(' ');
      const dash = words.indexOf('-', 6);
      const [, , device, root, point, options] = words;
      const [type, source, superOptions = ''] = words.slice(dash + 1);
      if (dash < 0 || device === undefined || root === undefined || point === undefined || type === undefined)
        return [];
      return [
        {
          device,
          root: unescape(root),
          point: unescape(point),
          options: new Set([...(options ?? '').split(','), ...superOptions.split(',')]),
          type,
          source: source ?? '',
        },
      ];
    });
}

// Blanks, line ends and backslashes are octal.
function unescape(text: string): BytePath {
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) =>
    String.fromCharCode(Number.parseInt(octal, 8)),
  ) as BytePath;
}

function isBeneath(path: string, directory: string): boolean {
  return path.startsWith(directory === '/' ? '/' : `${directory}/`);
}

/** The mount that a directory lies on. */
export function mountOf(mounts: readonly Mount[], directory: BytePath): Mount | undefined {
  let found: Mount | undefined;
  for (const mount of mounts) {
    const isOver = mount.point === directory || isBeneath(directory, mount.point);
    if (isOver && (found === undefined || mount.point.length >= found.point.length)) found = mount;
  }
  return found;
}

/** What is mounted in a directory, not on it. */
export function mountsIn(mounts: readonly Mount[], directory: BytePath): readonly Mount[] {
  return mounts.filter(({ point }) => point !== directory && isBeneath(point, directory));
}

/** Whether what is mounted in a directory is to be seen outside of it as well: then it is the host's. */
export function isShared({ device }: Mount, mounts: readonly Mount[], directory: BytePath): boolean {
  return mounts.some((mount) => mount.device === device && !isBeneath(mount.point, directory));
}

/** Where something lies that is mounted in a directory, as that sees it. */
export function pointIn({ point }: Mount, directory: BytePath): BytePath {
  return (directory === '/' ? point : point.slice(directory.length)) as BytePath;
}
