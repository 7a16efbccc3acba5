// A jail that is none.

import { toFound } from '../pathfinding.ts';
import type { Rule } from '../rule.ts';

export const pathRoot: Rule = {
  id: 'path-root',
  group: 'path',
  severity: 'error',
  summary: "The jail is the host's own root directory, by whatever name.",
  attack:
    'chroot(2) into the directory that is the root already locks nobody in: by /srv/.., by a link to / or by a bind mount ' +
    'of it the program has all of the host.',
  remedy: 'uchroot-jail check DIRECTORY',
  isQuick: true,
  look: (jail) =>
    jail.wayFindings.filter(({ kind }) => kind === 'host-root').map((finding) => toFound(finding, jail)),
};
