// Directories that all share without the bit that protects what is in them.

import { octal } from '../../../trust/writer.ts';
import { commandLine } from '../command.ts';
import { isOwn } from '../own.ts';
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
  covers: ['mode'],
  lookAt: (entry, jail) => {
    const { path, kind, mode, recorded, isMounted } = entry;
    // of the jail itself path-writable tells
    if (kind !== 'directory' || isMounted || path === '/' || (mode & (STICKY | 0o002)) !== 0o002)
      return undefined;
    return {
      path,
      message: 'everybody can write to it, and remove what others have put there',
      remedy: commandLine(
        'chmod',
        recorded === undefined ? '+t' : octal(recorded.mode),
        hostPath(jail, path),
      ),
      ...(isOwn(entry)
        ? { severity: 'note' }
        : {
            fixes: [
              { kind: 'mode', clear: recorded === undefined ? 0 : 0o7777, set: recorded?.mode ?? STICKY },
            ],
          }),
    };
  },
};
