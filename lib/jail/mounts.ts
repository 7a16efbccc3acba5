// What is mounted, as /proc/PID/mountinfo tells it (proc_pid_mountinfo(5)).

import type { BytePath } from '../binary/path.ts';

export interface Mount {
  /** MAJOR:MINOR of the file system. */
  readonly device: string;
  /** The directory of the file system that is mounted: `/`, or another one in a bind mount. */
  readonly root: BytePath;
  /** Where. */
  readonly point: BytePath;
}

/** The mounts in a mountinfo file, in its order; lines that are none are left out. */
export function parseMountInfo(text: BytePath): readonly Mount[] {
  return text.split('\n').flatMap((line) => {
    const [, , device, root, point] = line.split(' ');
    if (device === undefined || root === undefined || point === undefined) return [];
    return [{ device, root: unescape(root), point: unescape(point) }];
  });
}

// space, tab, newline and backslash
function unescape(field: string): BytePath {
  return field.replace(/\\([0-7]{3})/g, (_, octal: string) =>
    String.fromCharCode(Number.parseInt(octal, 8)),
  ) as BytePath;
}

/** The first mount on `directory` or in it, or elsewhere of something that lies in it. */
export function findMount(mounts: readonly Mount[], directory: BytePath): Mount | undefined {
  const inside = mounts.find(({ point }) => isWithin(point, directory));
  if (inside !== undefined) return inside;
  // the one that holds it: the innermost, and of those at one point the last
  const holder = mounts
    .filter(({ point }) => isWithin(directory, point))
    .reduce<Mount | undefined>(
      (best, each) => (best === undefined || each.point.length >= best.point.length ? each : best),
      undefined,
    );
  if (holder === undefined) return undefined;
  const below = holder.point === '/' ? directory : directory.slice(holder.point.length);
  const inFileSystem = (holder.root === '/' ? below : holder.root + below) as BytePath;
  return mounts.find(({ device, root }) => device === holder.device && isWithin(root, inFileSystem));
}

/** Whether a path is `directory` or lies beneath it; both absolute and without links. */
export function isWithin(path: BytePath, directory: BytePath): boolean {
  return directory === '/' || path === directory || path.startsWith(`${directory}/`);
}
