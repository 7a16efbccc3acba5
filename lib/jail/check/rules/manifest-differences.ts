// Rules about the manifest itself, files of it that have changed or are missing, and files that it does not name.

import { type BytePath, bytePath, showPath } from '../../../tree/path.ts';
import { errnoName } from '../../../words/errno.ts';
import { isOrdinary, onHost, type Owner } from '../../../trust/owner.ts';
import { octal } from '../../../trust/writer.ts';
import { commandLine } from '../../../words/shell-word.ts';
import { unless } from '../../../words/system-error.ts';
import { isConfiguration, MANIFEST_PATH, type Recorded } from '../../manifest/manifest.ts';
import { errorRule, type Fix, type Found, inGroup, type Rule, warningRule } from '../check-rule.ts';
import { builtKind, type Entry, isData, isOwn, isSystemPath, type Kind } from '../checked-entry.ts';
import type { CheckedJail } from '../checked-jail.ts';
import { decision, hostPath, sourcePath } from '../remedies.ts';

export const NULL_DEVICE: BytePath = bytePath('/dev/null');

export const manifestItself = inGroup('tamper', [
  errorRule('manifest', {
    summary: 'The manifest of the jail is damaged, or others than root can change it.',
    attack:
      'Whoever can write the manifest decides what counts as built, and a check by it finds nothing (CWE-345). Such a manifest is not used.',
    remedy: '# build it anew from its recipe, in another directory, and move its data over',
    isQuick: true,
    *look({ manifestFault }) {
      if (manifestFault === undefined) return;
      yield { path: MANIFEST_PATH, message: `${manifestFault}; nothing was compared with it` };
    },
  }),
  errorRule('interrupted', {
    summary: 'An update or a build was interrupted while it put its files in place, and was not completed.',
    attack:
      'Programs and libraries of two versions lie side by side: they may not start, and a fix of a security fault may be ' +
      'missing (CWE-459). What the change names is compared with nothing until it is complete.',
    remedy: 'uchroot-jail update DIRECTORY',
    isQuick: true,
    *look({ unsettled }) {
      if (unsettled.size === 0) return;
      yield { message: `a change of ${unsettled.size} paths is not complete; they were not compared` };
    },
  }),
  warningRule('no-manifest', {
    summary: 'The jail has no manifest: uchroot-jail has not built it; or only its owner can read it.',
    attack:
      'Nobody knows what was put into it, or whether it is still the same (CWE-353). The check only finds what is wrong by itself.',
    remedy: '# build it: uchroot-jail build NEW-DIRECTORY PROGRAM...; or leave it so: --ignore no-manifest',
    *look({ manifest, manifestFault, isManifestClosed, directory }) {
      if (manifest !== undefined || manifestFault !== undefined) return;
      if (isManifestClosed) {
        const message = 'only the owner of the jail can read it: nothing was compared with it';
        yield {
          path: MANIFEST_PATH,
          message,
          remedy: `sudo ${commandLine('uchroot-jail', 'check', directory)}`,
        };
        return;
      }
      const message = 'there is none: whether the jail is still what was built cannot be told';
      yield { path: MANIFEST_PATH, message };
    },
  }),
]);

export const differences = inGroup('tamper', [
  errorRule('changed', {
    summary: 'A file, link or device is not what the manifest says, by its whole content.',
    attack:
      'Somebody has put code of his own into a program or a library of the jail, or the disk has changed it. Sizes and times ' +
      'are easily forged (utimensat(2)); a SHA-256 is not.',
    remedy: '# find out who has changed it; to restore it: uchroot-jail update JAIL --replace PATH',
    lookAt: (entry) => (isEditable(entry) ? undefined : changeOf(entry)),
  }),
  warningRule('edited', {
    summary: 'A file of /etc was edited since the jail was built.',
    attack:
      'It may be the work of the administrator, which update keeps; or a line in nginx.conf, sshd_config or ld.so.conf by ' +
      'which an attacker lets himself in again (CWE-15). If it is wanted, ignore it: --ignore edited:PATH.',
    remedy: '# compare them, and ignore it if it is wanted (--ignore edited:PATH): diff HOST-FILE JAIL-FILE',
    lookAt: (entry, jail) => {
      const found = isEditable(entry) ? changeOf(entry) : undefined;
      if (found === undefined) return undefined;
      // no fix: an edit by hand cannot be restored
      const ignoring = `ignore it if it is wanted, --ignore edited:${showPath(entry.path)}`;
      return { message: found.message, remedy: decision(`${ignoring}; ${comparison(entry, jail)}`) };
    },
  }),
  errorRule('missing', {
    summary: 'Something that the manifest names is not in the jail.',
    attack:
      'A program without its library or its /dev/null fails, or does something else. If somebody else can write to the directory, ' +
      'he can put something of his own in its place (CWE-427).',
    remedy: 'uchroot-jail update DIRECTORY',
    *look(jail) {
      const covered = [...jail.mountPoints, ...jail.seen.closed].map((point) => `${point}/`);
      const entries = jail.manifest?.entries ?? [];
      const isOfUser = belowUsers(entries);
      for (const recorded of entries) {
        const { path, kind } = recorded;
        const isData = isOfUser(path);
        if (path === NULL_DEVICE) continue; // dev-null finds that one
        if (jail.seen.has(path) || covered.some((point) => path.startsWith(point))) continue;
        if (unless(['ELOOP'], () => jail.root.lstat(path)) !== undefined) continue; // it has come since the walk
        yield {
          path,
          message: `the ${kind} is not there`,
          // a user may remove what lies in his directory
          ...(isData
            ? { severity: 'note' }
            : isConfiguration(recorded)
              ? removedByHand(path, jail)
              : { fixes: [{ kind: 'restore', recorded }] }),
        };
      }
    },
  }),
  errorRule('mode', {
    summary: 'The permission bits of something are not those that it was built with.',
    attack:
      'With more bits, others can write to it, or run it as its owner; with fewer, a service cannot use its files (chmod(2), inode(7)).',
    remedy: 'chmod MODE FILE',
    covers: ['world-writable'],
    ...comparing(({ kind, mode }, recorded) => {
      // set-user-ID and set-group-ID bits that a file got since have rules of their own
      const rest = kind === 'file' ? mode & ~(0o6000 & ~recorded.mode) : mode;
      if (kind === 'link' || rest === recorded.mode) return undefined;
      const was = octal(recorded.mode);
      const fix = { kind: 'mode', clear: 0o7777, set: recorded.mode } as const;
      return { message: `its mode is ${octal(mode)}, and was ${was}`, command: ['chmod', was], fix };
    }),
  }),
  errorRule('owner', {
    summary: 'Something belongs to another user or group than when it was built.',
    attack:
      'Its owner can change its mode and then its content, whatever the mode is now (chmod(2), chown(2)).',
    remedy: 'chown -h UID:GID FILE',
    ...comparing((entry, { uid, gid }, owner) => {
      if (entry.uid === uid && entry.gid === gid) return undefined;
      const message = `it belongs to ${entry.uid}:${entry.gid}, and belonged to ${uid}:${gid}`;
      const ids = onHost(owner, { uid, gid });
      return { message, command: ['chown', '-h', `${ids.uid}:${ids.gid}`], fix: { kind: 'owner', uid, gid } };
    }),
  }),
  warningRule('extra', {
    summary:
      'Something lies in a directory of programs or configuration, and the builder has not put it there.',
    attack:
      'A program, a module or a configuration file is found by its place: whatever lies in a directory of PATH, of the loader ' +
      'or of an interpreter is used (CWE-427). The builder can make its own files again, but not this one.',
    remedy:
      '# if it belongs there, have it built in (uchroot-jail build JAIL --copy HOST-FILE:PATH); if not, look at it, and remove it',
    lookAt: ({ path, kind, recorded, zone, depth, error, isMounted }, jail) => {
      if (jail.manifest === undefined || recorded !== undefined || zone !== 'system' || depth === 0)
        return undefined;
      if (jail.unsettled.has(path)) return undefined;
      if (PLACES.has(path) || error !== 0 || isMounted) return undefined;
      // any other directory may be the administrator's: for data, or as a mount point
      if (kind === 'directory' && !isSystemPath(path) && path !== '/root') return undefined;
      return { message: `the builder has not made ${kind === 'directory' ? 'this directory' : 'it'}` };
    },
  }),
  errorRule('unread', {
    summary: 'Something could not be read, or lies deeper than 1000 directories, and so was not checked.',
    attack:
      'Whoever wants to hide something from a check makes it unreadable: by a lease, or a very deep tree (fcntl(2), path_resolution(7)).',
    remedy: '# find out what it is, and who has made it: ls -lad FILE',
    lookAt: (entry, jail) => {
      const { error } = entry;
      if (error === 0) return undefined;
      return {
        message: `it could not be read (${errnoName(error)})`,
        // A warning if the jail is its owner's own: the path hides nothing that he could not do anyway. A note if neither an
        // ordinary user nor his programs can reach it.
        ...(isOwn(entry) && { severity: 'warning' }),
        ...(isClosed(entry, jail) && { severity: 'note' }),
      };
    },
  }),
]);

/** Tells whether a path is in a directory that was built for a user. */
export function belowUsers(entries: readonly Recorded[]): (path: BytePath) => boolean {
  const own = entries.filter(({ kind, uid }) => kind === 'directory' && uid !== 0);
  const directories = own.map(({ path }) => `${path}/`);
  return (path) => directories.some((directory) => path.startsWith(directory));
}

function isClosed({ error }: Entry, { owner }: CheckedJail): boolean {
  return isOrdinary(owner) && errnoName(error) === 'EACCES';
}

const isEditable = ({ recorded }: Entry): boolean => recorded !== undefined && isConfiguration(recorded);

function removedByHand(path: BytePath, { directory }: CheckedJail): Pick<Found, 'severity' | 'remedy'> {
  const restoring = commandLine('uchroot-jail', 'update', directory, '--replace', path);
  return {
    severity: 'warning',
    remedy: decision(
      `ignore it if it was removed on purpose, --ignore missing:${showPath(path)}; to restore it: ${restoring}`,
    ),
  };
}

/** How the content of an entry differs from the manifest; undefined if it does not. */
function changeOf(entry: Entry): Found | undefined {
  const { recorded, path, kind } = entry;
  if (recorded === undefined || entry.isMounted || entry.error !== 0) return undefined;
  const message = differenceOf(entry, recorded);
  if (message === undefined || path === NULL_DEVICE) return undefined; // dev-null finds that one
  // a user may change his own files: they are never replaced without being asked for
  if (isData(entry))
    return { message, severity: 'note', remedy: decision('nothing, if its user has changed it') };
  return { message, ...(kind !== 'directory' && { fixes: [{ kind: 'restore', recorded }] }) };
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
  if (jail.manifest?.recipe.image !== undefined)
    return `${commandLine('uchroot-jail', 'update', jail.directory, '--image', 'FILE', '--replace', path)} makes it as in the image`;
  if (recorded?.source === undefined) return 'the builder wrote it, and nothing on the host is the same';
  return `compare them: ${commandLine('diff', sourcePath(jail, recorded.source), hostPath(jail, path))}`;
}

/** A changed permission, the command that changes it back, without the path, and the fix that does the same. */
interface Permission {
  readonly message: string;
  readonly command: readonly string[];
  readonly fix: Fix;
}

/** Compares the permissions of an entry with what was built. */
function comparing(
  compare: (entry: Entry, recorded: Recorded, owner: Owner) => Permission | undefined,
): Pick<Required<Rule>, 'lookAt'> {
  return {
    lookAt: (entry, jail) => {
      const { path, kind, recorded, zone, isMounted } = entry;
      if (recorded === undefined || isMounted || kind !== builtKind(recorded)) return undefined;
      const difference = compare(entry, recorded, jail.owner);
      if (difference === undefined) return undefined;
      const { message, command } = difference;
      const found = { message, remedy: commandLine(...command, hostPath(jail, path)) };
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

// Every file system has some of these; others are made or mounted when a jail is used (file-hierarchy(7)).
const PLACES: ReadonlySet<string> = new Set(
  '/.uchroot /lost+found /proc /sys /dev /run /tmp /var/tmp'.split(' '),
);
