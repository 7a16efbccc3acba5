// A jail whose root directory keeps its own user out.

import { bytePath } from '../../../binary/path.ts';
import type { PathComponent } from '../../../native.ts';
import { octal } from '../../../trust/writer.ts';
import type { JailUser } from '../../packs/pack.ts';
import { commandLine } from '../command.ts';
import type { Rule } from '../rule.ts';

export const pathClosed: Rule = {
  id: 'path-closed',
  group: 'path',
  severity: 'error',
  summary: 'The jail may not be searched by those who are to be jailed in it: no program starts.',
  attack:
    'None: every look-up of a path begins at the root directory, and fails with EACCES (path_resolution(7)). Who then gives ' +
    'the user more than he needs, or starts the program as root, has opened more than the directory.',
  remedy: 'chmod go+rx DIRECTORY',
  isQuick: true,
  look: (jail) => {
    const root = jail.components.at(-1);
    if (root === undefined || !isClosed(root, jail.users)) return [];
    return [
      {
        path: bytePath('/'),
        message: `its root directory has mode ${octal(root.mode & 0o7777)}: no program starts in it`,
        remedy: commandLine('chmod', 'go+rx', jail.directory),
        fixes: [{ kind: 'mode', clear: 0, set: 0o055 }],
      },
    ];
  },
};

/** For one of the users; without users, for everybody but root. */
function isClosed({ mode, uid, gid, acl }: PathComponent, users: readonly JailUser[]): boolean {
  if ((mode & 0o001) !== 0) return false;
  const isGroups = (mode & 0o010) !== 0;
  // whom an access control list names it may let in, as far as the bits of the group go (acl(5))
  if (isGroups && acl !== undefined) return false;
  if (users.length === 0) return !(isGroups && gid !== 0) && !((mode & 0o100) !== 0 && uid !== 0);
  return users.some((user) => {
    if (user.uid === uid) return (mode & 0o100) === 0;
    const isMember = user.gid === gid || user.groups.some((group) => group.gid === gid);
    return !(isGroups && isMember);
  });
}
