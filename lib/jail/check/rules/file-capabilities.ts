// Programs that get capabilities from their file.

import { commandLine } from '../command.ts';
import { hostPath, type Rule } from '../rule.ts';

export const fileCapabilities: Rule = {
  id: 'file-capabilities',
  group: 'privilege',
  severity: 'error',
  summary: 'A file has capabilities, and was not asked for with --keep-privileges.',
  attack:
    'The jailed user gets them by executing it: CAP_SYS_CHROOT, CAP_SYS_ADMIN or CAP_DAC_READ_SEARCH lead out of a jail ' +
    '(capabilities(7), "File capabilities"). ls(1) does not show them.',
  remedy: 'setcap -r FILE',
  lookAt: ({ path, hasCapabilities, recorded }, jail) => {
    if (!hasCapabilities || recorded?.keepPrivileges === true) return undefined;
    return {
      path,
      message: 'it has file capabilities (security.capability)',
      remedy: commandLine('setcap', '-r', hostPath(jail, path)),
      fixes: [{ kind: 'attribute', name: 'security.capability' }],
    };
  },
};
