// What lies beneath a mount, where no check and no program sees it.

import { type BytePath, joinPath } from '../../../binary/path.ts';
import { errorCode, openFileRoot } from '../../../binary/root.ts';
import { native } from '../../../native.ts';
import { mountsIn, pointIn } from '../../host/mounts.ts';
import { decision } from '../command.ts';
import type { Found } from '../finding.ts';
import type { CheckedJail } from '../jail.ts';
import type { Rule } from '../rule.ts';

export const covered: Rule = {
  id: 'covered',
  group: 'upload',
  severity: 'warning',
  summary:
    'Something is mounted over a directory of the jail that is not empty, or nobody could look beneath the mount.',
  attack:
    'What lies there is hidden and not gone: uploads that nobody checks, and that come back when the file system is ' +
    'unmounted, their set-user-ID bits with them (mount(8), open_tree(2)).',
  remedy: '# umount MOUNT-POINT, move what lies there to what is to be mounted, and mount it again',
  look: (jail) => {
    const mounts = mountsIn(jail.mounts, jail.directory);
    if (mounts.length === 0) return [];
    const points = [...new Set(mounts.map((mount) => pointIn(mount, jail.directory)))];
    return foundBeneath(jail, points);
  },
};

function foundBeneath({ root, manifest }: CheckedJail, points: readonly BytePath[]): readonly Found[] {
  let fd: number;
  try {
    fd = native.openBeneath(root.fd);
  } catch (error) {
    if (errorCode(error) === undefined) throw error;
    const message = `what lies beneath this mount could not be seen (${errorCode(error) ?? ''})`;
    const remedy = decision('check the jail where mounting is allowed (CAP_SYS_ADMIN)');
    return points.map((path) => ({ path, message, remedy, severity: 'note' }));
  }
  try {
    const beneath = openFileRoot(fd);
    // what the builder has put there is no upload
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
