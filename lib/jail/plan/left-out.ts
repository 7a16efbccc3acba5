// The paths that --without leaves out of a jail.

import { type BytePath, parentPath } from '../../tree/path.ts';
import type { FileRoot } from '../../tree/root.ts';
import { resolveLinks } from '../../tree/walk.ts';

export function openWithout(root: FileRoot, paths: readonly BytePath[]) {
  // the given path and its target both map to the given path
  const given = new Map(
    paths.flatMap((path) => [[path, path] as const, [resolveLinks(root, path), path] as const]),
  );
  const used = new Set<BytePath>();
  const copies = new Set<BytePath>();
  return {
    /**
     * True for one of the paths, for its target if it is a link, and for everything below; but not for a copy that was named, which
     * lies deeper than the path.
     */
    covers: (path: BytePath, isCopy: boolean): boolean => {
      if (given.size === 0) return false;
      for (let at = path; at !== '/'; at = parentPath(at)) {
        const name = given.get(at);
        if (name !== undefined) {
          used.add(name);
          return true;
        }
        if (isCopy && copies.has(at)) return false;
      }
      return false;
    },
    /** Names the place of a copy in the jail. */
    addCopy: (path: BytePath): void => void copies.add(path),
    /** The given paths that covered nothing so far. */
    unused: () => paths.filter((path) => !used.has(path)),
  };
}
