// Directories on the way to a jail that are not root's.

import { bytePath, showPath } from '../../../binary/path.ts';
import { commandLine, decision } from '../command.ts';
import type { Rule } from '../rule.ts';

export const pathOwner: Rule = {
  id: 'path-owner',
  group: 'path',
  severity: 'error',
  summary: 'A directory or link on the way to the jail, or the jail itself, does not belong to root.',
  attack:
    'Its owner can exchange what lies in it, and so the jail: root then enters a directory of his choice. ' +
    'sshd_config(5), ChrootDirectory, asks for the same; CVE-2009-2904.',
  remedy: 'chown root:root DIRECTORY',
  isQuick: true,
  look: (jail) =>
    jail.components.flatMap(({ path, uid }, index) => {
      if (uid === 0) return [];
      const isJail = index === jail.components.length - 1;
      const at = bytePath(path);
      const given = commandLine('chown', '-h', 'root:root', at);
      return [
        {
          path: isJail ? bytePath('/') : at,
          message: `${isJail ? 'the jail' : `${showPath(at)}, above the jail,`} belongs to uid ${uid}`,
          remedy: isJail
            ? given
            : decision(`move the jail to where all is root's, or, if nobody else needs it: ${given}`),
          // above the jail it may be somebody's home
          ...(isJail && { fixes: [{ kind: 'owner', uid: 0, gid: 0 }] as const }),
        },
      ];
    }),
};
