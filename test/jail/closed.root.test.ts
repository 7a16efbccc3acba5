// Directories of the host that only root can search.

import { chmodSync, copyFileSync, existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs';

import t from 'tap';

import { updateJail } from '../../lib/jail/building.ts';
import { makeDirectory } from '../support/directory.ts';
import { makeSystem, uchrootJail } from '../support/builder.ts';
import { unlessRoot } from '../support/root.ts';

const asRoot = { skip: unlessRoot('ldd') };

t.test(
  'files of a program in /etc come only from an open directory, and an update removes what came before',
  asRoot,
  async (t) => {
    const base = makeDirectory(t);
    const [root, jail] = [`${base}/root`, `${base}/jail`];
    makeSystem(root, '/usr/bin/bash');
    for (const path of ['etc/backup/deep', 'usr/local/bin'])
      mkdirSync(`${root}/${path}`, { recursive: true });
    copyFileSync(`${root}/usr/bin/bash`, `${root}/usr/local/bin/backup`);
    for (const path of ['backup.conf', 'deep/key']) writeFileSync(`${root}/etc/backup/${path}`, 'password=x');
    const words = ['build', jail, '--from', root, '--user', 'nobody', '/usr/local/bin/backup'];
    t.match(uchrootJail(words), { status: 0, stderr: '' });
    t.ok(existsSync(`${jail}/etc/backup/deep/key`));
    chmodSync(`${root}/etc/backup`, 0o700);
    const { changes, warnings } = await updateJail({ directory: jail });
    t.match(warnings, ['left out because not world-readable: /etc/backup; --copy /etc/backup copies them']);
    t.same(
      changes.map(({ kind, path }) => `${kind} ${path}`).toSorted(),
      ['', '/backup.conf', '/deep', '/deep/key'].map((path) => `removed /etc/backup${path}`),
    );
    t.notOk(existsSync(`${jail}/etc/backup`));
    t.match(uchrootJail([...words, '--copy', '/etc/backup']), { status: 0, stderr: '' });
    t.equal(statSync(`${jail}/etc/backup`).mode & 0o7777, 0o700, 'as on the host');
  },
);

t.test('a program in a closed directory works, and the closed ones beside it stay out', asRoot, async (t) => {
  const base = makeDirectory(t);
  const [root, jail] = [`${base}/root`, `${base}/jail`];
  makeSystem(root, '/usr/bin/bash');
  for (const path of ['bin', 'private', 'share']) mkdirSync(`${root}/opt/shop/${path}`, { recursive: true });
  copyFileSync(`${root}/usr/bin/bash`, `${root}/opt/shop/bin/shop`);
  for (const path of ['private/customers', 'share/page'])
    writeFileSync(`${root}/opt/shop/${path}`, path, { mode: 0o644 });
  for (const path of ['opt/shop', 'opt/shop/private']) chmodSync(`${root}/${path}`, 0o700);
  const { status, stderr } = uchrootJail(['build', jail, '--from', root, '/opt/shop/bin/shop']);
  t.equal(status, 0);
  t.match(stderr, 'left out because not world-readable: /opt/shop/private; --copy /opt/shop/private');
  t.ok(existsSync(`${jail}/opt/shop/share/page`));
  t.notOk(existsSync(`${jail}/opt/shop/private`));
});
