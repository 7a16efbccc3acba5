// Launching, checking and building make the same judgement about who can replace a jail.
import { chmodSync, chownSync, lchownSync, mkdirSync, renameSync, statSync, symlinkSync } from 'node:fs';

import type { Test } from 'tap';

import { makeDirectory } from '../support/directory.ts';
import { withAccounts } from '../support/accounts.ts';
import {
  makeJail,
  packageDirectory,
  putProgram,
  rootTest,
  start,
  temporaryDirectory,
} from '../support/launch.ts';

const test = rootTest('setfacl', 'unshare');
const accounts = withAccounts();
const uchroot = [process.execPath, `${packageDirectory}/dist/bin/uchroot.cjs`];
const uchrootJail = [process.execPath, `${packageDirectory}/dist/bin/uchroot-jail.cjs`];

type Verdict = 'refused' | 'warned' | 'accepted';

// A jail in its own directory, which the tests change.
function place(): { readonly parent: string; readonly jail: string } {
  const jail = makeJail();
  mkdirSync(`${jail}/dev`);
  must('mknod', '-m', '0666', `${jail}/dev/null`, 'c', '1', '3');
  return { parent: jail.slice(0, -'/jail'.length), jail };
}

function must(...words: readonly string[]): void {
  const { status, stderr } = start(words);
  if (status !== 0) throw new Error(stderr);
}

function launch(words: readonly string[]): Verdict {
  const ended = start([...accounts, ...uchroot, ...words, '/probe', 'exit', '5']);
  if (ended.status === 125 && ended.stderr.startsWith('uchroot: jail: ')) return 'refused';
  if (ended.status !== 5) throw new Error(ended.stderr);
  return ended.stderr.startsWith('uchroot: warning: jail: ') ? 'warned' : 'accepted';
}

function check(jail: string, user: string): Verdict {
  const ended = start([...accounts, ...uchrootJail, 'check', '--user', user, '--format', 'json', jail]);
  const { findings } = JSON.parse(ended.stdout) as {
    findings: { rule: string; severity: string }[];
  };
  const first = findings.find(({ rule }) => /^path-(?:root|owner|writable|shared)$/.test(rule));
  if (first === undefined) return 'accepted';
  return first.severity === 'error' ? 'refused' : 'warned';
}

function agree(t: Test, jail: string, verdict: Verdict, options: readonly string[] = []): void {
  t.equal(launch([...options, 'sam', jail]), verdict, 'uchroot');
  t.equal(launch(['--check', ...options, 'sam', jail]), verdict, 'uchroot --check');
  t.equal(check(jail, 'sam'), verdict, 'uchroot-jail check --user');
}

test('a list on the parent that lets another account write is warned of by all alike', async (t) => {
  const { parent, jail } = place();
  agree(t, jail, 'accepted');
  must('setfacl', '-m', 'u:1002:rwx', parent);
  agree(t, jail, 'warned');
  must('setfacl', '-m', 'u:1001:rwx', parent);
  agree(t, jail, 'refused');
  must('setfacl', '-m', 'm::rx', parent);
  agree(t, jail, 'accepted');
});

test('a group that the user is not in, and that can write, is warned of by all alike', async (t) => {
  const { parent, jail } = place();
  chownSync(parent, 0, 100);
  chmodSync(parent, 0o775);
  agree(t, jail, 'warned');
});

test('a list of six hundred entries is read to its end', async (t) => {
  // tmpfs accepts a list of this size; ext4 does not.
  const parent = makeDirectory(t, '/dev/shm');
  mkdirSync(`${parent}/jail`);
  putProgram(`${parent}/jail/probe`);
  mkdirSync(`${parent}/jail/dev`);
  must('mknod', '-m', '0666', `${parent}/jail/dev/null`, 'c', '1', '3');
  const entries = Array.from({ length: 600 }, (_, index) => `u:${60_000 + index}:r-x`);
  must('setfacl', '-m', [...entries, 'g:44:rwx'].join(','), parent);
  agree(t, `${parent}/jail`, 'refused');
});

test('a group of the user counts whatever groups he is given', async (t) => {
  const { jail } = place();
  chownSync(jail, 0, 44);
  chmodSync(jail, 0o775);
  agree(t, jail, 'refused');
  for (const options of [['--clear-groups'], ['--groups', 'audio']]) agree(t, jail, 'refused', options);
  t.equal(launch(['sam:audio', jail]), 'refused', 'USER:GROUP');
  t.equal(launch(['--clear-groups', 'sam:audio', jail]), 'refused');
  t.equal(launch(['--insecure-path', '--clear-groups', 'sam', jail]), 'warned');
});

test("the host's root directory is no jail, by whatever name", async (t) => {
  const { parent } = place();
  symlinkSync('/', `${parent}/link`);
  const names = ['/', '/srv/..', '/proc/self/root', '/proc/thread-self/root/.', `${parent}/link`];
  for (const name of names) {
    const ended = start([...uchroot, 'nobody', name, '/bin/true']);
    t.equal(ended.status, 125, name);
    t.equal(
      ended.stderr,
      "uchroot: jail: / is the host's own root directory: the program would not be locked in\n" +
        'hint: uchroot-jail build /srv/jail /bin/true   # or accept the risk with --insecure-path\n',
    );
    t.equal(start([...uchroot, '--insecure-path', 'nobody', name, '/bin/true']).status, 0, name);
  }
});

test('a bind mount of the root directory is the root directory', async (t) => {
  const { jail } = place();
  const mounted = ['unshare', '--mount', 'sh', '-c', `mount --bind / '${jail}' && exec "$@"`, 'sh'];
  const ended = start([...mounted, ...uchroot, 'nobody', jail, '/bin/true']);
  t.equal(ended.status, 125);
  t.match(ended.stderr, /^uchroot: jail: [^\n]*\/jail is the host's own root directory: /);
});

test('a link of somebody else in a directory for everybody is refused by all alike', async (t) => {
  const { parent, jail } = place();
  const shared = `${parent}/shared`;
  mkdirSync(shared);
  chmodSync(shared, 0o1777);
  symlinkSync(jail, `${shared}/link`);
  agree(t, `${shared}/link`, 'accepted');
  for (const uid of [1001, 1002]) {
    lchownSync(`${shared}/link`, uid, uid);
    agree(t, `${shared}/link`, 'refused');
  }
});

test('a link that leads to another one in its directory counts with it', async (t) => {
  const { parent, jail } = place();
  const shared = `${parent}/shared`;
  mkdirSync(shared);
  chmodSync(shared, 0o1777);
  symlinkSync('his', `${shared}/ours`);
  symlinkSync(jail, `${shared}/his`);
  lchownSync(`${shared}/his`, 1001, 1001);
  agree(t, `${shared}/ours`, 'refused');
});

test('the directories above what a link leads to count', async (t) => {
  const { parent, jail } = place();
  mkdirSync(`${parent}/open`);
  symlinkSync(`${parent}/open/jail`, `${parent}/link`);
  renameSync(jail, `${parent}/open/jail`);
  agree(t, `${parent}/link`, 'accepted');
  chmodSync(`${parent}/open`, 0o777);
  agree(t, `${parent}/link`, 'refused');
});

test('a jail that is named by a link to its own directory is judged as that directory', async (t) => {
  const { jail } = place();
  symlinkSync('.', `${jail}/self`);
  agree(t, `${jail}/self`, 'accepted');
  chmodSync(jail, 0o1777);
  agree(t, `${jail}/self`, 'refused');
});

test('a directory of another mount namespace is refused, and not one of this one entered', async (t) => {
  const { parent, jail } = place();
  const other = `${parent}/other`;
  mkdirSync(other);
  // Another program is at the same path there.
  const script = `mount --bind '${other}' '${jail}' && echo up && exec sleep 60`;
  putProgram(`${other}/probe`);
  const { spawn } = await import('node:child_process');
  const holder = spawn('unshare', ['--mount', 'sh', '-c', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.teardown(() => holder.kill('SIGKILL'));
  await new Promise((resolve) => holder.stdout.once('data', resolve));
  const inside = `/proc/${holder.pid}/root${jail}`;
  t.equal(statSync(`${inside}/probe`).ino, statSync(`${other}/probe`).ino);
  const ended = start([...uchroot, 'nobody', inside, '/probe', 'exit', '5']);
  t.equal(ended.status, 125);
  t.equal(
    ended.stderr,
    `uchroot: jail: /proc/${holder.pid}/root: cross-device link not permitted\n` +
      'hint: it leads into another mount namespace: start uchroot in that one, with nsenter --mount --target PID\n',
  );
});

test('a link of /proc to a directory that has a path here is followed, and the path judged', async (t) => {
  const { parent, jail } = place();
  const by = ['sh', '-c', 'exec 7< "$0"; exec "$@"', jail];
  const words = [...uchroot, 'nobody', '/proc/self/fd/7', '/probe', 'exit', '5'];
  t.equal(start([...by, ...words]).status, 5);
  chmodSync(parent, 0o777);
  t.match(start([...by, ...words]).stderr, /, above the jail, can be written by everybody \(mode 0777\)/);
});

test('the builder takes no way that a check would refuse', async (t) => {
  const parent = temporaryDirectory();
  const build = (): string => start([...uchrootJail, 'build', `${parent}/jail`, '/bin/true']).stderr;
  must('setfacl', '-m', 'u:1002:rwx', parent);
  t.match(build(), /can be written by uid 1002 through an access control list\n/);
  must('setfacl', '-b', parent);
  chownSync(parent, 0, 100);
  chmodSync(parent, 0o775);
  t.match(build(), /can be written by gid 100 \(mode 0775\)\n/);
});
