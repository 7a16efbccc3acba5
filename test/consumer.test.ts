// The package as its users see it: what is compiled and loaded here resolves by the exports of package.json.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

import t from 'tap';

import './support/plain-spawn.ts';

const root = join(import.meta.dirname, '../..');
const options = { cwd: root, encoding: 'utf8', env: { PATH: process.env.PATH } } as const;

t.test('an ES module and a CommonJS module compile against the types under strict and node16', async (t) => {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(root, 'node_modules/typescript/bin/tsc'), '-p', join(root, 'test/consumer')],
    options,
  );
  t.equal(stdout + stderr, '');
  t.equal(status, 0);
});

t.test('require and import give the same classes, and no other names', async (t) => {
  const script = `
    const [one, two] = [require('uchroot'), require('uchroot/tcpwrappers')];
    Promise.all([import('uchroot'), import('uchroot/tcpwrappers')]).then(([first, second]) => {
      const same = (a, b) => Object.keys(a).every((name) => a[name] === b[name]) && Object.keys(a).length;
      console.log(same(first, one) === Object.keys(one).length, same(second, two) === Object.keys(two).length);
    });`;
  const { stdout } = spawnSync(process.execPath, ['-e', script], options);
  t.equal(stdout, 'true true\n');
});
