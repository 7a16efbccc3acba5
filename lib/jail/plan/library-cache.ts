// The ld.so.cache of a jail: for libraries that the loader would not find there without one.

import { type CacheEntry, writeCache } from '../../binary/cache.ts';
import type { Closure, NeededFile } from '../../binary/closure.ts';
import { type Loader, searchedDirectory } from '../../binary/loader.ts';
import { cacheFlags } from '../../binary/machine.ts';
import { type BytePath, bytePath, joinPath } from '../../binary/path.ts';
import type { FileRoot } from '../../binary/root.ts';
import { walk } from '../../binary/walk.ts';
export const CACHE_PATH: BytePath = bytePath('/etc/ld.so.cache');

/**
 * What a cache has to hold for these closures, of every processor. A jail whose libraries all lie in the directories of the
 * loader gets none: without one the loader searches those.
 */
export function cacheEntriesOf(root: FileRoot, closures: readonly Closure[]): readonly CacheEntry[] {
  const entries = new Map<string, CacheEntry>();
  for (const { files, loader } of closures) {
    if (loader?.kind !== 'glibc') continue;
    for (const file of files) {
      const { elf, as: name, path } = file;
      if (elf === undefined || name === undefined || !isOnlyByCache(file, loader)) continue;
      const key = `${cacheFlags(elf)} ${name}`;
      // A program's own library must not take the place of one that all others find under that name.
      if (file.needsProc === true && (entries.has(key) || isInSystem(root, name, loader))) continue;
      entries.set(key, { name, path, flags: cacheFlags(elf) });
    }
  }
  return [...entries.values()];
}

/**
 * True for a library outside the directories that the loader searches by itself, or found by $ORIGIN of the program, which the
 * loader does not know in a jail without /proc. Moving it would change what $ORIGIN means to it and shadow others, so it stays
 * where it is. The cache is not the host's: that names every library of the host and is another one after each ldconfig.
 */
function isOnlyByCache({ path, foundBy, needsProc }: NeededFile, loader: Loader): boolean {
  if (foundBy === 'path') return false; // no name that the cache is asked for
  if (foundBy === 'cache' || foundBy === 'conf')
    return !loader.systemDirectories.includes(searchedDirectory(path));
  return needsProc === true;
}

function isInSystem(root: FileRoot, name: BytePath, loader: Loader): boolean {
  return loader.systemDirectories.some((directory) => walk(root, joinPath(directory, name)).kind === 'found');
}

/** The cache for a jail that may have one already: undefined if what it has is enough. */
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

function isSame(a: CacheEntry, b: CacheEntry): boolean {
  return a.name === b.name && a.flags === b.flags;
}
