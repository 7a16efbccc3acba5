// What else is mounted in the jail.

import { showPath } from '../../../binary/path.ts';
import { isShared, type Mount, mountsIn, pointIn } from '../../host/mounts.ts';
import { commandLine, decision } from '../command.ts';
import type { Found } from '../finding.ts';
import type { CheckedJail } from '../jail.ts';
import type { Rule } from '../rule.ts';
import { KERNEL } from './kernel-mount.ts';

// Made for one place as a rule, and then of nobody's: what lies in them is in the jail only.
const PRIVATE = /^(?:tmpfs|ramfs|mqueue|devpts)$/;

const PROTECTED = ['nosuid', 'nodev'];

export const bindMount: Rule = {
  id: 'bind-mount',
  group: 'escape',
  severity: 'warning',
  summary:
    'A part of the host is mounted in the jail and can be written, or a file system that brings set-user-ID programs or devices along.',
  attack:
    'What is written to it is written on the host, and what is put there outside appears in the jail, set-user-ID bits and ' +
    'devices included (mount(8), "Bind mount operation"; nosuid, nodev). What lies in it is not checked.',
  remedy: 'mount -o remount,bind,ro,nosuid,nodev MOUNT-POINT',
  look: (jail) => mountsIn(jail.mounts, jail.directory).flatMap((mount) => faultOf(mount, jail)),
};

function faultOf(mount: Mount, { mounts, directory }: CheckedJail): readonly Found[] {
  const { type, root, point } = mount;
  if (KERNEL.test(type) || type === 'proc') return [];
  const isOfHost = isShared(mount, mounts, directory);
  if (!isOfHost && PRIVATE.test(type)) return [];
  const wanted = isOfHost ? ['ro', ...PROTECTED] : PROTECTED;
  const lacking = wanted.filter((option) => !mount.options.has(option));
  if (lacking.length === 0) return [];
  const what = isOfHost ? `${showPath(root)} of a ${type} file system of the host` : `a ${type} file system`;
  return [
    {
      path: pointIn(mount, directory),
      message: `${what} is mounted here without ${lacking.join(', ')}`,
      // a service may have to write there
      remedy: lacking.includes('ro')
        ? decision(
            `if nobody has to write there: ${remount(wanted, point)}; else ${remount(PROTECTED, point)}, and ignore it`,
          )
        : remount(wanted, point),
    },
  ];
}

function remount(options: readonly string[], point: Mount['point']): string {
  return commandLine('mount', '-o', `remount,bind,${options.join(',')}`, point);
}
