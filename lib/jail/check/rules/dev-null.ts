// The one device without which hardly anything works.

import { constants } from 'node:fs';

import { bytePath, pathBytes } from '../../../binary/path.ts';
import { errorCode } from '../../../binary/root.ts';
import { native } from '../../../native.ts';
import { commandLine } from '../command.ts';
import type { CheckedJail } from '../jail.ts';
import { hostPath, type Rule } from '../rule.ts';

const NULL = bytePath('/dev/null');

export const devNull: Rule = {
  id: 'dev-null',
  group: 'fitness',
  severity: 'error',
  summary: 'There is no /dev/null in the jail, or it is something else.',
  attack:
    'A shell that writes to >/dev/null then makes a file, which grows, and whose content the next one reads (null(4)).',
  remedy: 'mknod -m 0666 JAIL/dev/null c 1 3',
  isQuick: true,
  look: (jail) => {
    const message = faultOf(jail);
    if (message === undefined) return [];
    return [
      {
        path: NULL,
        message,
        remedy: commandLine('mknod', '-m', '0666', hostPath(jail, NULL), 'c', '1', '3'),
      },
    ];
  },
};

const TYPE_BITS = 0o170000; // inode(7)

function faultOf({ root }: CheckedJail): string | undefined {
  try {
    const { mode, major, minor } = native.inRootLstat(root.fd, pathBytes(NULL));
    const isNull = (mode & TYPE_BITS) === constants.S_IFCHR && major === 1 && minor === 3;
    return isNull ? undefined : 'it is not the null device (1:3)';
  } catch (error) {
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR') return 'it is not there';
    throw error;
  }
}
