// The ld.so.cache of a jail, for libraries that its loader would not find otherwise.

import { type CacheEntry, writeCache } from '../../binary/cache.ts';
import type { Closure, NeededFile } from '../../binary/closure.ts';
import { type Loader, searchedDirectory } from '../../binary/loader.ts';
import { cacheFlags } from '../../binary/machine.ts';
import { type BytePath, bytePath, joinPath } from '../../tree/path.ts';
import type { FileRoot } from '../../tree/root.ts';
import { walk } from '../../tree/walk.ts';

export const CACHE_PATH: BytePath = bytePath('/etc/ld.so.cache');

/**
 * The entries that a cache needs for these closures, resolved for every processor. There are none if all libraries are in
 * the loader's own directories.
 */
export function cacheEntriesOf(root: FileRoot, closures: readonly Closure[]): readonly CacheEntry[] {
  const entries = new Map<string, CacheEntry>();
  for (const { files, loader } of closures) {
    if (loader?.kind !== 'glibc') continue;
    for (const file of files) {
      const { elf, as: name, path } = file;
      if (elf === undefined || name === undefined || !isOnlyByCache(file, loader)) continue;
      const key = `${cacheFlags(elf)} ${name}`;
      // A program's private library must not hide the library of that name for all other programs.
      if (file.needsProc === true && (entries.has(key) || isInSystem(root, name, loader))) continue;
      entries.set(key, { name, path, flags: cacheFlags(elf) });
    }
  }
  return [...entries.values()];
}

/**
 * True for a library outside the loader's own directories, or found by $ORIGIN of the program, which the loader does not
 * know in a jail without /proc. The library is not moved: that would change its own $ORIGIN, and it could hide others. The
 * host's cache is not copied: it names every library of the host, and each ldconfig changes it.
 */
function isOnlyByCache({ path, foundBy, needsProc }: NeededFile, loader: Loader): boolean {
  if (foundBy === 'path') return false; // the loader does not look a path up in the cache
  if (foundBy === 'cache' || foundBy === 'conf')
    return !loader.systemDirectories.includes(searchedDirectory(path));
  return needsProc === true;
}

function isInSystem(root: FileRoot, name: BytePath, loader: Loader): boolean {
  return loader.systemDirectories.some((directory) => walk(root, joinPath(directory, name)).kind === 'found');
}

/** The new cache of a jail; undefined if the existing entries are sufficient. */
export function cacheFor(
  needed: readonly CacheEntry[],
  endian: 'little' | 'big',
  existing: readonly CacheEntry[],
): Buffer | undefined {
  const isListed = (entry: CacheEntry) =>
    existing.some((old) => old.hwcap === undefined && isSame(old, entry) && old.path === entry.path);
  if (needed.every(isListed)) return undefined;
  const kept = existing.filter((old) => !needed.some((entry) => isSame(old, entry)));
  return writeCache([...needed, ...kept], endian);
}

const isSame = (a: CacheEntry, b: CacheEntry): boolean => a.name === b.name && a.flags === b.flags;
