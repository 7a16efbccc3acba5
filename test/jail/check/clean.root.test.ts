import { chmodSync, chownSync, mkdirSync, writeFileSync } from 'node:fs';

import t from 'tap';

import { buildJail } from '../../../lib/jail/building.ts';
import { cloneJail } from '../../../lib/jail/clone.ts';
import { checkJail } from '../../../lib/jail/check/jail-check.ts';
import { makeDirectory } from '../../support/directory.ts';
import { describeTree } from '../../support/builder.ts';
import { unlessRoot } from '../../support/root.ts';

const jails: readonly (readonly string[])[] = [
  ['bash', 'ls', 'id'],
  ['perl'],
  ['nginx'],
  ['redis-server'],
  ['/usr/bin/python3'],
];

for (const programs of jails) {
  const names = programs.map((program) => program.replace(/.*\//, ''));
  const options = { skip: unlessRoot(...names) };

  t.test(`nothing is found in a jail of ${programs.join(', ')}, nor in its clone`, options, async (t) => {
    const base = makeDirectory(t);
    const jail = `${base}/jail`;
    await buildJail({ directory: jail, programs, users: ['nobody'] });
    const before = describeTree(jail);
    t.same((await checkJail({ directory: jail })).findings, []);
    t.same((await checkJail({ directory: jail, users: ['nobody'] })).findings, []);
    await cloneJail({ template: jail, directory: `${base}/clone` });
    t.same((await checkJail({ directory: `${base}/clone`, fix: true })).findings, []);
    t.same((await checkJail({ directory: `${base}/clone` })).findings, []);
    t.same(describeTree(jail), before, 'and nothing is changed');
  });
}

const options = { skip: unlessRoot('su', 'strace') };

t.test(
  'nor in one with privileges that were asked for, and what a command was seen to open',
  options,
  async (t) => {
    const jail = `${makeDirectory(t)}/jail`;
    await buildJail({
      directory: jail,
      programs: ['su', 'bash'],
      keepPrivileges: ['/usr/bin/su'],
      learn: ['/usr/bin/bash -c "read -r _ </etc/debian_version"'],
      copies: ['/etc/hostname'],
      users: ['nobody'],
    });
    t.same((await checkJail({ directory: jail })).findings, []);
  },
);

t.test('nor in one with secrets that were copied for a group of its user', options, async (t) => {
  const base = makeDirectory(t);
  const [jail, app] = [`${base}/jail`, `${base}/app`];
  mkdirSync(app);
  for (const name of ['.env', 'key.p12']) {
    writeFileSync(`${app}/${name}`, 'x', { mode: 0o640 });
    chownSync(`${app}/${name}`, 0, 65534);
  }
  await buildJail({
    directory: jail,
    programs: ['bash'],
    copies: [{ from: app, to: '/srv/app' }],
    users: ['nobody'],
  });
  t.same((await checkJail({ directory: jail })).findings, []);
  chmodSync(`${jail}/srv/app/.env`, 0o644);
  chownSync(`${jail}/srv/app/key.p12`, 0, 8);
  const { findings } = await checkJail({ directory: jail });
  const told = findings.filter(({ rule }) => rule === 'secret').map(({ path }) => path);
  t.same(
    told,
    ['/srv/app/.env', '/srv/app/key.p12'],
    'unless another group or everybody can read them by now',
  );
});
