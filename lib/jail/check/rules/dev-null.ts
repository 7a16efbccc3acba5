// The one device without which hardly anything works.

import { constants } from 'node:fs';

import { type BytePath, bytePath, pathBytes, showPath } from '../../../binary/path.ts';
import { errorCode } from '../../../binary/root.ts';
import { type InRootStatus, native } from '../../../native.ts';
import { commandLine, decision } from '../command.ts';
import type { CheckedJail } from '../jail.ts';
import { hostPath, type Rule } from '../rule.ts';
import { NULL_DEVICE } from './changed.ts';

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
    const present = presentIn(jail);
    if (present !== undefined && isNull(present)) return [];
    const recorded = jail.manifest?.entries.find(({ path }) => path === NULL_DEVICE);
    return [
      {
        path: NULL_DEVICE,
        message: present === undefined ? 'it is not there' : 'it is not the null device (1:3)',
        remedy: remedyOf(jail, present),
        ...(recorded !== undefined && { fixes: [{ kind: 'restore', recorded }] }),
      },
    ];
  },
};

const TYPE_BITS = 0o170000; // inode(7)

function isNull({ mode, major, minor }: InRootStatus): boolean {
  return (mode & TYPE_BITS) === constants.S_IFCHR && major === 1 && minor === 3;
}

function presentIn({ root }: CheckedJail): InRootStatus | undefined {
  try {
    return native.inRootLstat(root.fd, pathBytes(NULL_DEVICE));
  } catch (error) {
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR') return undefined;
    throw error;
  }
}

function remedyOf(jail: CheckedJail, present: InRootStatus | undefined): string {
  const at = hostPath(jail, NULL_DEVICE);
  const make = commandLine('mknod', '-m', '0666', at, 'c', '1', '3');
  const directory = jail.root.lstat(DEV);
  if (directory === undefined) return `${commandLine('mkdir', '-m', '0755', hostPath(jail, DEV))} && ${make}`;
  if (directory.kind !== 'directory')
    return decision(`make ${showPath(hostPath(jail, DEV))} a directory, and then: ${make}`);
  // something may have been written into what is there
  return present === undefined
    ? make
    : `${commandLine('mv', '-nT', at, hostPath(jail, freeName(jail)))} && ${make}`;
}

const DEV = bytePath('/dev');

function freeName({ root }: CheckedJail): BytePath {
  for (let number = 1; ; number++) {
    const path = bytePath(`/dev/null.${number}`);
    if (root.lstat(path) === undefined) return path;
  }
}
