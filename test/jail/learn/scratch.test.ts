import t from 'tap';

import { bytePath } from '../../../lib/tree/path.ts';
import { readMounts } from '../../../lib/tree/mountinfo.ts';
import { mountsToCopy } from '../../../lib/jail/learn/scratch.ts';

const own = ['/proc', '/sys', '/dev', '/tmp'].map((path) => bytePath(path));
const line = (id: number, path: string, type: string, options = 'rw'): string =>
  `${id} 1 0:1 / ${path} ${options} shared:1 - ${type} none rw`;
const read = (...lines: readonly string[]) => readMounts(Buffer.from(lines.join('\n'), 'latin1'));

t.test('a parent comes first, and what the kernel makes or the copy has anew does not come', async (t) => {
  const mounts = read(
    line(1, '/', 'ext4'),
    line(2, '/srv/a', 'xfs'),
    line(3, '/srv', 'ext4'),
    line(4, '/dev/shm', 'tmpfs'),
    line(5, '/run', 'tmpfs'),
    line(6, '/run/netns/x', 'nsfs'),
    line(7, '/tmp/x', 'ext4'),
    line(8, '/srv/cg', 'cgroup2'),
    line(9, '/tmpfile', 'ext4'),
  );
  const { shown, unnamed } = mountsToCopy(mounts, own, () => true);
  t.same(
    shown.map(({ point }) => point),
    ['/srv', '/run', '/tmpfile', '/srv/a'],
  );
  t.same(unnamed, []);
});

t.test('a mount that another one hides is none, and a name that no option can hold is told', async (t) => {
  const mounts = read(
    line(1, '/a', 'ext4'),
    line(2, '/a', 'xfs'),
    line(3, '/b,c', 'xfs'),
    line(4, '/\xff', 'xfs'),
  );
  const { shown, unnamed } = mountsToCopy(mounts, own, ({ id }) => id !== 1);
  t.same(
    shown.map(({ id }) => id),
    [2],
  );
  t.same(
    unnamed.map(({ point }) => point),
    ['/b,c', '/\xff'],
  );
});
