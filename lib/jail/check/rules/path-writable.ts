// Directories on the way to a jail in which the user can put something else.

import { toFound } from '../pathfinding.ts';
import type { Rule } from '../rule.ts';

export const pathWritable: Rule = {
  id: 'path-writable',
  group: 'path',
  severity: 'error',
  summary:
    'A user of --user, or without it anybody but root, can write to a directory on the way to the jail, or to the jail itself.',
  attack:
    'Whoever can write to a directory can rename what lies in it and put his own there, an /etc/passwd or an ld.so ' +
    'among it (CVE-2009-2904, sshd_config(5)). A sticky directory, such as /tmp, keeps what belongs to root (unlink(2), ' +
    'EPERM), but a link of somebody else in it is his (proc(5), protected_symlinks).',
  remedy: 'chmod go-w DIRECTORY',
  isQuick: true,
  look: (jail) =>
    jail.wayFindings
      .filter(({ refuses, kind }) => refuses && (kind === 'writable' || kind === 'link'))
      .map((finding) => toFound(finding, jail)),
};
