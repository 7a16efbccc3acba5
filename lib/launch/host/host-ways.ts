// The directories of the host through which a path leads. Whoever can write to one of them decides what is at the path.
import { pathBytes, trimSlashes, type BytePath } from '../../tree/path.ts';
import { native, type HostFacts, type HostQuery } from '../../native.ts';
import type { Way } from '../../trust/way.ts';

/** The question to the host for the way to an entry. */
export const queryOf = (path: BytePath): HostQuery => ({ jail: pathBytes(trimSlashes(path)), isEntry: true });

/**
 * The way in the host's answer. If the path does not exist, the way ends at the directory that lacks the next entry. Whoever can write
 * there can make that entry, even if the directory is sticky.
 */
export function wayIn({ components, jailFd }: HostFacts): Way {
  if (jailFd < 0) return { components, isHostRoot: false };
  native.closeJail(jailFd);
  return { components, isHostRoot: false, endsInEntry: true };
}

/** The way to an entry of any kind, with the links on it. `endsInEntry`: the entry exists. */
export const wayTo = (path: BytePath): Way => wayIn(native.readHostSync(queryOf(path)));

/** The ways of paths, by path. */
export type Ways = ReadonlyMap<BytePath, Way>;

/** The ways to entries. */
export const waysTo = (paths: readonly BytePath[]): Ways => new Map(paths.map((path) => [path, wayTo(path)]));
