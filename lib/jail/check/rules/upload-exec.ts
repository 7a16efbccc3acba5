// Directories in which the jailed user can put a program and start it.

import { mountOf } from '../../host/mounts.ts';
import { decision } from '../command.ts';
import { hostPath, type Rule } from '../rule.ts';
import { listOf, writerOf } from '../writable.ts';

export const uploadExec: Rule = {
  id: 'upload-exec',
  group: 'upload',
  severity: 'warning',
  summary:
    'A directory that the builder has not made for a user can be written by one, on a file system that is not noexec.',
  attack:
    'A service that takes files takes programs: what is uploaded is then executed, by a hole in the service or by its own ' +
    'configuration, as PHP does (CWE-434). A file system of its own, mounted noexec, is the answer (mount(8)).',
  remedy: '# move what lies there to a file system of its own, and mount that there with noexec,nosuid,nodev',
  lookAt: ({ path, kind, mode, uid, gid, hasAcl, recorded, zone, isMounted }, jail) => {
    if (kind !== 'directory' || recorded !== undefined || path === '/') return undefined;
    // below a directory of the user's everything is his
    if (zone !== 'system' && zone !== 'extra') return undefined;
    const at = isMounted ? hostPath(jail, path) : jail.directory;
    const how = writerOf({ mode, uid, gid, hasAcl }, jail.users, listOf({ path, mode, hasAcl }, jail));
    if (how === undefined || mountOf(jail.mounts, at)?.options.has('noexec') === true) return undefined;
    return {
      path,
      message: `${how}, and what is put there can be executed`,
      remedy: decision(
        'move what lies there to a file system of its own, and mount that there with noexec,nosuid,nodev',
      ),
    };
  },
};
