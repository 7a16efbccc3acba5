// Descriptors and links by which a launch itself could be led out of the jail, before the program runs.
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';

import type { Test } from 'tap';

import { openJail } from '../../../lib/index.ts';
import {
  bothWays,
  isCompiled,
  makeJail,
  rootTest,
  temporaryDirectory,
  uchroot,
} from '../../support/launch.ts';
import { give, ordinary } from '../../support/ordinary.ts';

const test = rootTest();
const either = bothWays();
// Only this file has processes of this uid.
const uid = 61_437;
const user = `${uid}:${uid}`;
const isRoot = process.getuid?.() === 0;
const jail = makeJail();
const outside = isRoot ? temporaryDirectory() : '/';
const store = `${outside}/store`;
const own = ordinary(uid);

// Beside each jail, a program of the host.
const victims = [jail, own.jail].map((directory) => `${directory}/../victim`);
if (isRoot) {
  for (const path of victims) copyFileSync(`${jail}/probe`, path);
  for (const name of ['proc', 'dev', 'home']) mkdirSync(`${jail}/${name}`, { recursive: true });
  give(`${jail}/home`, uid);
  mkdirSync(store, { mode: 0o700 });
}

// Paths that lead out of the jail if one of the first descriptors of the launcher is a directory there.
const waysOut = [3, 4, 5, 6, 7, 8].map((fd) => `/proc/self/fd/${fd}/../victim`);
const beneathOverlay = waysOut.map((path) => path.replace('victim', 'lower/probe'));

const proc = ['--proc', '/proc'];
const forms: readonly (readonly string[])[] = [
  ['--isolate', ...proc],
  ['--isolate', ...proc, '--read-only'],
  ['--isolate', ...proc, '--ephemeral'],
  ['--isolate', ...proc, '--ephemeral-dir', store],
  ['--isolate', ...proc, '--dev', '/dev', '--net', 'host'],
  ['--unshare', 'mount', '--unshare', 'pid', ...proc],
];
either('no descriptor of a launch leads the program out of the jail', async (t) => {
  // a compiled launcher is the same program; each path takes a compilation: the form with the most descriptors, and the least
  for (const form of isCompiled() ? [...forms.slice(3, 4), ...forms.slice(-1)] : forms) {
    const start = (program: string) => uchroot([...form, user, jail, program, 'exit', '7']);
    t.equal(start('/probe').status, 7, form.join(' '));
    const isOverlay = form.some((word) => word.startsWith('--ephemeral'));
    const paths = isOverlay ? [...waysOut, ...beneathOverlay] : waysOut;
    const led = paths.filter((path) => start(path).status === 7);
    t.same(led, [], form.join(' '));
  }
});

test('nor without root', async (t) => {
  const start = (program: string) => own.run([...proc, 'root', own.jail, program, 'exit', '7']);
  t.equal(start('/probe').status, 7);
  t.same(
    waysOut.filter((path) => start(path).status === 7),
    [],
  );
});

test('nor in an open jail, whatever its launches share', async (t) => {
  const views = [[{ proc: '/proc' }], [{ proc: '/proc' }, { tmpfs: '/tmp' }]];
  for (const share of ['all', 'net', 'none'] as const)
    for (const view of views) {
      const opened = await openJail(jail, { user, isolate: true, share, view });
      const start = async (program: string) =>
        (await opened.run({ program, args: ['exit', '7'], reject: false }).catch(() => undefined))?.exitCode;
      t.equal(await start('/probe'), 7, share);
      const led: string[] = [];
      for (const path of waysOut) if ((await start(path)) === 7) led.push(path);
      t.same(led, [], share);
      opened.close();
    }
});

// A link of the program in the jail, for one test.
function link(t: Test, name: string, to: string): void {
  symlinkSync(to, `${jail}/home/${name}`);
  t.teardown(() => rmSync(`${jail}/home/${name}`));
}

either('--dir makes no directory outside of the jail, and changes the mode of nothing', async (t) => {
  for (let fd = 3; fd < 9; fd++) {
    link(t, `out${fd}`, `/proc/self/fd/${fd}/..`);
    const words = ['--isolate', ...proc, '--dir', `/home/out${fd}/made`];
    uchroot([...words, user, jail, '/probe', 'exit', '0']);
    t.notOk(existsSync(`${jail}/../made`), `${fd}`);
  }
  // whatever the umask of the caller
  const made = uchroot(['--isolate', '--umask', '077', '--dir', '/made', user, jail, '/probe', 'exit', '7']);
  t.equal(made.status, 7, made.stderr);
  t.equal(statSync(`${jail}/made`).mode & 0o777, 0o755);
  rmSync(`${jail}/made`, { recursive: true });
});

either('--writable follows no link of the program', async (t) => {
  writeFileSync(`${jail}/dir/file`, 'whole');
  link(t, 'sub', '/dir');
  const words = ['--isolate', '--read-only', '--writable'];
  const refused = uchroot([...words, '/home/sub', user, jail, '/probe', 'exit', '7']);
  t.match(refused, {
    status: 125,
    stderr:
      /open_tree: \/home\/sub of the jail .*leads through a link.*\nhint: name the path that the link leads to/,
  });
  t.equal(uchroot([...words, '/home', user, jail, '/probe', 'exit', '7']).status, 7);
  t.equal(readFileSync(`${jail}/dir/file`, 'utf8'), 'whole');
});
