// Programs that look for code where somebody can put some.

import { isSearchText } from '../../search/searched-by-text.ts';
import { looseSearchOf } from '../../search/search-warnings.ts';
import { decision } from '../command.ts';
import { isProgram } from '../entry.ts';
import { showPath } from '../../../binary/path.ts';
import type { Rule } from '../rule.ts';
import { isToldOf } from './writable-target.ts';

export const searchPath: Rule = {
  id: 'search-path',
  group: 'tamper',
  severity: 'error',
  summary:
    'A program, library, script or file of configuration has its loader, its interpreter, libraries, modules or more configuration looked for in a directory that others than root can write, or make.',
  attack:
    'Whoever puts a libc.so.6 or a module there has code in every process that loads it, those of other users and of root ' +
    'included: RUNPATH, RPATH and $ORIGIN come before the directories of the system, an empty element is the working directory ' +
    '(ld.so(8), execve(2); CWE-426, CWE-427).',
  remedy:
    "# make the directory root's alone, or build the program without that path: patchelf --set-rpath PATH FILE",
  lookAt: (entry, jail) => {
    const { path, kind, zone, isElf, isScript } = entry;
    if (kind !== 'file' || (zone !== 'system' && zone !== 'extra')) return undefined;
    // of what is not executed the first line means nothing
    if (!isElf && !(isScript && isProgram(entry)) && !isSearchText(path)) return undefined;
    const found = looseSearchOf(jail.root, path, (place) => {
      const loose = jail.looseOn(place);
      return loose === undefined || isToldOf(loose) ? undefined : loose;
    });
    if (found === undefined) return undefined;
    return {
      path,
      message: found.message,
      remedy: decision(
        found.loose === undefined
          ? 'name an absolute path in it (patchelf --set-rpath)'
          : `make ${showPath(found.loose.path)} root's alone, or take it out of the path (patchelf --set-rpath)`,
      ),
    };
  },
};
