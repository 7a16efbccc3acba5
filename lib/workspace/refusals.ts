// What a commit must not bring to the host: judged before anything is written.
import { accessSync, constants } from 'node:fs';

import { JailError, type ErrnoName } from '../errors.ts';
import { withOpen } from '../jail/work/closing.ts';
import { isWithin, parentPath, type BytePath } from '../tree/path.ts';
import { O_PATH } from '../tree/root.ts';
import { errorCode } from '../words/system-error.ts';
import type { Difference, WorkspaceChange } from './changes.ts';
import type { Opened } from './opened.ts';

// Refuses the differences for which `isBad` holds.
function refusing(changes: readonly WorkspaceChange[], all: readonly Difference[]) {
  return (
    isBad: (one: Difference, change: WorkspaceChange) => boolean,
    code: ErrnoName,
    why: string,
    hint: string,
  ): void => {
    const bad = changes.filter((change, at) => all[at] !== undefined && isBad(all[at], change));
    if (bad.length === 0) return;
    const names = bad.slice(0, 10).map(({ path }) => path);
    const more = bad.length > names.length ? ` and ${bad.length - names.length} more` : '';
    throw new JailError(`${why}: ${names.join(', ')}${more}`, { code, path: names[0], hint });
  };
}

// A directory with a mount in it can get other entries, and cannot go.
const isOnMount = ({ path, now }: Difference, point: BytePath): boolean =>
  isWithin(path, point) || (isWithin(point, path) && now?.kind !== 'directory');

function mayWriteIn({ host }: Opened, directory: BytePath): boolean {
  try {
    withOpen(host, directory, O_PATH | constants.O_DIRECTORY, (fd) =>
      accessSync(`/proc/self/fd/${fd}`, constants.W_OK | constants.X_OK),
    );
    return true;
  } catch (error) {
    // it comes with the commit
    return errorCode(error) !== 'EACCES' && errorCode(error) !== 'EROFS';
  }
}

interface Commit {
  readonly committed: readonly Difference[];
  /** In the same order. */
  readonly changes: readonly WorkspaceChange[];
  /** The paths that the caller has named. */
  readonly named: ReadonlySet<string>;
  /** Whether what the host has changed is overwritten. */
  readonly isForced: boolean;
}

/** @throws JailError EEXIST, EXDEV or EACCES */
export function refuseCommit(opened: Opened, { committed, changes, named, isForced }: Commit): void {
  const refuse = refusing(changes, committed);
  if (!isForced)
    refuse(
      (_, { conflict }) => conflict === true,
      'EEXIST',
      'the host has changed it too',
      'commit the other paths by name, or give --overwrite to replace what the host has',
    );
  refuse(
    ({ path }, { executed }) => executed === true && !named.has(path),
    'EEXIST',
    'programs of the host execute it',
    'look at it, and commit it by its own name',
  );
  refuse(
    (one) => opened.mounted.some((point) => isOnMount(one, point)),
    'EXDEV',
    'the host has mounted something there',
    'commit the other paths by name, or take the mount away: umount',
  );
  // of root, everything
  if (process.geteuid?.() !== 0) {
    refuse(
      ({ now }) => now?.kind === 'file' && (now.mode & 0o400) === 0,
      'EACCES',
      'its owner may not read it',
      'let a program in the workspace give it other permissions, or discard it',
    );
    const isChanged = new Set(
      committed.filter(({ now }) => now?.kind === 'directory').map(({ path }) => path),
    );
    refuse(
      ({ path }) => !isChanged.has(parentPath(path)) && !mayWriteIn(opened, parentPath(path)),
      'EACCES',
      'this user may not write to the directory of the host that holds it',
      'commit the other paths by name, or change the permissions of that directory',
    );
  }
}
