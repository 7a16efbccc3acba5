// Links that lead nowhere.

import { closeSync } from 'node:fs';

import { pathBytes, showPath, type BytePath } from '../../../binary/path.ts';
import { errorCode, type DirectoryRoot } from '../../../binary/root.ts';
import { native } from '../../../native.ts';
import { decision } from '../command.ts';
import type { Rule } from '../rule.ts';

export const danglingLink: Rule = {
  id: 'dangling-link',
  group: 'fitness',
  severity: 'warning',
  summary: 'A link that was added by hand leads to nothing in the jail.',
  attack:
    'An absolute link is followed from the root of the jail and not from that of the host; whoever can make the missing file ' +
    'decides what is found (symlink(7), path_resolution(7)).',
  covers: ['extra'],
  remedy: '# put what it leads to into the jail, or take the link away',
  lookAt: ({ path, kind, target, recorded, zone }, jail) => {
    // one that was built so leads nowhere on the host either, or what it leads to is missing
    if (kind !== 'link' || recorded !== undefined || (zone !== 'system' && zone !== 'extra'))
      return undefined;
    if (leadsSomewhere(jail.root, path)) return undefined;
    return {
      path,
      message: `it leads to ${showPath(target)}, and there is no such thing in the jail`,
      remedy: decision(`put ${showPath(target)} into the jail, or take the link away`),
    };
  },
};

const O_PATH = 0o10000000; // asm-generic/fcntl.h

function leadsSomewhere({ fd }: DirectoryRoot, path: BytePath): boolean {
  try {
    closeSync(native.inRootOpen(fd, pathBytes(path), O_PATH));
    return true;
  } catch (error) {
    return !['ENOENT', 'ENOTDIR', 'ELOOP'].includes(errorCode(error) ?? '');
  }
}
