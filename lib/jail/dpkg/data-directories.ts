// The directories whose names in a program show that it reads the data of a package.

import { type BytePath, parentPath } from '../../tree/path.ts';
import { ownDirectory, type Work } from './choice-state.ts';
import type { Package } from './database.ts';

/** The topmost directory of a file that is only its package's, and the one it is in, if that has a purpose of its own. */
export function directoriesOf({ packages }: Work, path: BytePath, pkg: Package): readonly BytePath[] {
  const own = ownDirectory(path, (at) => packages.owner(at) === pkg);
  const directory = parentPath(path);
  const isForPurpose = /^\/usr\/share\/(?!perl5\/|nodejs\/)[^/]+\/./.test(directory);
  return [...(own === undefined ? [] : [own]), ...(isForPurpose ? [directory] : [])];
}

// Many packages name these without reading all that others have put there.
const OF_ALL =
  /^\/usr\/share\/(?:X11|applications|color|dict|fonts|icons|java|mime|misc|nodejs|perl5|pixmaps|python3?|sgml|themes|xml|zoneinfo)$/;

/**
 * The directories below /usr/share that a package of data fills together with others: texmf.cnf of TeX names /usr/share/texmf, and
 * lmodern has its fonts there.
 */
export function sharedDirectories({ reader }: Work, to: Package): readonly BytePath[] {
  if (reader.programs(to).length > 0) return [];
  const found = new Set(
    reader.contents(to).data.flatMap((path) => /^\/usr\/share\/[^/]+(?=\/)/.exec(path)?.[0] ?? []),
  );
  return [...found].filter((directory) => !OF_ALL.test(directory)) as BytePath[];
}
