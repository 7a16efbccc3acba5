// What belongs into a jail for some programs, and why: pure, on whatever root the programs are taken from.

import type { CacheEntry } from '../binary/cache.ts';
import { type Closure, type MissingFile, openResolver } from '../binary/closure.ts';
import { BASELINE, type Cpu } from '../binary/cpu.ts';
import { type BytePath, parentPath } from '../binary/path.ts';
import type { FileRoot } from '../binary/root.ts';
import { walk } from '../binary/walk.ts';
import { cacheEntriesOf } from './cache.ts';
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
  /** Libraries that only /etc/ld.so.cache leads to in a jail. */
  readonly cacheEntries: readonly CacheEntry[];
  /** The byte order of that cache: that of the programs. */
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
  const collection = openCollection(root);
  for (const path of mergedDirectories) if (root.lstat(path)?.kind === 'symlink') collection.addPath(path);
  for (const entry of baseEntries) collection.add(entry);

  const baseline = openResolver(root, { cpu: BASELINE, hasProc: true });
  const best = openResolver(root, { cpu, hasProc: true });
  const closures = programs.map((program) => best.resolve(program));
  const portable = programs.map((program) => baseline.resolve(program));
  for (const closure of [...portable, ...closures]) addClosure(collection, closure);
  return {
    entries: collection.entries(),
    cacheEntries: cacheEntriesOf(root, portable),
    endian: closures.flatMap(({ files }) => files).find(({ elf }) => elf)?.elf?.endian ?? 'little',
    missing: closures.flatMap(({ missing }) => missing),
  };
}

function addClosure(collection: Collection, { files, loader }: Closure): void {
  for (const { path } of files) collection.addPath(path);
  // that of glibc is the cache, which the jail gets one of its own of
  if (loader?.kind === 'musl') for (const path of loader.configuration) collection.addPath(path);
}

interface Collection {
  add(entry: Entry): void;
  /** What lies at the path, every link on the way, and the directories of all that. */
  addPath(path: BytePath): void;
  entries(): readonly Entry[];
}

function openCollection(root: FileRoot): Collection {
  const entries = new Map<BytePath, Entry>();

  function add(entry: Entry): void {
    if (entries.has(entry.path) || entry.path === '/') return;
    addDirectory(parentPath(entry.path));
    entries.set(entry.path, entry);
  }
  function addDirectory(path: BytePath): void {
    add({ kind: 'directory', path, mode: 0o755 });
  }
  function addPath(path: BytePath): void {
    const way = walk(root, path);
    for (const directory of way.passed) addDirectory(directory);
    for (const link of way.links) add({ kind: 'link', ...link });
    if (way.kind !== 'found') return;
    if (way.status.kind === 'directory') addDirectory(way.path);
    else add({ kind: 'file', path: way.path, sizeBytes: way.status.sizeBytes });
  }
  return { add, addPath, entries: () => [...entries.values()] };
}
