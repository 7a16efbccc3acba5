// Programs that run with the group of their file.

import { commandLine } from '../command.ts';
import { isOwn } from '../own.ts';
import { hostPath, type Rule } from '../rule.ts';

export const setGroupId: Rule = {
  id: 'set-group-id',
  group: 'privilege',
  severity: 'error',
  summary: 'A file has the set-group-ID bit, and was not asked for with --keep-privileges.',
  attack:
    'The jailed user becomes a member of its group by executing it: shadow reads password hashes, tty writes to other ' +
    'terminals, disk and docker are root (execve(2), "Effect of set-user-ID and set-group-ID").',
  remedy: 'chmod g-s FILE',
  lookAt: (entry, jail) => {
    const { path, kind, mode, gid, recorded } = entry;
    if ((mode & 0o2000) === 0 || kind !== 'file' || recorded?.keepPrivileges === true) return undefined;
    return {
      path,
      message: `it runs with group ${gid}, whoever starts it (set-group-ID)`,
      remedy: commandLine('chmod', 'g-s', hostPath(jail, path)),
      // he gives away what is his, and nothing of root's
      ...(isOwn(entry) && { severity: 'warning' }),
      fixes: [{ kind: 'mode', clear: 0o2000 }],
    };
  },
};
