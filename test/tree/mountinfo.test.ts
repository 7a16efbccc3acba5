import { readFileSync } from 'node:fs';

import t from 'tap';

import { readMounts } from '../../lib/tree/mountinfo.ts';

const read = (text: string) => readMounts(Buffer.from(text, 'latin1'));

t.test('this host can be read, and has a root directory', async (t) => {
  t.ok(readMounts(readFileSync('/proc/self/mountinfo')).some(({ point }) => point === '/'));
});

t.test('octal escapes, optional fields and the options of mount and file system are read', async (t) => {
  t.strictSame(
    read(
      '61 60 0:50 /x\\040y /srv/a\\040b\\011c\\012d\\134e\xff ro,noexec shared:1 master:2 - tmpfs none rw,size=1k',
    ),
    [
      {
        id: 61,
        device: '0:50',
        root: '/x y',
        point: '/srv/a b\tc\nd\\e\xff',
        options: new Set(['ro', 'noexec', 'rw', 'size=1k']),
        type: 'tmpfs',
        source: 'none',
      },
    ],
  );
});

t.test('a line of another form is left out', async (t) => {
  for (const line of [
    '',
    'garbage',
    '8 1 0:1 / /x',
    '8 1 0:1 / /x rw -',
    'x 1 0:1 / /x rw - ext4 none rw',
    '8 1  / /x rw - ext4 none rw',
    '8 1 0:1  /x rw - ext4 none rw',
    '8 1 0:1 /  rw - ext4 none rw',
  ])
    t.strictSame(read(`${line}\n`), [], line);
});
