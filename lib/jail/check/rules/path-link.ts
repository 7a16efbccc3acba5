// A jail that is named by a symbolic link.

import { bytePath, showPath, trimSlashes } from '../../../binary/path.ts';
import { decision } from '../command.ts';
import type { Rule } from '../rule.ts';

const TYPE_BITS = 0o170000;
const LINK = 0o120000;

export const pathLink: Rule = {
  id: 'path-link',
  group: 'path',
  severity: 'warning',
  summary: 'The jail is named by a symbolic link that leads elsewhere.',
  attack:
    'A link can be set anew between the check and the launch, and what is then entered was never checked ' +
    '(symlink(7), CWE-367). Links above it count by who could set them anew (path-writable).',
  remedy: '# name the directory itself wherever the jail is named',
  look: (jail) => {
    const links = jail.components.filter(({ mode }) => (mode & TYPE_BITS) === LINK);
    const link = links.find(({ path }) => trimSlashes(bytePath(path)) === jail.asked);
    if (link === undefined) return [];
    return [
      {
        path: jail.asked,
        message: `${showPath(jail.asked)} is a link to ${showPath(jail.directory)}`,
        remedy: decision(`name ${showPath(jail.directory)} wherever the jail is named`),
      },
    ];
  },
};
