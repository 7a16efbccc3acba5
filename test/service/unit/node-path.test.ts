// Which path of node stays when a node manager brings another version.
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

import t from 'tap';

import { isPassing, replaceable, stablePath } from '../../../lib/service/unit/node-path.ts';
import { makeDirectory } from '../../support/directory.ts';

t.test('the path of a node manager that stays is found beside that of the version', async (t) => {
  const rows: readonly (readonly [
    manager: string,
    node: string,
    link: string,
    to: string,
    stable: string,
  ])[] = [
    ['mise', 'installs/node/20.20.2/bin/node', 'installs/node/20', '20.20.2', 'installs/node/20/bin/node'],
    [
      'nvm',
      'nvm/versions/node/v20.20.2/bin/node',
      'nvm/current',
      'versions/node/v20.20.2',
      'nvm/current/bin/node',
    ],
    [
      'fnm',
      'fnm/node-versions/v20.20.2/installation/bin/node',
      'fnm/aliases/default',
      '../node-versions/v20.20.2/installation',
      'fnm/aliases/default/bin/node',
    ],
    [
      'n',
      'n/versions/node/20.20.2/bin/node',
      'local/node',
      '../n/versions/node/20.20.2/bin/node',
      'local/node',
    ],
    ['other version', 'a/node/20.20.2/bin/node', 'a/node/22', '22.1.0', 'a/node/20.20.2/bin/node'],
  ];
  for (const [manager, node, link, to, stable] of rows) {
    const top = makeDirectory(t);
    for (const path of [node, link]) mkdirSync(dirname(`${top}/${path}`), { recursive: true });
    writeFileSync(`${top}/${node}`, '');
    symlinkSync(to, `${top}/${link}`);
    t.equal(stablePath(`${top}/${node}`, [`${top}/${link}`, `${top}/none`]), `${top}/${stable}`, manager);
  }
});

t.test('a link that another user can replace is not named', async (t) => {
  const top = makeDirectory(t);
  const node = `${top}/node/20.20.2/bin/node`;
  const open = `${top}/bin`;
  for (const directory of [dirname(node), open]) mkdirSync(directory, { recursive: true });
  writeFileSync(node, '');
  symlinkSync(node, `${open}/node`);
  symlinkSync('20.20.2', `${top}/node/20`);
  for (const mode of [0o777, 0o1777]) {
    chmodSync(open, mode);
    t.equal(stablePath(node, [`${open}/node`]), mode === 0o777 ? `${top}/node/20/bin/node` : `${open}/node`);
  }
  chmodSync(open, 0o777);
  t.equal(replaceable(`${open}/node`), `${open} can be written by everybody (mode 0777)`);
  chmodSync(`${top}/node`, 0o777);
  t.equal(stablePath(node, [`${open}/node`]), `${open}/node`, 'there is no other');
});

t.test('a path with a version, or of a shell alone, does not stay', async (t) => {
  t.same(
    [
      '/usr/bin/node',
      '/srv/v20/bin/node',
      '/srv/v20.1.0/bin/node',
      '/run/user/0/fnm_multishells/1_2/bin/node',
    ].map(isPassing),
    [false, false, true, true],
  );
  t.equal(stablePath('/none/v20.1.0/bin/node'), '/none/v20.1.0/bin/node');
});
