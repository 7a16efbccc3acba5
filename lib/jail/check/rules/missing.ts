// What was built and is not there any more.

import type { BytePath } from '../../../binary/path.ts';
import { errorCode, type FileRoot } from '../../../binary/root.ts';
import { mountsIn, pointIn } from '../../host/mounts.ts';
import { commandLine } from '../command.ts';
import type { Rule } from '../rule.ts';
import { NULL_DEVICE } from './changed.ts';

export const missing: Rule = {
  id: 'missing',
  group: 'tamper',
  severity: 'error',
  summary: 'Something that the manifest names is not in the jail.',
  attack:
    'A program without its library or its /dev/null fails, or does something else: a name that is free in a directory that ' +
    'somebody else can write is his to take (CWE-427).',
  remedy: 'uchroot-jail update DIRECTORY',
  look: function* look(jail) {
    const covered = mountsIn(jail.mounts, jail.directory).map(
      (mount) => `${pointIn(mount, jail.directory)}/`,
    );
    const ofUsers: string[] = [];
    for (const recorded of jail.manifest?.entries ?? []) {
      const { path, kind, uid } = recorded;
      const isData = ofUsers.some((directory) => path.startsWith(directory));
      if (kind === 'directory' && uid !== 0 && !isData) ofUsers.push(`${path}/`);
      if (path === NULL_DEVICE) continue; // dev-null tells of that one
      if (jail.seen.has(path) || covered.some((point) => path.startsWith(point))) continue;
      if (isThere(jail.root, path)) continue; // it has come since
      yield {
        path,
        message: `the ${recorded.kind} is not there`,
        remedy: commandLine('uchroot-jail', 'update', jail.directory),
        // in a directory of a user's he may have removed it himself
        ...(isData ? { severity: 'note' } : { fixes: [{ kind: 'restore', recorded }] }),
      };
    }
  },
};

function isThere(root: FileRoot, path: BytePath): boolean {
  try {
    return root.lstat(path) !== undefined;
  } catch (error) {
    if (errorCode(error) === 'ELOOP') return false;
    throw error;
  }
}
