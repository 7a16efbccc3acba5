// Remedies: command lines that an administrator can paste into a shell.

import { type BytePath, bytePath, joinPath } from '../../tree/path.ts';
import { commandLine } from '../../words/shell-word.ts';
import { isOrdinary, onHost, type Owner } from '../../trust/owner.ts';
import { octal } from '../../trust/writer.ts';
import type { Mount } from '../../tree/mountinfo.ts';
import type { CompleteFound, Found, Rule } from './check-rule.ts';
import type { Entry } from './checked-entry.ts';
import type { CheckedJail } from './checked-jail.ts';
import { writerOf } from '../search/jail-writers.ts';

/** A remedy that somebody has to choose. It is a shell comment: nothing happens if it is pasted. */
export const decision = (text: string): string => `# ${text}`;

/** Where a path of the jail lies on the host. */
export function hostPath({ directory }: Pick<CheckedJail, 'directory'>, path: BytePath): BytePath {
  return joinPath(directory, path.slice(1) as BytePath);
}

/** Where the source of a copy lies on the host. */
export function sourcePath({ manifest }: Pick<CheckedJail, 'manifest'>, source: BytePath): BytePath {
  return joinPath(manifest?.recipe.from ?? bytePath('/'), source.slice(1) as BytePath);
}

/** The owner of files of the jail, as chown(1) takes it; without ids, the owner of the jail. */
function ownerWords(owner: Owner, seen?: Owner): string {
  if (seen === undefined && !isOrdinary(owner)) return 'root:root';
  const { uid, gid } = onHost(owner, seen ?? { uid: 0, gid: 0 });
  return `${uid}:${gid}`;
}

// JAIL is the directory of the jail, PATH a path in it, and the others are the same on the host. HOST-FILE is left to the reader.
const PLACEHOLDERS = /(?<![\w-])(?:FILE|DEVICE|SOCKET|FIFO|DIRECTORY|MOUNT-POINT|JAIL|PATH)(?![\w-])/g;

/** Adds the path and the remedy that a rule leaves out; `entry` is what it looked at. */
export function complete({ remedy }: Rule, found: Found, jail: CheckedJail, entry?: Entry): CompleteFound {
  const path = found.path ?? entry?.path ?? bytePath('/');
  const fill = (word: string) => {
    if (word === 'PATH') return commandLine(path);
    const isJail = word === 'JAIL' || (word === 'DIRECTORY' && entry === undefined);
    return commandLine(isJail ? jail.directory : hostPath(jail, path));
  };
  return {
    path,
    remedy: remedy.replaceAll('root:root', ownerWords(jail.owner)).replace(PLACEHOLDERS, fill),
    ...found,
  };
}

/** Lets nobody but the owner of the jail write to it: with the owner and mode that it was built with, if those are safe. */
export function givenBack(
  { path, mode, recorded }: Entry,
  jail: CheckedJail,
): Required<Pick<Found, 'remedy' | 'fixes'>> {
  const at = hostPath(jail, path);
  const isSound =
    recorded !== undefined &&
    recorded.keepPrivileges !== true &&
    writerOf({ ...recorded, hasAcl: (mode & 0o020) !== 0 }, jail.users) === undefined;
  const { uid, gid } = isSound ? recorded : { uid: 0, gid: 0 };
  const ids = ownerWords(jail.owner, isSound ? { uid, gid } : undefined);
  const bits = isSound ? octal(recorded.mode) : 'go-w';
  return {
    remedy: `${commandLine('chown', ids, at)} && ${commandLine('chmod', bits, at)}`,
    fixes: [
      { kind: 'owner', uid, gid },
      isSound ? { kind: 'mode', clear: 0o7777, set: recorded.mode } : { kind: 'mode', clear: 0o022 },
    ],
  };
}

/** Unmounts a mount point here only: shared mounts would be unmounted on the host too (mount_namespaces(7)). */
export function unmounted(point: BytePath): string {
  return `${commandLine('mount', '--make-rprivate', point)} && ${commandLine('umount', '-R', point)}`;
}

/** Remounts the jail's file system with an option; root has to decide that if the file system holds more than the jail. */
export function remounted({ point }: Mount, option: string, { directory }: CheckedJail): string {
  const command = commandLine('mount', '-o', `remount,${option}`, point);
  if (point === directory) return command;
  return decision(
    `move the jail to another file system, or mount this one so for all that lies on it: ${command}`,
  );
}
