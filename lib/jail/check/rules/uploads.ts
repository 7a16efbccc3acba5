// Rules about what users can put into the jail, and what they have put there.

import { type BytePath, joinPath } from '../../../binary/path.ts';
import { errorCode, openFileRoot } from '../../../binary/root.ts';
import { native } from '../../../native.ts';
import { octal } from '../../../trust/writer.ts';
import { mountOf, mountsIn, pointIn } from '../../host/mounts.ts';
import { type Fix, type Found, inGroup } from '../check-rule.ts';
import type { CheckedJail } from '../checked-jail.ts';
import { isOfSystem, isOwn, isProgram } from '../checked-entry.ts';
import { listOf, writerOf } from '../jail-writers.ts';
import { commandLine, decision, hostPath } from '../remedies.ts';

const STICKY = 0o1000;

export const uploads = inGroup('upload', [
  {
    id: 'sticky',
    severity: 'error',
    summary: 'Everybody can write to a directory, and it is not sticky.',
    attack:
      'Everybody can remove and replace what others have put there: a socket, a lock, a session file (chmod(2), S_ISVTX; ' +
      'CWE-379).',
    remedy: 'chmod +t DIRECTORY',
    covers: ['mode'],
    lookAt: (entry, jail) => {
      const { path, kind, mode, recorded, isMounted } = entry;
      // path-writable finds the root directory of the jail
      if (kind !== 'directory' || isMounted || path === '/' || (mode & (STICKY | 0o002)) !== 0o002)
        return undefined;
      const bits = recorded === undefined ? '+t' : octal(recorded.mode);
      const fix: Fix = {
        kind: 'mode',
        clear: recorded === undefined ? 0 : 0o7777,
        set: recorded?.mode ?? STICKY,
      };
      return {
        path,
        message: 'everybody can write to it, and remove what others have put there',
        remedy: commandLine('chmod', bits, hostPath(jail, path)),
        ...(isOwn(entry) ? { severity: 'note' } : { fixes: [fix] }),
      };
    },
  },
  {
    id: 'upload-exec',
    severity: 'warning',
    summary:
      'A user can write to a directory that the builder has not made for one, on a file system that is not noexec.',
    attack:
      'A service that takes files takes programs: what is uploaded is then executed, by a hole in the service or by its own ' +
      'configuration, as PHP does (CWE-434). A file system of its own that is mounted noexec prevents this (mount(8)).',
    remedy:
      '# move what lies there to a file system of its own, and mount that there with noexec,nosuid,nodev',
    lookAt: (entry, jail) => {
      const { path, kind, recorded, isMounted } = entry;
      if (kind !== 'directory' || recorded !== undefined || path === '/') return undefined;
      // below a directory of a user, everything is his
      if (!isOfSystem(entry)) return undefined;
      const at = isMounted ? hostPath(jail, path) : jail.directory;
      const how = writerOf(entry, jail.users, listOf(entry, jail));
      if (how === undefined || mountOf(jail.mounts, at)?.options.has('noexec') === true) return undefined;
      return {
        path,
        message: `${how}, and what is put there can be executed`,
        remedy: decision(
          'move what lies there to a file system of its own, and mount that there with noexec,nosuid,nodev',
        ),
      };
    },
  },
  {
    id: 'uploaded-program',
    severity: 'warning',
    summary:
      'A program lies in a directory of a user or in a temporary one, and the builder has not put it there.',
    attack:
      'The second stage of a break-in often uploads a program: an exploit for the kernel, a shell, a scanner (CWE-434).',
    remedy: 'chmod a-x FILE',
    lookAt: (entry, jail) => {
      const { path, uid, recorded, zone, isElf, isScript } = entry;
      if (recorded !== undefined || !isProgram(entry) || !(isElf || isScript)) return undefined;
      if (zone !== 'user' && zone !== 'passing') return undefined;
      return {
        path,
        message: `${isElf ? 'it is a program' : 'it is a script'} that uid ${uid} has put there`,
        remedy: commandLine('chmod', 'a-x', hostPath(jail, path)),
      };
    },
  },
  {
    id: 'covered',
    severity: 'warning',
    summary:
      'Something is mounted over a directory of the jail that is not empty, or the directory beneath a mount cannot be read.',
    attack:
      'The files there are hidden, but not gone: uploads that nobody checks, and that come back when the file system is ' +
      'unmounted, with their set-user-ID bits (mount(8), open_tree(2)).',
    remedy: '# umount MOUNT-POINT, move what lies there to what is to be mounted, and mount it again',
    look: (jail) => {
      const mounts = mountsIn(jail.mounts, jail.directory);
      if (mounts.length === 0) return [];
      const points = [...new Set(mounts.map((mount) => pointIn(mount, jail.directory)))];
      return foundBeneath(jail, points);
    },
  },
  {
    id: 'world-writable',
    severity: 'warning',
    summary: 'Everybody can write to a file.',
    attack:
      'Its readers trust what anybody may have written: a log, a configuration, a list of tasks (chmod(2); CWE-732).',
    remedy: 'chmod o-w FILE',
    lookAt: (entry, jail) => {
      const { path, kind, mode, isMounted } = entry;
      if (kind !== 'file' || isMounted || (mode & 0o002) === 0) return undefined;
      return {
        path,
        message: 'everybody can write to it',
        remedy: commandLine('chmod', 'o-w', hostPath(jail, path)),
        ...(isOwn(entry) ? { severity: 'note' } : { fixes: [{ kind: 'mode', clear: 0o002 }] }),
      };
    },
  },
]);

function foundBeneath({ root, manifest }: CheckedJail, points: readonly BytePath[]): readonly Found[] {
  let fd: number;
  try {
    fd = native.openBeneath(root.fd);
  } catch (error) {
    if (errorCode(error) === undefined) throw error;
    const message = `what lies beneath this mount could not be read (${errorCode(error) ?? ''})`;
    const remedy = decision('check the jail where mounting is allowed (CAP_SYS_ADMIN)');
    return points.map((path) => ({ path, message, remedy, severity: 'note' }));
  }
  try {
    const beneath = openFileRoot(fd);
    // files of the builder are no uploads
    const built = new Set<string>(manifest?.entries.map(({ path }) => path));
    return points.flatMap((path) => {
      const names = (beneath.list(path) ?? []).filter((name) => !built.has(joinPath(path, name)));
      if (names.length === 0) return [];
      const entries = `${names.length} ${names.length === 1 ? 'entry lies' : 'entries lie'}`;
      return [
        {
          path,
          message: `${entries} beneath what is mounted here: they are neither seen nor checked`,
          remedy: decision('unmount it, move what lies there to what is to be mounted, and mount it again'),
        },
      ];
    });
  } finally {
    native.closeDescriptor(fd);
  }
}
