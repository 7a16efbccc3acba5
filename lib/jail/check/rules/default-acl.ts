// Directories of programs in which others may write what root will make.

import { commandLine } from '../command.ts';
import { hostPath, type Rule } from '../rule.ts';
import { isSystemPath } from '../zone.ts';

export const defaultAcl: Rule = {
  id: 'default-acl',
  group: 'tamper',
  severity: 'warning',
  summary:
    'A directory of programs, libraries or configuration has a default access control list that lets others write what is made in it.',
  attack:
    'Every file that root or an update puts there later takes the list over, and somebody else may write it (acl(5), "Object ' +
    'creation and default ACLs"). The modes of what lies there already show nothing of it.',
  remedy: 'setfacl -k DIRECTORY',
  lookAt: ({ path, kind, zone, hasLooseDefault }, jail) => {
    if (kind !== 'directory' || !hasLooseDefault || !isSystemPath(path)) return undefined;
    if (zone !== 'system' && zone !== 'extra') return undefined;
    return {
      path,
      message: 'its default access control list lets others write what is made in it',
      remedy: commandLine('setfacl', '-k', hostPath(jail, path)),
      fixes: [{ kind: 'attribute', name: 'system.posix_acl_default' }],
    };
  },
};
