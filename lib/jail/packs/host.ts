// The pack of a jail by reference. It copies nothing: the jail has mount points, on which each isolated launch mounts what the host has.

import { JailError, UsageError } from '../../errors.ts';
import { MARKER } from '../../tree/by-reference.ts';
import { type BytePath, bytePath, isWithin, joinPath, showPath } from '../../tree/path.ts';
import type { FileRoot } from '../../tree/root.ts';
import { walk } from '../../tree/walk.ts';
import { emptyDirectories, references, versioned, versionedWhy } from '../../trust/harmless.ts';
import type { Recipe } from '../manifest/recipe.ts';
import type { Pack, Part } from './pack.ts';

const etc = bytePath('/etc');

// What a program reads there if the launch mounts no file of the host on it.
const ALONE: Readonly<Record<string, string>> = { '/etc/hosts': '127.0.0.1 localhost\n::1 localhost\n' };

export const host: Pack = {
  name: 'host',
  summary: "nothing is copied: isolated launches mount the host's /usr and harmless parts of /etc",
  when: {},
  parts: ({ root }): readonly Part[] => {
    if (walk(root, bytePath('/usr/lib')).kind !== 'found')
      throw new JailError('the programs of this host do not lie in /usr: it has no /usr/lib', {
        code: 'ERR_MISSING',
        hint: 'build the jail with the programs that it needs',
      });
    const others = (root.list(etc) ?? []).filter((name) => versioned.test(name));
    return [
      ...references.flatMap(({ path, why, isDirectory }) => partAt(root, bytePath(path), why, isDirectory)),
      ...others.flatMap((name) => partAt(root, joinPath(etc, name), versionedWhy, true)),
      ...emptyDirectories.map((directory): Part => ({ directory, mode: 0o755 })),
      { file: MARKER, content: 'uchroot: isolated launches mount directories of the host here.\n' },
    ];
  },
};

// /bin and its like are links where the host has links. If it has none of them, the jail has none.
function partAt(root: FileRoot, path: BytePath, why: string, isDirectory: boolean): readonly Part[] {
  const isOfRoot = !isWithin(path, etc);
  if (isOfRoot && root.lstat(path)?.kind === 'symlink') return [{ path }];
  const way = walk(root, path);
  if (isOfRoot && way.kind !== 'found') return [];
  const isThere = way.kind === 'found' ? way.status.kind === 'directory' : isDirectory;
  return [{ mountPoint: path, why, content: isThere ? undefined : (ALONE[path] ?? '') }];
}

/** Whether a recipe is that of a jail by reference. */
export const mountsHost = ({ packs }: Pick<Recipe, 'packs'>): boolean => packs.includes(host.name);

/** @throws UsageError for a jail by reference that would have programs of its own, which the mounts would hide */
export function refuseOwnPrograms(recipe: Recipe): void {
  if (!mountsHost(recipe)) return;
  const { programs, packages, packs, learned, keepPrivileges, copies, from } = recipe;
  const covered = copies.find(({ to }) => references.some(({ path }) => isWithin(to, path)));
  const others = [programs, packages, learned, keepPrivileges].some((list) => list.length > 0);
  const isAlone = !others && packs.length === 1 && from === undefined;
  if (isAlone && covered === undefined) return;
  const what = covered === undefined ? 'programs' : showPath(covered.to);
  if (!others && packs.length === 1 && covered === undefined)
    throw new UsageError('--from-host and --from are given at once: such a jail mounts this host', {
      hint: 'leave --from out',
    });
  throw new UsageError(`a jail that mounts the host (--from-host) has no ${what} of its own`, {
    hint: 'it has those of the host: build another jail for others, in a directory of its own',
  });
}
