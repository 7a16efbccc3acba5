// What is mounted at a directory, around it, in it and out of it. Pure.

import type { BytePath } from '../../binary/path.ts';
import type { Mount } from './mountinfo.ts';

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

/** What is mounted in a directory, not on it. */
export function mountsIn(mounts: readonly Mount[], directory: BytePath): readonly Mount[] {
  return mounts.filter(({ point }) => point !== directory && isWithin(point, directory));
}

/** Where something lies that is mounted in a directory, as that sees it. */
export function pointIn({ point }: Mount, directory: BytePath): BytePath {
  return (directory === '/' ? point : point.slice(directory.length)) as BytePath;
}

/** Whether what is mounted in a directory is to be seen outside of it as well: then it is the host's. */
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
