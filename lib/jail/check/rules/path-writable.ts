// Directories on the way to a jail in which others than root can put something else.

import { bytePath, showPath } from '../../../binary/path.ts';
import { commandLine } from '../command.ts';
import type { Rule } from '../rule.ts';
import { writerOf } from '../writable.ts';

const TYPE_BITS = 0o170000;
const LINK = 0o120000;
const STICKY = 0o1000;

export const pathWritable: Rule = {
  id: 'path-writable',
  group: 'path',
  severity: 'error',
  summary: 'Others than root can write to a directory on the way to the jail, or to the jail itself.',
  attack:
    'Whoever can write to a directory can rename what lies in it and put his own there, an /etc/passwd or an ld.so ' +
    'among it (CVE-2009-2904, sshd_config(5)). A sticky directory, such as /tmp, keeps what belongs to root (unlink(2), EPERM).',
  remedy: 'chmod go-w DIRECTORY',
  isQuick: true,
  look: (jail) =>
    jail.components.flatMap(({ path, mode, gid, acl }, index) => {
      const isJail = index === jail.components.length - 1;
      // the mode of a link means nothing (symlink(7)); the owner is path-owner's
      if ((mode & TYPE_BITS) === LINK || (!isJail && (mode & STICKY) !== 0)) return [];
      const how = writerOf({ mode: mode & 0o7777, uid: 0, gid, hasAcl: acl !== undefined }, jail.users);
      if (how === undefined) return [];
      const at = bytePath(path);
      return [
        {
          path: isJail ? bytePath('/') : at,
          message: isJail ? how : `${showPath(at)}, above the jail: ${how}`,
          remedy: commandLine('chmod', 'go-w', at),
          ...(isJail && { fixes: [{ kind: 'mode', clear: 0o022 }] as const }),
        },
      ];
    }),
};
