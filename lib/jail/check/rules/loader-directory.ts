// Directories of the loader that are not where libraries are.

import { readCache } from '../../../binary/cache.ts';
import { readLdSoConf, readMuslPath, readSmallFile } from '../../../binary/loader-conf.ts';
import { type BytePath, bytePath, joinPath, showPath } from '../../../binary/path.ts';
import { errorCode, type FileRoot } from '../../../binary/root.ts';
import { decision } from '../command.ts';
import type { Found } from '../finding.ts';
import type { CheckedJail } from '../jail.ts';
import type { Rule } from '../rule.ts';
import { isToldOf } from './writable-target.ts';

export const loaderDirectory: Rule = {
  id: 'loader-directory',
  group: 'tamper',
  severity: 'error',
  summary:
    'A directory, library or file that ld.so.conf, ld.so.cache or the path file of musl names can be written, or made, by others than root.',
  attack:
    'Whoever puts a libc.so.6 into it has code in every program that finds it there (ld.so(8), ldconfig(8); CWE-426).',
  remedy: "# make it root's alone, or take it out of the file that names it, and run ldconfig -r JAIL",
  isQuick: true,
  look: function* look(jail): Generator<Found> {
    const told = new Set<BytePath>();
    for (const [file, directory] of named(jail)) {
      const loose = jail.looseOn(directory);
      if (loose === undefined || isToldOf(loose) || told.has(loose.path)) continue;
      told.add(loose.path);
      yield {
        path: loose.path,
        message: `${showPath(file)} names ${showPath(directory)}; of ${showPath(loose.path)}: ${loose.how}`,
        // it may be /tmp, or where a service keeps its data
        remedy: decision(`make ${showPath(loose.path)} root's alone, or take it out of ${showPath(file)}`),
      };
    }
  },
};

const CONF = bytePath('/etc/ld.so.conf');
const CACHE = bytePath('/etc/ld.so.cache');
const ETC = bytePath('/etc');
const MAX_CACHE_BYTES = 64 << 20;

/** The files, and the directories, libraries and other files that they name. */
function* named({ root }: CheckedJail): Generator<readonly [file: BytePath, named: BytePath]> {
  const cache = readSmallFile(root, CACHE, MAX_CACHE_BYTES);
  if (cache !== undefined) for (const { path } of readCache(cache).entries) yield [CACHE, path];
  const { directories, included } = readLdSoConf(root);
  for (const place of [...included, ...directories]) yield [CONF, place];
  for (const name of listOf(root)) {
    if (!/^ld-musl-[^/]*\.path$/.test(name)) continue;
    const file = joinPath(ETC, name);
    for (const directory of readMuslPath(root, file)) yield [file, directory];
  }
}

// Whatever the jail has there: the loader takes it or leaves it.
function listOf(root: FileRoot): readonly BytePath[] {
  try {
    return root.list(ETC) ?? [];
  } catch (error) {
    if (errorCode(error) === undefined) throw error;
    return [];
  }
}
