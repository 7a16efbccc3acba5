import { existsSync, mkdirSync, writeFileSync } from 'node:fs';

import t from 'tap';

import { updateJail } from '../../lib/jail/update.ts';
import { makeDirectory, makeSystem, uchrootJail } from '../support/builder.ts';
import { unlessRoot } from '../support/root.ts';

const asRoot = { skip: unlessRoot() };

t.test('what is left out stays out with each update, and its size is shown before', asRoot, async (t) => {
  const base = makeDirectory(t);
  const [root, jail] = [`${base}/root`, `${base}/jail`];
  makeSystem(root, '/usr/bin/bash');
  mkdirSync(`${root}/srv/data/large`, { recursive: true });
  writeFileSync(`${root}/srv/data/small`, 'x');
  writeFileSync(`${root}/srv/data/large/file`, Buffer.alloc(9_000_000));
  const words = ['build', jail, '--from', root, '--copy', '/srv/data', '/usr/bin/bash'];
  const planned = uchrootJail([...words, '--plan']);
  t.match(planned.stdout, 'part files of no package, ');
  t.match(planned.stdout, ': /srv/data/large/file, to be copied\n');
  t.equal(uchrootJail([...words, '--without', '/srv/data/large']).status, 0);
  t.ok(existsSync(`${jail}/srv/data/small`));
  t.notOk(existsSync(`${jail}/srv/data/large`));
  writeFileSync(`${root}/srv/data/large/more`, 'x');
  await updateJail({ directory: jail });
  t.notOk(existsSync(`${jail}/srv/data/large`), 'the recipe keeps it');
});

t.test('a path to be left out that names nothing is an error, and nothing is built', asRoot, async (t) => {
  const base = makeDirectory(t);
  const [root, jail] = [`${base}/root`, `${base}/jail`];
  makeSystem(root, '/usr/bin/bash');
  const build = (path: string) =>
    uchrootJail(['build', jail, '--from', root, '--without', path, '/usr/bin/bash']);
  const { status, stderr } = build('/usr/lib/nothing');
  t.equal(status, 1);
  t.match(stderr, 'nothing of /usr/lib/nothing, which is to be left out, would be in the jail\n');
  t.match(build('usr/lib').stderr, 'usr/lib is no absolute path of something in the jail\n');
  t.match(build('/').stderr, '/ is no absolute path of something in the jail\n');
  t.notOk(existsSync(jail));
});

t.test('a library that a program needs cannot be left out', asRoot, async (t) => {
  const base = makeDirectory(t);
  makeSystem(`${base}/root`, '/usr/bin/bash');
  const words = ['build', `${base}/jail`, '--from', `${base}/root`, '/usr/bin/bash'];
  uchrootJail(words);
  const libraries = uchrootJail(['list', `${base}/jail`]).stdout.match(/^\S*libtinfo[^:\s]*(?=:)/m);
  const { status, stderr } = uchrootJail([...words, '--without', libraries?.[0] ?? '']);
  t.equal(status, 1);
  t.match(stderr, /libtinfo.*in the jail/);
});
