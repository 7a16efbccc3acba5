// The directories of the host through which a path leads. Whoever can write to one of them decides what is at the path.
import { pathBytes, trimSlashes, type BytePath } from '../../tree/path.ts';
import { native, type PathFacts } from '../../native.ts';
import type { Way } from '../../trust/way.ts';

/** The path of an entry, for a walk to it. */
export const entryBytes = (path: BytePath): Buffer => pathBytes(trimSlashes(path));

/**
 * The way that was walked. If the path does not exist, the way ends at the directory that lacks the next entry. Whoever can write
 * there can make that entry, even if the directory is sticky.
 */
export function wayIn({ components, fd }: PathFacts): Way {
  if (fd < 0) return { components, isHostRoot: false };
  native.closeDescriptor(fd);
  return { components, isHostRoot: false, endsInEntry: true };
}

/** The way to an entry of any kind, with the links on it. `endsInEntry`: the entry exists. */
export const wayTo = (path: BytePath): Way => wayIn(native.walkPathSync(entryBytes(path), true));

/** The ways of paths, by path. */
export type Ways = ReadonlyMap<BytePath, Way>;

/** The ways to entries. */
export const waysTo = (paths: readonly BytePath[]): Ways => new Map(paths.map((path) => [path, wayTo(path)]));
