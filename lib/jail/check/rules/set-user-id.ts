// Programs that run as their owner.

import { commandLine } from '../command.ts';
import { isOwn } from '../own.ts';
import { hostPath, type Rule } from '../rule.ts';

export const setUserId: Rule = {
  id: 'set-user-id',
  group: 'privilege',
  severity: 'error',
  summary: 'A file has the set-user-ID bit, and was not asked for with --keep-privileges.',
  attack:
    'The jailed user becomes its owner by executing it, and root leaves a jail (chroot(2)). In a jail it also believes ' +
    'files that he may have had a hand in: CVE-2023-4911 of ld.so, CVE-2021-4034 of pkexec.',
  remedy: 'chmod u-s FILE',
  lookAt: (entry, jail) => {
    const { path, kind, mode, uid, recorded } = entry;
    if ((mode & 0o4000) === 0 || kind !== 'file' || recorded?.keepPrivileges === true) return undefined;
    return {
      path,
      message: `it runs as uid ${uid}, whoever starts it (set-user-ID)`,
      remedy: commandLine('chmod', 'u-s', hostPath(jail, path)),
      // he gives away what is his, and nothing of root's
      ...(isOwn(entry) && { severity: 'warning' }),
      fixes: [{ kind: 'mode', clear: 0o4000 }],
    };
  },
};
