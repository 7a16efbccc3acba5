// Directories on the way to a jail that are not root's.

import { toFound } from '../pathfinding.ts';
import type { Rule } from '../rule.ts';

export const pathOwner: Rule = {
  id: 'path-owner',
  group: 'path',
  severity: 'error',
  summary:
    'A directory on the way to the jail, or the jail itself, belongs to a user of --user; without it, to anybody but root.',
  attack:
    'Its owner can exchange what lies in it, and so the jail: root then enters a directory of his choice. ' +
    'sshd_config(5), ChrootDirectory, asks for the same; CVE-2009-2904.',
  remedy: 'chown root:root DIRECTORY',
  isQuick: true,
  look: (jail) =>
    jail.wayFindings
      .filter(({ refuses, kind }) => refuses && kind === 'owner')
      .map((finding) => toFound(finding, jail)),
};
