// Links by which somebody decides what a program or a configuration file is.

import { showPath } from '../../../binary/path.ts';
import { decision } from '../command.ts';
import type { Entry } from '../entry.ts';
import type { CheckedJail } from '../jail.ts';
import type { Rule } from '../rule.ts';
import type { Loose } from '../way.ts';
import { isSystemPath } from '../zone.ts';

export const writableTarget: Rule = {
  id: 'writable-target',
  group: 'tamper',
  severity: 'error',
  summary:
    'A link where programs and configuration are leads to something that others than root can write, or put in its place.',
  attack:
    'The link is safe, and what it leads to is not: an /etc/passwd, a library or a program in /tmp is whatever somebody has ' +
    'put there (symlink(7), path_resolution(7); CWE-61).',
  covers: ['extra'],
  remedy: "# let the link lead to something of root's, or make what it leads to root's alone",
  lookAt: (entry, jail) => {
    const { path, kind, target, zone } = entry;
    if (kind !== 'link' || (zone !== 'system' && zone !== 'extra') || !isSystemPath(path)) return undefined;
    const loose = jail.looseOn(path);
    if (loose === undefined || isToldOf(loose) || isBuilt(entry, loose, jail)) return undefined;
    return {
      path,
      message: `it leads to ${showPath(target)}; of ${showPath(loose.path)}: ${loose.how}`,
      remedy: decision(`let it lead to something of root's, or make ${showPath(loose.path)} root's alone`),
    };
  },
};

/** A directory there is told of by writable-directory, with all that lies in it. */
export function isToldOf({ path, kind }: Loose): boolean {
  return kind === 'directory' && isSystemPath(path);
}

// Both are the builder's, and what has changed since is told of as that.
function isBuilt({ recorded, target }: Entry, { path }: Loose, { manifest }: CheckedJail): boolean {
  if (recorded?.kind !== 'link' || recorded.target !== target) return false;
  return manifest?.entries.some((entry) => entry.path === path) === true;
}
