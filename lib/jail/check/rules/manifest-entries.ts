// Rules about the manifest itself, what it names and is missing, and what it does not name.

import type { BytePath } from '../../../binary/path.ts';
import { errorCode, type FileRoot } from '../../../binary/root.ts';
import { errnoName } from '../../../errno.ts';
import { mountsIn, pointIn } from '../../host/mounts.ts';
import { MANIFEST_PATH } from '../../manifest/manifest.ts';
import { type Found, inGroup, type Rule } from '../check-rule.ts';
import { isOwn, isSystemPath } from '../checked-entry.ts';
import { commandLine, copying, decision, hostPath } from '../remedies.ts';
import { NULL_DEVICE } from './changed-files.ts';

export const manifestItself = inGroup('tamper', [
  {
    id: 'manifest',
    severity: 'error',
    summary: 'The manifest of the jail is damaged, or others than root can change it.',
    attack:
      'Whoever can write the manifest decides what counts as built, and a check by it finds nothing (CWE-345). Such a manifest is not used.',
    remedy: '# build it anew from its recipe: uchroot-jail build NEW-DIRECTORY --recipe FILE',
    isQuick: true,
    look: ({ manifestFault }) =>
      manifestFault === undefined
        ? []
        : [
            {
              path: MANIFEST_PATH,
              message: `${manifestFault}; nothing was compared with it`,
              remedy: decision('build it anew from its recipe, in another directory, and move its data over'),
            },
          ],
  },
  {
    id: 'no-manifest',
    severity: 'warning',
    summary: 'The jail has no manifest: uchroot-jail has not built it.',
    attack:
      'Nobody knows what was put into it, or whether it is still the same (CWE-353). The check only finds what is wrong by itself.',
    remedy: '# build it: uchroot-jail build NEW-DIRECTORY PROGRAM...',
    look: ({ manifest, manifestFault }) =>
      manifest !== undefined || manifestFault !== undefined
        ? []
        : [
            {
              path: MANIFEST_PATH,
              message: 'there is none: whether the jail is still what was built cannot be told',
              remedy: decision(
                'build it: uchroot-jail build NEW-DIRECTORY PROGRAM...; or leave it so: --ignore no-manifest',
              ),
            },
          ],
  },
]);

export const missing: Rule = {
  id: 'missing',
  group: 'tamper',
  severity: 'error',
  summary: 'Something that the manifest names is not in the jail.',
  attack:
    'A program without its library or its /dev/null fails, or does something else. If somebody else can write to the directory, ' +
    'he can put something of his own in its place (CWE-427).',
  remedy: 'uchroot-jail update DIRECTORY',
  look: function* look(jail): Generator<Found> {
    const covered = mountsIn(jail.mounts, jail.directory).map(
      (mount) => `${pointIn(mount, jail.directory)}/`,
    );
    const ofUsers: string[] = [];
    for (const recorded of jail.manifest?.entries ?? []) {
      const { path, kind, uid } = recorded;
      const isData = ofUsers.some((directory) => path.startsWith(directory));
      if (kind === 'directory' && uid !== 0 && !isData) ofUsers.push(`${path}/`);
      if (path === NULL_DEVICE) continue; // dev-null finds that one
      if (jail.seen.has(path) || covered.some((point) => path.startsWith(point))) continue;
      if (isThere(jail.root, path)) continue; // it has come since the walk
      yield {
        path,
        message: `the ${kind} is not there`,
        remedy: commandLine('uchroot-jail', 'update', jail.directory),
        // a user may remove what lies in his directory
        ...(isData ? { severity: 'note' } : { fixes: [{ kind: 'restore', recorded }] }),
      };
    }
  },
};

function isThere(root: FileRoot, path: BytePath): boolean {
  try {
    return root.lstat(path) !== undefined;
  } catch (error) {
    if (errorCode(error) === 'ELOOP') return false;
    throw error;
  }
}

// Every file system has some of these; others are made or mounted when a jail is used (file-hierarchy(7)).
const PLACES: ReadonlySet<string> = new Set(
  '/.uchroot /lost+found /proc /sys /dev /run /tmp /var/tmp'.split(' '),
);

export const notOfManifest = inGroup('tamper', [
  {
    id: 'extra',
    severity: 'warning',
    summary:
      'Something lies in a directory of programs or configuration, and the builder has not put it there.',
    attack:
      'A program, a module or a configuration file is found by its place: whatever lies in a directory of PATH, of the loader ' +
      'or of an interpreter is used (CWE-427). The builder can make its own files again, but not this one.',
    remedy:
      '# if it belongs there, build it in: uchroot-jail build DIRECTORY --copy HOST-FILE:FILE; if not, look at it, and remove it',
    lookAt: ({ path, kind, recorded, zone, depth, error, isMounted }, jail) => {
      if (jail.manifest === undefined || recorded !== undefined || zone !== 'system' || depth === 0)
        return undefined;
      if (PLACES.has(path) || error !== 0 || isMounted) return undefined;
      // any other directory may be the administrator's: for data, or as a mount point
      if (kind === 'directory' && !isSystemPath(path) && path !== '/root') return undefined;
      return {
        path,
        message: `the builder has not made ${kind === 'directory' ? 'this directory' : 'it'}`,
        remedy: decision(
          `if it belongs there, have it built in (${copying(jail, path)}); if not, look at it, and remove it`,
        ),
      };
    },
  },
  {
    id: 'unread',
    severity: 'error',
    summary: 'Something could not be read, or lies deeper than 1000 directories, and so was not checked.',
    attack:
      'Whoever wants to hide something from a check makes it unreadable: by a lease, or a very deep tree (fcntl(2), path_resolution(7)).',
    remedy: '# find out what it is, and who has made it: ls -la DIRECTORY',
    lookAt: (entry, jail) => {
      const { path, error } = entry;
      if (error === 0) return undefined;
      const look = commandLine('ls', '-lad', hostPath(jail, path));
      return {
        path,
        message: `it could not be read (${errnoName(error)})`,
        remedy: decision(`find out what it is, and who has made it: ${look}`),
        // it hides only what its owner may do anyway
        ...(isOwn(entry) && { severity: 'warning' }),
      };
    },
  },
]);
