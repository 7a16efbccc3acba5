// What else is mounted in the jail.

import { showPath } from '../../../binary/path.ts';
import { commandLine } from '../command.ts';
import { type Mount, mountsIn, pointIn } from '../mounts.ts';
import type { Rule } from '../rule.ts';
import { KERNEL } from './kernel-mount.ts';

// Made for one place, and of nobody's: what lies in them is in the jail only.
const PRIVATE = /^(?:tmpfs|ramfs|mqueue|devpts|proc)$/;

export const bindMount: Rule = {
  id: 'bind-mount',
  group: 'escape',
  severity: 'warning',
  summary:
    'A part of the host is mounted in the jail and can be written, or brings set-user-ID programs or devices along.',
  attack:
    'What is written to it is written on the host, and what is put there outside appears in the jail, set-user-ID bits and ' +
    'devices included (mount(8), "Bind mount operation"; nosuid, nodev). What lies in it is not checked.',
  remedy: 'mount -o remount,bind,ro,nosuid,nodev MOUNT-POINT',
  look: (jail) =>
    mountsIn(jail.mounts, jail.directory)
      .filter((mount) => !PRIVATE.test(mount.type) && !KERNEL.test(mount.type) && lackOf(mount) !== undefined)
      .map((mount) => ({
        path: pointIn(mount, jail.directory),
        message: `${showPath(mount.root)} of a ${mount.type} file system of the host is mounted here without ${lackOf(mount)}`,
        remedy: commandLine('mount', '-o', 'remount,bind,ro,nosuid,nodev', mount.point),
      })),
};

function lackOf({ options }: Mount): string | undefined {
  const lacking = ['ro', 'nosuid', 'nodev'].filter((option) => !options.has(option));
  return lacking.length === 0 ? undefined : lacking.join(', ');
}
