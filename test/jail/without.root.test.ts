import { chmodSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';

import t from 'tap';

import { updateJail } from '../../lib/jail/building.ts';
import { makeDirectory } from '../support/directory.ts';
import { describeTree, filesIn, makeSystem, uchrootJail } from '../support/builder.ts';
import { unlessRoot } from '../support/root.ts';

const asRoot = { skip: unlessRoot() };

t.test(
  'a path that is left out stays out with each update, and its size is shown before',
  asRoot,
  async (t) => {
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
  },
);

t.test('a copy below what is left out brings nothing else of it', asRoot, async (t) => {
  const base = makeDirectory(t);
  const [root, jail] = [`${base}/root`, `${base}/jail`];
  makeSystem(root, '/usr/bin/bash');
  mkdirSync(`${root}/srv/data/large`, { recursive: true });
  for (const path of ['srv/data/small', 'srv/data/large/file', 'own']) writeFileSync(`${root}/${path}`, path);
  const build = (...words: readonly string[]) => uchrootJail(['build', jail, ...words]);
  const words = ['--from', root, '--copy', '/srv/data', '/usr/bin/bash', '--without', '/srv/data/large'];
  t.match(build(...words), { status: 0, stderr: '' });
  t.match(build('--copy', '/own:/srv/data/large/own'), { status: 0, stderr: '' });
  const has = (name: string) => existsSync(`${jail}/srv/data/${name}`);
  t.same(['small', 'large/own', 'large/file'].map(has), [true, true, false]);
  t.match(await updateJail({ directory: jail }), { changes: [], left: [] });
  t.match(build('--copy', '/srv/data/large'), { status: 0, stderr: '' });
  t.ok(has('large/file'), 'it was asked for');
});

t.test('a path to be left out that names nothing is an error, and nothing is built', asRoot, async (t) => {
  const base = makeDirectory(t);
  const [root, jail] = [`${base}/root`, `${base}/jail`];
  makeSystem(root, '/usr/bin/bash');
  const build = (path: string) =>
    uchrootJail(['build', jail, '--from', root, '--without', path, '/usr/bin/bash']);
  const { status, stderr } = build('/usr/lib/nothing');
  t.equal(status, 1);
  t.match(stderr, '/usr/lib/nothing cannot be left out: the jail would have nothing of it\n');
  t.match(
    build('usr/lib').stderr,
    "--without must be an absolute path of something in the jail, not 'usr/lib'\n",
  );
  t.match(build('/').stderr, "--without must be an absolute path of something in the jail, not '/'\n");
  t.notOk(existsSync(jail));
});

t.test(
  'a library that a program needs cannot be left out, and the jail stays as it was',
  asRoot,
  async (t) => {
    const base = makeDirectory(t);
    const [root, jail] = [`${base}/root`, `${base}/jail`];
    makeSystem(root, '/usr/bin/bash');
    const words = ['build', jail, '--from', root, '/usr/bin/bash'];
    uchrootJail(words);
    const library = /^\S*libtinfo[^:\s]*(?=:)/m.exec(uchrootJail(['list', jail]).stdout)?.[0] ?? '';
    const before = describeTree(jail);
    const { status, stderr } = uchrootJail([...words, '--without', library]);
    t.equal(status, 1);
    t.match(
      stderr,
      /^uchroot-jail: library .*libtinfo.*, needed by .*bash: it is to be left out\nhint: do without the --without .*\n$/,
    );
    t.same(describeTree(jail), before);
    t.match(uchrootJail(['update', jail]), { status: 0, stdout: /, up to date\n$/ });
  },
);

t.test('a program that is asked for and left out at once is an error that says so', asRoot, async (t) => {
  const base = makeDirectory(t);
  const [root, jail] = [`${base}/root`, `${base}/jail`];
  makeSystem(root, '/usr/bin/bash');
  const { status, stderr } = uchrootJail([
    'build',
    jail,
    '--from',
    root,
    '--without',
    '/usr/bin',
    '/usr/bin/bash',
  ]);
  t.equal(status, 1);
  t.match(
    stderr,
    /^uchroot-jail: \/usr\/bin\/bash was asked for, and is to be left out as well\nhint: do without .*\n$/,
  );
  t.notOk(existsSync(jail));
});

t.test('a program whose library is not world-readable makes no jail that cannot work', asRoot, async (t) => {
  const base = makeDirectory(t);
  const [root, jail] = [`${base}/root`, `${base}/jail`];
  makeSystem(root, '/usr/bin/bash');
  const library = filesIn(root).find((path) => /libtinfo\.so\.[\d.]+$/.test(path)) ?? '';
  chmodSync(`${root}/${library}`, 0o700);
  const words = ['build', jail, '--from', root, '/usr/bin/bash'];
  t.match(uchrootJail(words), { status: 1, stderr: /libtinfo.*, needed by .*: it is not world-readable\n/ });
  t.notOk(existsSync(jail));
});

t.test('a program is left out by any path that leads to it', asRoot, async (t) => {
  const base = makeDirectory(t);
  const [root, jail] = [`${base}/root`, `${base}/jail`];
  makeSystem(root, '/usr/bin/bash', '/usr/bin/ls');
  symlinkSync('usr/bin', `${root}/bin`);
  t.match(uchrootJail(['build', jail, '--from', root, '/bin/bash', '/bin/ls']), { status: 0 });
  t.match(uchrootJail(['build', jail, '--without', '/usr/bin/ls']), { status: 0, stderr: '' });
  t.match(uchrootJail(['list', jail, '--format', 'json']).stdout, /"programs": \[\s+"\/bin\/bash"\s+\]/);
  t.notOk(existsSync(`${jail}/usr/bin/ls`));
  t.match(uchrootJail(['build', jail, '--without', '/bin/bash']), { status: 0, stderr: '' });
  t.notOk(existsSync(`${jail}/usr/bin/bash`));
});
