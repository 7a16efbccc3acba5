// Directories that all share without the bit that protects what is in them.

import { commandLine } from '../command.ts';
import { hostPath, type Rule } from '../rule.ts';

const STICKY = 0o1000;

export const sticky: Rule = {
  id: 'sticky',
  group: 'upload',
  severity: 'error',
  summary: 'Everybody can write to a directory, and it is not sticky.',
  attack:
    'Everybody can remove and exchange what others have put there: a socket, a lock, a session file (chmod(2), S_ISVTX; ' +
    'CWE-379).',
  remedy: 'chmod +t DIRECTORY',
  lookAt: ({ path, kind, mode, isMounted }, jail) => {
    if (kind !== 'directory' || isMounted || (mode & (STICKY | 0o002)) !== 0o002) return undefined;
    return {
      path,
      message: 'everybody can write to it, and remove what others have put there',
      remedy: commandLine('chmod', '+t', hostPath(jail, path)),
      fixes: [{ kind: 'mode', clear: 0, set: STICKY }],
    };
  },
};
