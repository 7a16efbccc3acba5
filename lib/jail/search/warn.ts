// What the builder says about programs that look for code where a user of the jail can put some.

import { type BytePath, showPath } from '../../binary/path.ts';
import type { FileRoot } from '../../binary/root.ts';
import { looseOn } from '../check/writable-parent.ts';
import type { Manifest } from '../manifest/manifest.ts';
import type { JailUser } from '../packs/pack.ts';
import { looseSearchOf } from './search.ts';
import { isSearchText } from './text.ts';

/** A warning for each file of the jail of which that is so. */
export function searchWarnings(
  jail: FileRoot,
  { entries }: Pick<Manifest, 'entries'>,
  users: readonly JailUser[],
): readonly string[] {
  return entries.flatMap(({ path, kind, mode }) => {
    if (kind !== 'file' || !isCode(path, mode)) return [];
    const found = looseSearchOf(jail, path, (place) => looseOn(jail, place, users));
    return found === undefined ? [] : [`${showPath(path)}: ${found.message}`];
  });
}

function isCode(path: BytePath, mode: number): boolean {
  return (mode & 0o111) !== 0 || /\.so(?:\.[^/]*)?$/.test(path) || isSearchText(path);
}
