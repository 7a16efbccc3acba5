// The package as its users see it: what is compiled and loaded here resolves by the exports of package.json.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

import t from 'tap';

import './support/plain-spawn.ts';
import { sanitizerEnv } from './support/sanitizer.ts';

const root = join(import.meta.dirname, '../..');
const options = { cwd: root, encoding: 'utf8', env: { PATH: process.env.PATH, ...sanitizerEnv } } as const;

t.test('an ES module and a CommonJS module compile against the types under strict and node16', async (t) => {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(root, 'node_modules/typescript/bin/tsc'), '-p', join(root, 'test/consumer')],
    options,
  );
  t.equal(stdout + stderr, '');
  t.equal(status, 0);
});

t.test('all entry points compile as for a bundler, under strict alone', async (t) => {
  const directory = t.testdir({
    'main.ts': `import { openJail } from 'uchroot';
      import { getpwnam } from 'uchroot/posix';
      import { openHosts } from 'uchroot/tcpwrappers';
      export const calls: readonly ((...args: never[]) => unknown)[] = [openJail, getpwnam, openHosts];
      export const uid: number | undefined = getpwnam('root')?.uid;`,
  });
  const flags = `--ignoreConfig --noEmit --strict --target es2022 --lib es2023,esnext.disposable --module esnext
    --moduleResolution bundler --types node`;
  const { status, stdout } = spawnSync(
    process.execPath,
    [join(root, 'node_modules/typescript/bin/tsc'), ...flags.split(/\s+/), 'main.ts'],
    { ...options, cwd: directory },
  );
  t.equal(stdout, '');
  t.equal(status, 0);
});

t.test(
  'require and import give the same classes, and the same names, hidden ones too; the default import is what require gives',
  async (t) => {
    const script = `
    const names = ['uchroot', 'uchroot/posix', 'uchroot/tcpwrappers'];
    const namesOf = (all) => Object.getOwnPropertyNames(all).filter((name) => name !== '__esModule');
    Promise.all(names.map((name) => import(name))).then((imported) => {
      const same = ({ default: all, ...named }, b) =>
        all === b && Object.keys(named).every((name) => named[name] === b[name]) && Object.keys(named).length;
      console.log(...imported.map((one, at) => same(one, require(names[at])) === namesOf(require(names[at])).length));
    });`;
    const { stdout } = spawnSync(process.execPath, ['-e', script], options);
    t.equal(stdout, 'true true true\n');
  },
);
