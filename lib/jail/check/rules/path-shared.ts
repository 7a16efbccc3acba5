// Directories on the way to a jail that are in the hands of others than root and the users who are to be jailed.

import { toFound } from '../pathfinding.ts';
import type { Rule } from '../rule.ts';

export const pathShared: Rule = {
  id: 'path-shared',
  group: 'path',
  severity: 'warning',
  summary:
    'Somebody other than root and the users of --user owns a directory on the way to the jail, or the jail itself, or can write to it.',
  attack:
    'He can exchange the jail, and root then enters a directory of his choice (CVE-2009-2904). A launch warns of him too: ' +
    'he is not the one who is locked in.',
  remedy: 'chown root:root DIRECTORY && chmod go-w DIRECTORY',
  isQuick: true,
  look: (jail) => jail.wayFindings.filter(({ refuses }) => !refuses).map((finding) => toFound(finding, jail)),
};
