// Paths that are to be left out of a jail.

import { type BytePath, parentPath } from '../../binary/path.ts';
import type { FileRoot } from '../../binary/root.ts';
import { walk } from '../../binary/walk.ts';

export interface Without {
  /** True for one of the paths, where it leads if it is a link, and what lies below. */
  covers(path: BytePath): boolean;
  /** Those that have covered nothing yet. */
  unused(): readonly BytePath[];
}

export function openWithout(root: FileRoot, paths: readonly BytePath[]): Without {
  // of a name and of what it leads to, the name that was given
  const given = new Map(
    paths.flatMap((path) => [[path, path] as const, [walk(root, path).path, path] as const]),
  );
  const used = new Set<BytePath>();
  return {
    covers: (path) => {
      if (given.size === 0) return false;
      for (let at = path; at !== '/'; at = parentPath(at)) {
        const name = given.get(at);
        if (name === undefined) continue;
        used.add(name);
        return true;
      }
      return false;
    },
    unused: () => paths.filter((path) => !used.has(path)),
  };
}
