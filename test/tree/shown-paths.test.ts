// By which other paths the host has what is mounted beneath a path.
import t from 'tap';

import { readMounts } from '../../lib/tree/mountinfo.ts';
import type { BytePath } from '../../lib/tree/path.ts';
import { shownPaths } from '../../lib/tree/shown-paths.ts';

const host = [
  '1 0 8:1 / / rw - ext4 /dev/sda1 rw',
  '2 1 0:20 / /run rw - tmpfs tmpfs rw',
  '3 1 0:21 / /proc rw - proc proc rw',
  '4 1 0:22 / /dev rw - devtmpfs dev rw',
];
const shown = (path: string, ...more: readonly string[]) =>
  shownPaths(path as BytePath, readMounts(Buffer.from([...host, ...more].join('\n'))));

t.test('a path that is mounted once has no other name', async (t) => {
  for (const path of ['/', '/srv', '/run/web', '/dev/null'])
    t.same(
      shown(path).filter((one) => one.point === undefined),
      [],
      path,
    );
});

t.test('a second mount shows the directory itself, one above, or one in it', async (t) => {
  t.same(shown('/mnt', '9 1 0:20 / /mnt rw - tmpfs tmpfs rw'), [{ path: '/run' }]);
  t.same(shown('/mnt/a', '9 1 0:20 / /mnt rw - tmpfs tmpfs rw'), [{ path: '/run/a' }]);
  t.same(shown('/mnt', '9 1 0:20 /dbus /mnt rw - tmpfs tmpfs rw'), [{ path: '/run/dbus' }]);
  t.same(shown('/data', '8 1 8:2 / /data rw - ext4 b rw', '9 1 8:2 /etc /etc rw - ext4 b rw'), [
    { path: '/etc' },
  ]);
});

t.test('a mount in the directory counts, and a file system of the kernel by its type', async (t) => {
  t.same(
    shown(
      '/srv/old',
      '8 1 0:99 / /srv/old/proc rw - proc proc rw',
      '9 1 0:20 /web /srv/old/w rw - tmpfs t rw',
    ),
    [
      { point: '/srv/old/proc', path: '/proc' },
      { point: '/srv/old/w', path: '/run/web' },
    ],
  );
  t.same(shown('/srv/sub', '9 1 0:99 / /srv/sub rw - sysfs sysfs rw'), [{ path: '/sys' }]);
});

t.test('the last mount at a place is on top', async (t) => {
  t.same(shown('/mnt/x', '8 1 0:20 / /mnt rw - tmpfs t rw', '9 8 8:9 / /mnt rw - ext4 c rw'), []);
});
