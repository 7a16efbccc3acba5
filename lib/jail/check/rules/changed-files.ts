// Rules about files of the manifest that have changed: their content, mode or owner.

import { type BytePath, bytePath, joinPath, showPath } from '../../../binary/path.ts';
import { octal } from '../../../trust/writer.ts';
import type { Recorded } from '../../manifest/manifest.ts';
import { type Fix, type Found, inGroup, type Rule } from '../check-rule.ts';
import type { CheckedJail } from '../checked-jail.ts';
import { builtKind, type Entry, isData, isOwn, type Kind } from '../checked-entry.ts';
import { commandLine, decision, hostPath } from '../remedies.ts';

export const NULL_DEVICE: BytePath = bytePath('/dev/null');

export const changedContent = inGroup('tamper', [
  {
    id: 'changed',
    severity: 'error',
    summary: 'A file, link or device is not what the manifest says, by its whole content.',
    attack:
      'Somebody has put code of his own into a program or a library of the jail, or the disk has changed it. Sizes and times ' +
      'are easily forged (utimensat(2)); a SHA-256 is not.',
    remedy: '# find out who has changed it; to restore it: uchroot-jail update DIRECTORY --replace FILE',
    lookAt: (entry, jail) => (isConfiguration(entry) ? undefined : changeOf(entry, jail)),
  },
  {
    id: 'edited',
    severity: 'warning',
    summary: 'A file of /etc was edited since the jail was built.',
    attack:
      'It may be the work of the administrator, which update keeps; or a line in nginx.conf, sshd_config or ld.so.conf by ' +
      'which an attacker lets himself in again (CWE-15). If it is wanted, ignore it: --ignore edited:PATH.',
    remedy: '# compare them, and ignore it if it is wanted (--ignore edited:PATH): diff HOST-FILE JAIL-FILE',
    lookAt: (entry, jail) => {
      const found = isConfiguration(entry) ? changeOf(entry, jail) : undefined;
      if (found === undefined) return undefined;
      // no fix: an edit by hand cannot be restored
      const remedy = decision(
        `ignore it if it is wanted, --ignore edited:${showPath(entry.path)}; ${comparison(entry, jail)}`,
      );
      return { path: found.path, message: found.message, remedy };
    },
  },
]);

/** True for a file that an administrator may edit: update leaves it as it is. */
function isConfiguration({ path, recorded }: Entry): boolean {
  return recorded?.kind === 'file' && path.startsWith('/etc/');
}

/** How the content of an entry differs from the manifest; undefined if it does not. */
function changeOf(entry: Entry, jail: CheckedJail): Found | undefined {
  const { recorded, path, kind } = entry;
  if (recorded === undefined || entry.isMounted || entry.error !== 0) return undefined;
  const message = differenceOf(entry, recorded);
  if (message === undefined || path === NULL_DEVICE) return undefined; // dev-null finds that one
  // a user may change his own files: they are never replaced without being asked for
  if (isData(entry))
    return { path, message, severity: 'note', remedy: decision('nothing, if its user has changed it') };
  return {
    path,
    message,
    remedy: decision(
      `find out who has changed it; to restore it: ${commandLine('uchroot-jail', 'update', jail.directory, '--replace', path)}`,
    ),
    ...(kind !== 'directory' && { fixes: [{ kind: 'restore', recorded }] }),
  };
}

const KINDS: Readonly<Record<Kind, string>> = {
  file: 'a file',
  directory: 'a directory',
  link: 'a link',
  character: 'a device',
  block: 'a block device',
  fifo: 'a named pipe',
  socket: 'a socket',
};

function differenceOf(entry: Entry, recorded: Recorded): string | undefined {
  const { kind, target, sha256, sizeBytes, major, minor } = entry;
  const was = builtKind(recorded);
  if (kind !== was) return `it is ${KINDS[kind]} now, and was ${KINDS[was]}`;
  if (kind === 'link') return target === recorded.target ? undefined : `it leads to ${showPath(target)} now`;
  if (kind === 'character')
    return major === recorded.major && minor === recorded.minor ? undefined : `it is ${major}:${minor} now`;
  if (kind !== 'file') return undefined; // a directory has no content of its own
  if (sizeBytes !== recorded.sizeBytes)
    return `its content is another: ${sizeBytes} bytes, and ${recorded.sizeBytes ?? 0} were built`;
  return sha256 === recorded.sha256 ? undefined : 'its content is another, of the same size (SHA-256)';
}

function comparison({ path, recorded }: Entry, jail: CheckedJail): string {
  const source = recorded?.source;
  if (source === undefined) return 'the builder wrote it, and nothing on the host is the same';
  const from = joinPath(jail.manifest?.recipe.from ?? bytePath('/'), source.slice(1) as BytePath);
  return `compare them: ${commandLine('diff', from, hostPath(jail, path))}`;
}

/** What has changed, the command that changes it back, without the path, and the fix that does the same. */
interface Permission {
  readonly message: string;
  readonly command: readonly string[];
  readonly fix: Fix;
}

function permissionRule(
  words: Omit<Rule, 'group' | 'severity'>,
  compare: (entry: Entry, recorded: Recorded) => Permission | undefined,
): Rule {
  return {
    ...words,
    group: 'tamper',
    severity: 'error',
    lookAt: (entry, jail) => {
      const { path, kind, recorded, zone, isMounted } = entry;
      if (recorded === undefined || isMounted || kind !== builtKind(recorded)) return undefined;
      const difference = compare(entry, recorded);
      if (difference === undefined) return undefined;
      const found = {
        path,
        message: difference.message,
        remedy: commandLine(...difference.command, hostPath(jail, path)),
      };
      // a user may change the mode of his files, and give them to another group of his (chown(2))
      if (isOwn(entry)) return { ...found, severity: 'note' };
      // in a directory of a user, he may have put something in its place that is not meant for him
      if (zone !== 'system') return found;
      // privileges are given back only together with the content that is meant to have them
      const fix: Fix = recorded.keepPrivileges === true ? { kind: 'restore', recorded } : difference.fix;
      return { ...found, fixes: [fix] };
    },
  };
}

export const changedPermissions = inGroup('tamper', [
  permissionRule(
    {
      id: 'mode',
      summary: 'The permission bits of something are not those that it was built with.',
      attack:
        'With more bits, others can write to it, or run it as its owner; with fewer, a service cannot use its files (chmod(2), inode(7)).',
      remedy: 'chmod MODE FILE',
      covers: ['world-writable'],
    },
    ({ kind, mode }, recorded) => {
      // set-user-ID and set-group-ID bits that a file got since have rules of their own
      const rest = kind === 'file' ? mode & ~(0o6000 & ~recorded.mode) : mode;
      if (kind === 'link' || rest === recorded.mode) return undefined;
      const was = octal(recorded.mode);
      return {
        message: `its mode is ${octal(mode)}, and was ${was}`,
        command: ['chmod', was],
        fix: { kind: 'mode', clear: 0o7777, set: recorded.mode },
      };
    },
  ),
  permissionRule(
    {
      id: 'owner',
      summary: 'Something belongs to another user or group than when it was built.',
      attack:
        'Its owner can change its mode and then its content, whatever the mode is now (chmod(2), chown(2)).',
      remedy: 'chown -h UID:GID FILE',
    },
    ({ uid, gid }, recorded) => {
      if (uid === recorded.uid && gid === recorded.gid) return undefined;
      const ids = `${recorded.uid}:${recorded.gid}`;
      return {
        message: `it belongs to ${uid}:${gid}, and belonged to ${ids}`,
        command: ['chown', '-h', ids],
        fix: { kind: 'owner', uid: recorded.uid, gid: recorded.gid },
      };
    },
  ),
]);
