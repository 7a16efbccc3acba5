// A root that notes what is looked at, so that a later run can tell whether all of that is unchanged.

import { errorCode } from '../words/system-error.ts';
import type { BytePath } from './path.ts';
import { type FileRoot, type FileStatus, openFileLines, readHeads } from './root.ts';

/** Errors that last as long as the file is the same. */
const LASTING: ReadonlySet<unknown> = new Set(['EISDIR', 'EINVAL', 'ELOOP', 'ENOTDIR', 'ENAMETOOLONG']);

/** The paths of which the status was taken, and those that were read. */
export type Notes = ReturnType<typeof noteReads>;

export function noteReads(root: FileRoot) {
  const [looked, read] = [new Set<BytePath>(), new Set<BytePath>()];
  let isCertain = true;
  function watch<T>(look: () => T): T {
    try {
      return look();
    } catch (error) {
      isCertain &&= LASTING.has(errorCode(error));
      throw error;
    }
  }
  const noting: FileRoot = {
    lstat: (path) => {
      looked.add(path);
      return watch(() => statusOf(root.lstat(path)));
    },
    list: (path) => {
      read.add(path);
      return watch(() => root.list(path));
    },
    open: (path) => {
      read.add(path);
      const file = watch(() => root.open(path));
      return file && { ...file, read: (...range) => watch(() => file.read(...range)) };
    },
    readHeads: (paths, maxBytes) => {
      const heads = readHeads(root, paths, maxBytes);
      for (const [index, path] of paths.entries()) {
        read.add(path);
        // a file that cannot be read now may be readable later
        isCertain &&= heads[index] !== undefined || root.lstat(path) === undefined;
      }
      return heads;
    },
    // a file that cannot be read is set aside, and so opened by itself
    openFileLines: (paths, special) => {
      for (const path of paths) read.add(path);
      return openFileLines(root, paths, special);
    },
  };
  return { looked, read, root: noting, isCertain: () => isCertain };
}

// A directory's size and times change with each file in it. The planner must not see anything that its stamp does not hold. It
// may use the access control list only of a directory that it reads, as it does for a copy.
function statusOf(status: FileStatus | undefined): FileStatus | undefined {
  if (status?.kind !== 'directory') return status;
  return { ...status, sizeBytes: 0, mtimeMs: 0 };
}
