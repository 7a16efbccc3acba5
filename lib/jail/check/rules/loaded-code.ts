// Rules about code that is loaded into programs: from /etc/ld.so.preload, and from the directories that are searched for it.

import { readCache } from '../../../binary/cache.ts';
import { readLdSoConf, readMuslPath, readSmallFile } from '../../../binary/loader-conf.ts';
import { type BytePath, bytePath, joinPath, showPath } from '../../../tree/path.ts';
import { lookOr } from '../../../words/system-error.ts';
import { looseSearchOf } from '../../search/search-warnings.ts';
import { isSearchText } from '../../search/searched-places.ts';
import { errorRule, inGroup, type Rule } from '../check-rule.ts';
import { isData, isOfSystem, isProgram } from '../checked-entry.ts';
import type { CheckedJail } from '../checked-jail.ts';
import { wordsOf } from '../../search/jail-writers.ts';
import { decision, hostPath } from '../remedies.ts';
import { isFoundByItself } from './file-permissions.ts';

export const preload: Rule = errorRule('preload', {
  group: 'escape',
  summary: 'There is an /etc/ld.so.preload that the builder has not made.',
  attack:
    'Every library that it names is loaded into every program of the jail before all others (ld.so(8), FILES). Rootkits do this.',
  covers: ['extra', 'search-path'],
  remedy: '# look at what it names; if nobody knows it: rm FILE',
  lookAt: ({ path, kind, sizeBytes, recorded }) => {
    if (path !== '/etc/ld.so.preload' || recorded !== undefined) return undefined;
    if (kind === 'file' && sizeBytes === 0) return undefined;
    return { message: 'it brings libraries into every program of the jail' };
  },
});

export const loadedCode = inGroup('tamper', [
  errorRule('loader-directory', {
    summary:
      'A directory, library or file that ld.so.conf, ld.so.cache or the path file of musl names can be written, or made, by others than root.',
    attack:
      'Whoever puts a libc.so.6 into it has code in every program that finds it there (ld.so(8), ldconfig(8); CWE-426).',
    remedy: "# make it root's alone, or take it out of the file that names it, and run ldconfig -r JAIL",
    isQuick: true,
    *look(jail) {
      const told = new Set<BytePath>();
      for (const [file, directory] of named(jail)) {
        const loose = jail.looseOn(directory);
        if (loose === undefined || isFoundByItself(loose) || told.has(loose.path)) continue;
        told.add(loose.path);
        yield {
          path: loose.path,
          message: `${showPath(file)} names ${showPath(directory)}; ${wordsOf(loose)}`,
          // it may be /tmp, or a directory in which a service keeps its data
          remedy: decision(`make ${showPath(loose.path)} root's alone, or take it out of ${showPath(file)}`),
        };
      }
    },
  }),
  errorRule('search-path', {
    summary:
      'A program, library, script or configuration file makes a loader or interpreter search a directory that others than root can write, or make.',
    attack:
      'Whoever puts a libc.so.6 or a module there has code in every process that loads it, also in those of other users and of ' +
      'root: RUNPATH, RPATH and $ORIGIN come before the directories of the system, and an empty element is the working directory ' +
      '(ld.so(8), execve(2); CWE-426, CWE-427).',
    remedy:
      "# make the directory root's alone, or take it out of the file that names it; of a program: patchelf --set-rpath PATH FILE",
    lookAt: (entry, jail) => {
      const { path, kind, isElf, isScript, recorded } = entry;
      // the builder can have put root's program below /tmp too
      const isBuilt = recorded !== undefined && !isData(entry);
      if (kind !== 'file' || !(isOfSystem(entry) || isBuilt)) return undefined;
      // the first line of a file that is not executed means nothing
      if (!isElf && !(isScript && isProgram(entry)) && !isSearchText(path)) return undefined;
      const found = looseSearchOf(jail.root, path, (place) => {
        const loose = jail.looseOn(place);
        return loose === undefined || isFoundByItself(loose) ? undefined : loose;
      });
      if (found === undefined) return undefined;
      const named = isElf ? 'its path (patchelf --set-rpath)' : showPath(hostPath(jail, path));
      const what =
        found.loose === undefined
          ? `name an absolute path in ${named}`
          : `make ${showPath(found.loose.path)} root's alone, or take it out of ${named}`;
      return { message: found.message, remedy: decision(what) };
    },
  }),
]);

const CONF = bytePath('/etc/ld.so.conf');
const CACHE = bytePath('/etc/ld.so.cache');
const ETC = bytePath('/etc');
const MAX_CACHE_BYTES = 64 << 20;

/** The files of the loaders, each with the directories, libraries and other files that it names. */
function* named({ root }: CheckedJail): Generator<readonly [file: BytePath, named: BytePath]> {
  const cache = readSmallFile(root, CACHE, MAX_CACHE_BYTES);
  if (cache !== undefined) for (const { path } of readCache(cache).entries) yield [CACHE, path];
  const { directories, included } = readLdSoConf(root);
  for (const place of [...included, ...directories]) yield [CONF, place];
  // a loader ignores a directory that cannot be read, whatever it is
  for (const name of lookOr(undefined, () => root.list(ETC)) ?? []) {
    if (!/^ld-musl-[^/]*\.path$/.test(name)) continue;
    const file = joinPath(ETC, name);
    for (const directory of readMuslPath(root, file)) yield [file, directory];
  }
}
