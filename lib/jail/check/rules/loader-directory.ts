// Directories of the loader that are not where libraries are.

import { readLdSoConf, readMuslPath } from '../../../binary/conf.ts';
import { type BytePath, bytePath, joinPath, showPath } from '../../../binary/path.ts';
import { errorCode, type FileRoot } from '../../../binary/root.ts';
import type { Found } from '../finding.ts';
import type { CheckedJail } from '../jail.ts';
import { givenToRoot } from '../remedy.ts';
import { hostPath, type Rule } from '../rule.ts';
import { looseOn } from '../way.ts';
import { isSystemPath } from '../zone.ts';

export const loaderDirectory: Rule = {
  id: 'loader-directory',
  group: 'tamper',
  severity: 'error',
  summary:
    'A directory that ld.so.conf or the path file of musl names can be written, or made, by others than root.',
  attack:
    'Whoever puts a libc.so.6 into it has code in every program that finds it there (ld.so(8), ldconfig(8); CWE-426).',
  remedy: 'chown root:root DIRECTORY && chmod go-w DIRECTORY',
  isQuick: true,
  look: function* look(jail): Generator<Found> {
    for (const [file, directory] of named(jail)) {
      const loose = looseOn(jail.root, directory, jail.users);
      // those of the system are told of by writable-directory
      if (loose === undefined || isSystemPath(loose.path)) continue;
      yield {
        path: loose.path,
        message: `${showPath(file)} names ${showPath(directory)}; of ${showPath(loose.path)}: ${loose.how}`,
        remedy: givenToRoot(hostPath(jail, loose.path)).remedy, // what it is else, /tmp perhaps, nobody knows: no fix
      };
    }
  },
};

const CONF = bytePath('/etc/ld.so.conf');
const ETC = bytePath('/etc');

/** The files and the directories that they name. */
function* named({ root }: CheckedJail): Generator<readonly [file: BytePath, directory: BytePath]> {
  for (const directory of readLdSoConf(root)) yield [CONF, directory];
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
