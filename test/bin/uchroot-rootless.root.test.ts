// What a hostile program tries in a jail that an ordinary user has started. Its uid is the caller's, so each process of that user is a
// helper outside.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, copyFileSync, linkSync, rmSync } from 'node:fs';

import type { Test } from 'tap';

import { putFile, putProgram, rootTest, temporaryDirectory } from '../support/launch.ts';
import { give, ordinary } from '../support/ordinary.ts';
import { compiled } from '../support/programs.ts';
import { compareWithPage, passedIn, type Attempts } from '../support/threats.ts';

const test = rootTest('setpriv');
const uid = 61_415;
const { by, jail, run } = ordinary(uid);
const user = String(uid);
const [EPERM, ENOENT, ESRCH, EBADF, EACCES, EXDEV, ECONNREFUSED] = [1, 2, 3, 9, 13, 18, 111];
const isRoot = process.getuid?.() === 0;

if (isRoot) {
  copyFileSync(compiled('walled'), `${jail}/walled`);
  chmodSync(`${jail}/walled`, 0o755);
  give(`${jail}/walled`, uid);
}

interface Outside {
  readonly directory: string;
  readonly words: readonly string[];
}

// As in uchroot-landlock.root.test.ts: somebody outside passes descriptors in, listens, and has secrets.
async function withOutside<Result>(t: Test, body: (outside: Outside) => Result): Promise<Result> {
  const directory = temporaryDirectory();
  for (const name of ['secret', 'other', 'removed']) putFile(`${directory}/${name}`, 'secret\n', 0o600);
  putProgram(`${directory}/probe`);
  give(directory, uid);
  for (const name of ['way', 'own', 'other', 'device']) rmSync(`${jail}/tmp/${name}`, { force: true });
  putFile(`${jail}/tmp/own`, 'secret\n', 0o600);
  give(`${jail}/tmp/own`, uid);
  const name = `uchroot-test-${process.pid}`;
  const [file, ...args] = ['setpriv', ...by.slice(1), compiled('walled'), 'outside', `${jail}/tmp/way`, name];
  const child = spawn(file, args, { stdio: ['pipe', 'pipe', 'inherit'], env: {} });
  t.teardown(() => child.kill('SIGKILL'));
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  const { pid, port, address } = JSON.parse(line.toString()) as Record<string, number>;
  linkSync(`${jail}/tmp/way`, `${directory}/way`);
  const result = body({
    directory,
    words: ['/tmp/way', name, directory.slice(1), String(pid), String(port), String(address)],
  });
  child.stdin.end();
  await once(child, 'exit');
  return result;
}

function attempts(options: readonly string[], words: readonly string[], who = user): Attempts {
  const ended = run([...options, who, jail, ...words]);
  if (ended.status !== 0) throw new Error(`${ended.status}: ${ended.stderr}`);
  return JSON.parse(ended.stdout.slice(ended.stdout.indexOf('{'))) as Attempts;
}

// What Landlock does not see, as with --landlock alone.
const unseen = { 'look at the status': 0, 'change the mode': 0, 'go there': 0, 'connect to a path': 0 };
const harmless = { 'signal to an own process': 0, 'own abstract socket': 0 };

// What the namespaces and the filter stop, although the uid outside is the same.
const stopped = {
  'link out': EXDEV,
  'rename out': EXDEV,
  'rename in': EXDEV,
  'connect to an abstract name': ECONNREFUSED,
  'connect to a port': ECONNREFUSED,
  'read by /proc/PID/root': ENOENT,
  'read an environment': ENOENT,
  signal: ESRCH,
  'signal by descriptor': EBADF,
  'read memory': EPERM,
  'take a descriptor': EPERM,
  trace: EPERM,
  'trace an own process': EPERM,
  'ioctl on a device': EBADF,
  'ioctl on a terminal': EBADF,
};
const all = (names: readonly string[], errno: number): Attempts =>
  Object.fromEntries(names.map((name) => [name, errno]));

test('a process of the same user is out of reach; Landlock also stops what a helper passes in', async (t) => {
  for (const who of [user, 'root']) {
    await withOutside(t, ({ words }) => {
      t.same(
        attempts(['--proc', '/proc'], ['/walled', 'try', ...words], who),
        { ...stopped, ...all(passedIn, 0), ...unseen, ...harmless },
        who,
      );
    });
    await withOutside(t, ({ words }) => {
      t.same(
        attempts(['--proc', '/proc', '--landlock'], ['/walled', 'try', ...words], who),
        { ...stopped, ...all(passedIn, EACCES), ...unseen, ...harmless },
        who,
      );
    });
  }
});

const caps = ['--cap', 'mknod,sys_admin,dac_read_search,sys_chroot'];

test('capabilities in the user namespace are none on the host', async (t) => {
  for (const options of [[], caps])
    await withOutside(t, ({ directory }) => {
      const found = attempts(options, ['/walled', 'caps', directory.slice(1)], 'root');
      const refused = ['device', 'mount', 'handle', 'open by handle', 'chroot', 'chroot again'];
      t.same(found, {
        ...all(refused, EPERM),
        'read after a chroot out': ENOENT,
        'list after a chroot out': 0, // of the jail
      });
    });
});

test('the rootless level stops what doc/isolation.md says that it stops', async (t) => {
  const options = ['--proc', '/proc', '--dev', '/dev'];
  const tried = await withOutside(t, ({ words }) => attempts(options, ['/walled', 'try', ...words]));
  const far = ({ directory }: Outside): Attempts =>
    attempts([...caps, ...options], ['/walled', 'caps', directory.slice(1)], 'root');
  compareWithPage(t, 'rootless', tried, await withOutside(t, far));
});
