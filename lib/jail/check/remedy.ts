// Remedies that several rules have.

import type { BytePath } from '../../binary/path.ts';
import { octal } from '../../trust/writer.ts';
import type { Mount } from '../host/mounts.ts';
import { commandLine, decision } from './command.ts';
import type { Entry } from './entry.ts';
import type { Found } from './finding.ts';
import type { CheckedJail } from './jail.ts';
import { hostPath } from './rule.ts';
import { writerOf } from './writable.ts';

type Remedy = Required<Pick<Found, 'remedy' | 'fixes'>>;

/** Nobody but root may write to it: as it was built, if that is so then. */
export function givenBack({ path, mode, recorded }: Entry, jail: CheckedJail): Remedy {
  const at = hostPath(jail, path);
  const isSound =
    recorded !== undefined &&
    recorded.keepPrivileges !== true &&
    writerOf({ ...recorded, hasAcl: (mode & 0o020) !== 0 }, jail.users) === undefined;
  const { uid, gid } = isSound ? recorded : { uid: 0, gid: 0 };
  const ids = isSound ? `${uid}:${gid}` : 'root:root';
  const bits = isSound ? octal(recorded.mode) : 'go-w';
  return {
    remedy: `${commandLine('chown', ids, at)} && ${commandLine('chmod', bits, at)}`,
    fixes: [
      { kind: 'owner', uid, gid },
      isSound ? { kind: 'mode', clear: 0o7777, set: recorded.mode } : { kind: 'mode', clear: 0o022 },
    ],
  };
}

/** Takes away what is mounted somewhere. Alone: where the host shares its mounts with it, the host's would go too (mount_namespaces(7)). */
export function unmounted(point: BytePath): string {
  return `${commandLine('mount', '--make-rprivate', point)} && ${commandLine('umount', '-R', point)}`;
}

/** Mounts the file system of the jail with another option; where more than the jail lies on it that is for root to decide. */
export function remounted({ point }: Mount, option: string, { directory }: CheckedJail): string {
  const command = commandLine('mount', '-o', `remount,${option}`, point);
  if (point === directory) return command;
  return decision(
    `move the jail to another file system, or mount this one so for all that lies on it: ${command}`,
  );
}

/** For a process: how it is started anew is known to who starts it, a service manager as a rule. */
export function restarted(pid: number): string {
  return decision(
    `restart it by uchroot USER DIRECTORY PROGRAM; by itself: ${commandLine('kill', String(pid))}`,
  );
}

/** What makes the builder know of a file that lies on the host as well; the file of the jail is no source, as it is replaced. */
export function copying({ directory }: CheckedJail, path: BytePath): string {
  return commandLine('uchroot-jail', 'build', directory, '--copy', `HOST-FILE:${path}`);
}
