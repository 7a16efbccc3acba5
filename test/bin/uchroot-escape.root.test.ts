import { chmodSync, chownSync, mkdirSync } from 'node:fs';

import { isolated } from '../support/isolation.ts';
import { bothWays, makeJail, oddCaller, putProgram, start, uchroot } from '../support/launch.ts';
import { probe, readState } from '../support/probe.ts';

const test = bothWays('setcap');
const jail = makeJail();
const EPERM = 1;
const EACCES = 13;

// The filter of an isolated launch kills for a call of the 32-bit table: uchroot-seccomp.root.test.ts.
const escape = ['escape', ...(isolated ? ['own'] : [])];

type Attempts = Readonly<Record<string, number>>;

function attempts(options: readonly string[] = [], words: readonly string[] = []): Attempts {
  const ended = uchroot([...options, 'nobody', jail, '/probe', ...escape], { by: oddCaller(...words) });
  if (ended.status !== 0) throw new Error(ended.stderr);
  return JSON.parse(ended.stdout.slice(ended.stdout.indexOf('{'))) as Attempts;
}

function pick(found: Attempts, names: readonly string[]): Attempts {
  return Object.fromEntries(names.map((name) => [name, found[name] ?? -1]));
}

function all(names: readonly string[], errno: number): Attempts {
  return Object.fromEntries(names.map((name) => [name, errno]));
}

test('there is no way back to root', async (t) => {
  const names = ['setuid', 'setreuid', 'setresuid', 'setgid', 'setresgid', 'setgroups', 'setgroups to none'];
  for (const words of [['umask=022'], ['ambient'], ['groups', 'fds=3']]) {
    const found = attempts([], words);
    t.same(pick(found, names), all(names, EPERM), words.join(' '));
    t.equal(found.fsuid, 65534);
  }
});

test('no privileged call succeeds', async (t) => {
  const found = attempts([], ['ambient']);
  const names = [
    'chroot',
    'mount',
    'mknod of a block device',
    'raised capability',
    'unshare of a user namespace',
  ];
  t.same(pick(found, names), all(names, EPERM));
  t.same(pick(found, ['signal to the starter', 'ptrace of the starter']), {
    // init has the ids of the user; the kernel passes it no signal that would end or stop it (pid_namespaces(7))
    'signal to the starter': isolated ? 0 : EPERM,
    'ptrace of the starter': EPERM,
  });
  t.equal(found.nice, EACCES);
  t.equal(found['hard limit'], EPERM);
  t.equal(found['dot dot'], 2, 'ENOENT: the root directory has no parent');
});

const injections = ['TIOCSTI', 'TIOCSTI with a high bit', 'TIOCLINUX', 'TIOCLINUX with a high bit'];
const otherTables = ['x32 TIOCSTI', 'x32 getpid', 'i386 TIOCSTI', 'i386 TIOCLINUX'];
const keyrings = ['add_key', 'request_key', 'keyctl', 'keyctl join'];
const otherKeyrings = ['i386 add_key', 'i386 request_key', 'i386 keyctl'];

function tables(names: readonly string[], others: readonly string[]): readonly string[] {
  return process.arch === 'x64' && !isolated ? [...names, ...others] : names;
}

test('letters cannot be pushed into the terminal (CVE-2016-2781), nor with a high bit (CVE-2019-10063)', async (t) => {
  const names = tables(injections, otherTables);
  t.same(pick(attempts([], ['pty']), names), all(names, EPERM));
  const free = start([`${jail}/probe`, 'escape'], { by: oddCaller('pty') });
  t.equal(
    (JSON.parse(free.stdout.slice(free.stdout.indexOf('{'))) as Attempts).TIOCSTI,
    0,
    'outside they can',
  );
});

test("the kernel's keyrings are refused", async (t) => {
  const names = tables(keyrings, otherKeyrings);
  t.same(pick(attempts([], ['keyring']), names), all(names, EPERM));
});

test('root in a jail, insisted upon, is under the same filter and without capabilities', async (t) => {
  const ended = uchroot(['--allow-root', 'root', jail, '/probe', ...escape]);
  const found = JSON.parse(ended.stdout) as Attempts;
  const names = [
    'chroot',
    'mount',
    'mknod of a block device',
    'setgroups',
    ...tables(keyrings, otherKeyrings),
    ...injections,
  ];
  t.same(pick(found, names), all(names, EPERM));
});

test("a set-user-ID file of root's in the jail gives nothing", async (t) => {
  putProgram(`${jail}/setuid`, 0o4755);
  putProgram(`${jail}/setgid`, 0o2755);
  for (const program of ['/setuid', '/setgid']) {
    const { uid, gid, effective, permitted } = readState(uchroot(['nobody', jail, program]));
    t.same({ uid, gid }, { uid: [65534, 65534, 65534, 65534], gid: [65534, 65534, 65534, 65534] });
    t.same({ effective, permitted }, { effective: '0', permitted: '0' });
  }
});

test('with --allow-new-privs it runs with uid 0, and without any capability', async (t) => {
  const state = readState(uchroot(['--allow-new-privs', 'nobody', jail, '/setuid']));
  t.same(state.uid, [65534, 0, 0, 0]);
  t.equal(state.noNewPrivs, 0);
  t.equal(state.seccomp, 2, 'the filter is there all the same');
  const { effective, permitted, inheritable, bounding, ambient } = state;
  t.same(
    { effective, permitted, inheritable, bounding, ambient },
    { effective: '0', permitted: '0', inheritable: '0', bounding: '0', ambient: '0' },
  );
});

test('a file with capabilities does not start, and the message says why', async (t) => {
  putProgram(`${jail}/capable`);
  t.equal(start(['setcap', 'cap_net_raw=ep', `${jail}/capable`]).status, 0);
  // With nothing in the bounding set the kernel does not execute such a file at all (capabilities(7)).
  for (const options of [[], ['--allow-new-privs']]) {
    const ended = uchroot([...options, 'nobody', jail, '/capable']);
    // In an isolated jail, which is mounted nosuid, the file has no capabilities (mount(8)).
    if (isolated && options.length === 0) {
      const { effective, permitted } = readState(ended);
      t.same({ effective, permitted }, { effective: '0', permitted: '0' });
      continue;
    }
    t.equal(ended.status, 126);
    t.match(
      ended.stderr,
      /^uchroot: execve: \/capable: operation not permitted, [^\n]*\nhint: getcap [^\n]*\n$/,
    );
  }
  const allowed = readState(uchroot(['--cap', 'net_raw', 'nobody', jail, '/capable']));
  t.equal(allowed.effective, (1 << 13).toString(16));
});

test('what lies in a directory of root is out of reach', async (t) => {
  mkdirSync(`${jail}/root`, { recursive: true });
  chownSync(`${jail}/root`, 0, 0);
  chmodSync(`${jail}/root`, 0o700);
  putProgram(`${jail}/root/probe`);
  t.equal(uchroot(['nobody', jail, '/root/probe'], { by: oddCaller('ambient') }).status, 126);
});

test('the program is in the jail: its working directory is / and the host is not above it', async (t) => {
  t.equal(Buffer.from(probe(jail).cwd, 'hex').toString(), '/');
  t.equal(Buffer.from(probe(jail, ['--chdir', '/dir/../../../..']).cwd, 'hex').toString(), '/');
});
