// The checks of a compiled launcher on the paths to its jail and to its pid file.
import {
  chmodSync,
  chownSync,
  cpSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs';

import type { Test } from 'tap';

import { makeJail, rootTest, start, temporaryDirectory, uchroot } from '../support/launch.ts';

const test = rootTest('setfacl');
const jail = makeJail();
const directory = temporaryDirectory();
let count = 0;

/** A launcher of a program that exits with 5. */
class Launcher {
  readonly #file = `${directory}/launcher-${count++}`;

  constructor(options: readonly string[] = [], from = jail) {
    const words = ['--compile', this.#file, ...options, 'nobody', from, '/probe', 'exit', '5'];
    const { status, stderr } = uchroot(words);
    if (status !== 0) throw new Error(stderr);
  }

  runs(by: readonly string[] = []): boolean {
    return start([this.#file], { by }).status === 5;
  }

  refuses(t: Test, message: RegExp): void {
    const { status, stderr } = start([this.#file]);
    t.equal(status, 125);
    t.match(stderr, message);
  }
}

test('an access control list that was added, changed or taken away since is refused', async (t) => {
  const above = `${directory}/listed`;
  const own = `${above}/jail`;
  cpSync(jail, own, { recursive: true });
  chmodSync(`${own}/tmp`, 0o1777);
  chmodSync(above, 0o775);
  const list = (...words: readonly string[]): void => {
    t.equal(start(['setfacl', ...words, above]).status, 0);
  };
  const plain = new Launcher([], own);
  t.ok(plain.runs());
  list('-m', 'u:65534:rwx');
  const another = /^uchroot: jail: \S+\/listed: has another access control list than when [^\n]*\nhint: /;
  plain.refuses(t, another);
  t.ok(new Launcher(['--insecure-path'], own).runs());

  list('-b', '-m', 'u:12:rwx'); // the list lets another user write, so there is a warning
  const listed = new Launcher([], own);
  t.ok(listed.runs());
  list('-m', 'u:65534:rwx');
  listed.refuses(t, another);
  list('-x', 'u:65534', '-m', 'u:13:rwx');
  listed.refuses(t, another);
  list('-x', 'u:13');
  t.ok(listed.runs());
  list('-b');
  chmodSync(above, 0o775);
  listed.refuses(t, another);
  t.ok(plain.runs());
});

test('a directory of the pid file that is another by now is refused, and no pid written', async (t) => {
  const run = `${directory}/run`;
  const file = `${run}/own/x.pid`;
  mkdirSync(`${run}/own`, { recursive: true });
  const marker = new Launcher(['--pid-file', file]);
  t.ok(marker.runs());
  rmSync(file);
  chmodSync(run, 0o777);
  marker.refuses(
    t,
    /^uchroot: pid file: \S+\/run: has owner 0:0 and mode 0777, and had owner 0:0 and mode 0755 /,
  );
  chmodSync(run, 0o755);
  renameSync(`${run}/own`, `${run}/moved`);
  symlinkSync('moved', `${run}/own`);
  marker.refuses(t, /^uchroot: pid file: \S+\/run\/own: not a directory\nhint: /);
  t.strictSame(readdirSync(`${run}/moved`), []);
});

test('a directory of the pid file that boot makes is to be root’s alone', async (t) => {
  const run = `${directory}/boot`;
  const marker = new Launcher(['--pid-file', `${run}/x.pid`]);
  marker.refuses(t, /^uchroot: pid file: \S+\/boot: no such file or directory\nhint: /);
  mkdirSync(run);
  t.ok(marker.runs());
  chownSync(run, 65534, 0);
  marker.refuses(
    t,
    /^uchroot: pid file: \S+\/boot: has owner 65534:0 and mode 0755, and must have owner 0:0 and mode 0755: it did not exist /,
  );
});

test('a stale new pid file is no obstacle, and a name may be as long as any', async (t) => {
  const run = `${directory}/stale`;
  mkdirSync(run);
  const name = `${'x'.repeat(251)}.pid`;
  const marker = new Launcher(['--pid-file', `${run}/${name}`]);
  // $$ is the process that becomes the launcher.
  t.ok(marker.runs(['sh', '-c', `: > '${run}/.uchroot.'$$; exec "$@"`, 'sh']));
  t.strictSame(readdirSync(run), [name]);
});
