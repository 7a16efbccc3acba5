// Rules about places where users can put files into the jail, and about files that they have put there.

import { type BytePath, joinPath } from '../../../tree/path.ts';
import { openFileRoot } from '../../../tree/root.ts';
import { native } from '../../../native.ts';
import { octal } from '../../../trust/writer.ts';
import { commandLine } from '../../../words/shell-word.ts';
import { mountOf } from '../../../tree/mountinfo.ts';
import { errorCode } from '../../../words/system-error.ts';
import { withDescriptor } from '../../work/closing.ts';
import { errorRule, type Fix, type Found, inGroup, warningRule } from '../check-rule.ts';
import { type Entry, isOfSystem, isOwn, isProgram } from '../checked-entry.ts';
import type { CheckedJail } from '../checked-jail.ts';
import { writerIn } from '../../search/jail-writers.ts';
import { decision, hostPath } from '../remedies.ts';

const STICKY = 0o1000;

export const uploads = inGroup('upload', [
  errorRule('sticky', {
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
      const clear = recorded === undefined ? 0 : 0o7777;
      return {
        message: 'everybody can write to it, and remove what others have put there',
        ...(recorded && { remedy: commandLine('chmod', octal(recorded.mode), hostPath(jail, path)) }),
        ...harm(entry, { kind: 'mode', clear, set: recorded?.mode ?? STICKY }),
      };
    },
  }),
  warningRule('upload-exec', {
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
      const how = writerIn(jail, entry);
      if (how === undefined || mountOf(jail.mounts, at)?.options.has('noexec') === true) return undefined;
      return { message: `${how}, and what is put there can be executed` };
    },
  }),
  warningRule('uploaded-program', {
    summary:
      'A program lies in a directory of a user or in a temporary one, and the builder has not put it there.',
    attack:
      'The second stage of a break-in often uploads a program: an exploit for the kernel, a shell, a scanner (CWE-434).',
    remedy: 'chmod a-x FILE',
    lookAt: (entry) => {
      const { uid, recorded, zone, isElf, isScript } = entry;
      if (recorded !== undefined || !isProgram(entry) || !(isElf || isScript)) return undefined;
      if (zone !== 'user' && zone !== 'passing') return undefined;
      return { message: `${isElf ? 'it is a program' : 'it is a script'} that uid ${uid} has put there` };
    },
  }),
  warningRule('covered', {
    summary:
      'Something is mounted over a directory of the jail that is not empty, or the directory beneath a mount cannot be read.',
    attack:
      'The files there are hidden, but not gone: uploads that nobody checks, and that come back when the file system is ' +
      'unmounted, with their set-user-ID bits (mount(8), open_tree(2)).',
    remedy: '# unmount it, move what lies there to what is to be mounted, and mount it again',
    look: (jail) => (jail.mountPoints.size === 0 ? [] : foundBeneath(jail, [...jail.mountPoints])),
  }),
  warningRule('world-writable', {
    summary: 'Everybody can write to a file.',
    attack:
      'Its readers trust what anybody may have written: a log, a configuration, a list of tasks (chmod(2); CWE-732).',
    remedy: 'chmod o-w FILE',
    lookAt: (entry) =>
      entry.kind === 'file' && !entry.isMounted && (entry.mode & 0o002) !== 0
        ? { message: 'everybody can write to it', ...harm(entry, { kind: 'mode', clear: 0o002 }) }
        : undefined,
  }),
]);

// a user harms only himself by the modes of his own files
function harm(entry: Entry, fix: Fix): Pick<Found, 'severity' | 'fixes'> {
  return isOwn(entry) ? { severity: 'note' } : { fixes: [fix] };
}

function foundBeneath({ root, owner, manifest }: CheckedJail, points: readonly BytePath[]): readonly Found[] {
  let fd: number;
  try {
    fd = native.openBeneath(root.fd);
  } catch (error) {
    if (errorCode(error) === undefined) throw error;
    const message = `what lies beneath this mount could not be read (${errorCode(error) ?? ''})`;
    const remedy = decision('check the jail where mounting is allowed (CAP_SYS_ADMIN)');
    return points.map((path) => ({ path, message, remedy, severity: 'note' }));
  }
  return withDescriptor(fd, () => {
    const beneath = openFileRoot(fd, owner);
    // files of the builder are no uploads
    const built = new Set<string>(manifest?.entries.map(({ path }) => path));
    return points.flatMap((path) => {
      const names = (beneath.list(path) ?? []).filter((name) => !built.has(joinPath(path, name)));
      if (names.length === 0) return [];
      const entries = `${names.length} ${names.length === 1 ? 'entry lies' : 'entries lie'}`;
      const message = `${entries} beneath what is mounted here: they are neither seen nor checked`;
      return [{ path, message }];
    });
  });
}
