// Finds the mounts on a directory, above it and below it. Pure.

import { mountOf, type Mount } from '../../tree/mountinfo.ts';
import { type BytePath, isWithin } from '../../tree/path.ts';

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
