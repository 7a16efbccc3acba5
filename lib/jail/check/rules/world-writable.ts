// Files that everybody can write.

import { commandLine } from '../command.ts';
import { isOwn } from '../own.ts';
import { hostPath, type Rule } from '../rule.ts';

export const worldWritable: Rule = {
  id: 'world-writable',
  group: 'upload',
  severity: 'warning',
  summary: 'Everybody can write to a file.',
  attack:
    'Whoever reads it believes what anybody may have written: a log, a configuration, a list of tasks (chmod(2); CWE-732).',
  remedy: 'chmod o-w FILE',
  lookAt: (entry, jail) => {
    const { path, kind, mode, isMounted } = entry;
    if (kind !== 'file' || isMounted || (mode & 0o002) === 0) return undefined;
    return {
      path,
      message: 'everybody can write to it',
      remedy: commandLine('chmod', 'o-w', hostPath(jail, path)),
      ...(isOwn(entry) ? { severity: 'note' } : { fixes: [{ kind: 'mode', clear: 0o002 }] }),
    };
  },
};
