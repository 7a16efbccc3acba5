// What belongs into a jail for some programs, and why: pure, on whatever root the programs are taken from.

import { type CacheEntry, writeCache } from '../binary/cache.ts';
import { type MissingFile, type NeededFile, openResolver } from '../binary/closure.ts';
import { BASELINE, type Cpu } from '../binary/cpu.ts';
import type { Loader } from '../binary/loader.ts';
import { cacheFlags } from '../binary/machine.ts';
import { type BytePath, bytePath, parentPath } from '../binary/path.ts';
import type { FileRoot } from '../binary/root.ts';
import { walk } from '../binary/walk.ts';
import { baseEntries, mergedDirectories } from './layout.ts';

/** One thing to be in the jail. Paths are the same in the jail as in the root it is built from. */
export type Entry =
  | { readonly kind: 'directory'; readonly path: BytePath; readonly mode: number }
  | { readonly kind: 'link'; readonly path: BytePath; readonly target: BytePath }
  | { readonly kind: 'file'; readonly path: BytePath; readonly sizeBytes: number }
  | {
      readonly kind: 'device';
      readonly path: BytePath;
      readonly mode: number;
      readonly major: number;
      readonly minor: number;
    };

export interface JailPlan {
  /** A directory before what lies in it, each path once. */
  readonly entries: readonly Entry[];
  /** Libraries that only /etc/ld.so.cache leads to. */
  readonly cacheEntries: readonly CacheEntry[];
  readonly endian: 'little' | 'big';
  /** Files without which a program cannot start; nothing should be built then. */
  readonly missing: readonly MissingFile[];
}

/**
 * Plans a jail with these programs: themselves, their `#!` interpreters, loaders and libraries, each with every symbolic
 * link that leads to it, and what each jail has. For libraries the answer is that of every processor and that of `cpu`
 * together: a jail built on a new machine works on an old one.
 * @throws system errors of the root, such as EIO.
 */
export function planJail(root: FileRoot, programs: readonly BytePath[], cpu: Cpu): JailPlan {
  const entries = new Map<BytePath, Entry>();
  const cacheEntries = new Map<BytePath, CacheEntry>();
  const missing: MissingFile[] = [];
  let endian: 'little' | 'big' = 'little';

  function add(entry: Entry): void {
    if (entries.has(entry.path) || entry.path === '/') return;
    addDirectory(parentPath(entry.path));
    entries.set(entry.path, entry);
  }
  function addDirectory(path: BytePath): void {
    add({ kind: 'directory', path, mode: 0o755 });
  }
  // Follows the path through the root and takes over what it meets: links as links, the end as what it is.
  function addPath(path: BytePath): void {
    const way = walk(root, path);
    for (const directory of way.passed) addDirectory(directory);
    for (const link of way.links) add({ kind: 'link', ...link });
    if (way.kind !== 'found') return;
    if (way.status.kind === 'directory') addDirectory(way.path);
    else add({ kind: 'file', path: way.path, sizeBytes: way.status.sizeBytes });
  }

  for (const path of mergedDirectories) if (root.lstat(path)?.kind === 'symlink') addPath(path);
  for (const entry of baseEntries) add(entry);

  const resolvers = [
    openResolver(root, BASELINE),
    ...(cpu.hwcaps.length > 0 ? [openResolver(root, cpu)] : []),
  ];
  for (const program of programs) {
    for (const resolver of resolvers) {
      const closure = resolver.resolve(program);
      if (resolver === resolvers.at(-1)) missing.push(...closure.missing);
      for (const file of closure.files) {
        const { elf, as } = file;
        const viaCache = closure.loader !== undefined && onlyByCache(file, closure.loader);
        // The cache of the jail lists what suits every processor, so that another build would not be found.
        if (viaCache && file.path.includes('/glibc-hwcaps/')) continue;
        addPath(file.path);
        if (!viaCache || elf === undefined || as === undefined) continue;
        endian = elf.endian;
        const entry = { name: as, path: file.path, flags: cacheFlags(elf) };
        cacheEntries.set(bytePath(`${entry.flags} ${as}`), entry);
      }
      if (closure.loader?.kind === 'musl') for (const path of closure.loader.configuration) addPath(path);
    }
  }
  return { entries: [...entries.values()], cacheEntries: [...cacheEntries.values()], endian, missing };
}

/**
 * True for a library outside the directories that the loader searches by itself. Moving it there would change what
 * $ORIGIN means to it and shadow others, so it stays where it is and the jail gets a cache. Not the host's: that names every
 * library of the host, is another one after each ldconfig, and may name files that the jail holds in another place.
 */
function onlyByCache(file: NeededFile, loader: Loader): boolean {
  if (file.foundBy !== 'cache' && file.foundBy !== 'conf') return false;
  return !loader.systemDirectories.some(
    (directory) => parentPath(file.path) === directory || file.path.startsWith(`${directory}/glibc-hwcaps/`),
  );
}

export const CACHE_PATH: BytePath = bytePath('/etc/ld.so.cache');

/** The cache for a jail that may have one already: undefined if what it has is enough. */
export function cacheFor(plan: JailPlan, existing: readonly CacheEntry[]): Buffer | undefined {
  const isListed = (entry: CacheEntry) =>
    existing.some(
      ({ name, path, flags, hwcap }) =>
        hwcap === undefined && name === entry.name && path === entry.path && flags === entry.flags,
    );
  if (plan.cacheEntries.every(isListed)) return undefined;
  const kept = existing.filter(
    (old) => !plan.cacheEntries.some(({ name, flags }) => old.name === name && old.flags === flags),
  );
  return writeCache([...plan.cacheEntries, ...kept], plan.endian);
}
