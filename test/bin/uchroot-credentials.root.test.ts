import { existsSync } from 'node:fs';

import type { Test } from 'tap';

import { withAccounts } from '../support/accounts.ts';
import { bothWays, makeJail, oddCaller, putProgram, rootTest, uchroot } from '../support/launch.ts';
import { readState, type State } from '../support/probe.ts';

const test = bothWays('unshare', 'setpriv', 'python3');
// A compiled launcher has no current --plan and shorter messages.
const commandTest = rootTest('unshare');
const jail = makeJail();
const accounts = withAccounts();

function state(words: readonly string[], before: readonly string[] = []): State {
  return readState(uchroot([...words, jail, '/probe', 'state'], { accounts, by: before }));
}

function holds(t: Test, found: State, uid: number, gid: number, groups: readonly number[]): void {
  t.same(found.uid, [uid, uid, uid, uid], 'real, effective, saved and fs uid');
  t.same(found.gid, [gid, gid, gid, gid], 'real, effective, saved and fs gid');
  t.same(found.groups, groups, 'supplementary groups');
  const { effective, permitted, inheritable, bounding, ambient } = found;
  t.same(
    { effective, permitted, inheritable, bounding, ambient },
    { effective: '0', permitted: '0', inheritable: '0', bounding: '0', ambient: '0' },
    'no capability in any set',
  );
  t.equal(found.securebits, 0);
  t.equal(found.noNewPrivs, 1);
  t.equal(found.seccomp, 2);
}

type Row = readonly [words: string, uid: number, gid: number, groups: readonly number[]];

const matrix: readonly Row[] = [
  ['sam', 1001, 1001, [29, 44, 1001]],
  ['sam:video', 1001, 44, [29, 44]],
  ['sam:users', 1001, 100, [29, 44, 100]],
  ['sam:+7', 1001, 7, [7, 29, 44]],
  ['1001', 1001, 1001, [29, 44, 1001]],
  ['+1001', 1001, 1001, [29, 44, 1001]],
  ['1001:44', 1001, 44, [29, 44]],
  ['7777:8888', 7777, 8888, []],
  ['4294967294:4294967294', 4294967294, 4294967294, []],
  ['sam.x', 1007, 1007, [1007]],
  ['--groups audio,users sam', 1001, 1001, [29, 100]],
  ['--groups 5,4,5,+3 sam', 1001, 1001, [3, 4, 5]],
  ['--groups 1100 sam', 1001, 1001, [2100]],
  ['--clear-groups sam', 1001, 1001, []],
  ['--clear-groups sam:users', 1001, 100, []],
  ['--groups 9 7777:8888', 7777, 8888, [9]],
];

for (const [words, uid, gid, groups] of matrix) {
  test(`${words} is uid ${uid}, gid ${gid}, groups ${groups.join(',') || 'none'}`, async (t) => {
    holds(t, state(words.split(' '), oddCaller('groups')), uid, gid, groups);
  });
}

test('gid 0 is never kept: a user with only a primary group gets that group (start-stop-daemon)', async (t) => {
  holds(t, state(['lonely'], oddCaller('groups')), 1002, 1002, [1002]);
});

test('a user alone brings its own group, not a gid equal to its uid (uutils chroot)', async (t) => {
  holds(t, state(['nobody']), 65534, 65534, [65534]);
  holds(t, state(['1005']), 2005, 2005, [2005]);
});

test('a name of digits is tried before the number, and + means the number', async (t) => {
  holds(t, state(['1005']), 2005, 2005, [2005]);
  const ended = uchroot(['+1005', jail, '/probe'], { accounts });
  t.equal(ended.status, 2);
  t.match(ended.stderr, /^uchroot: Unknown user \+1005\nhint: .*\+1005:GID\n$/);
});

test('set*id is no drop when the caller has ambient capabilities and SECBIT_NO_SETUID_FIXUP', async (t) => {
  holds(t, state(['sam'], oddCaller('ambient')), 1001, 1001, [29, 44, 1001]);
});

test('a SECBIT_NO_SETUID_FIXUP that is locked does not help either', async (t) => {
  const found = state(['sam'], oddCaller('ambient', 'locked'));
  const { uid, effective, permitted, inheritable, bounding, ambient } = found;
  t.same(uid, [1001, 1001, 1001, 1001]);
  t.same([effective, permitted, inheritable, bounding, ambient], ['0', '0', '0', '0', '0']);
});

test('in a user namespace that denies setgroups nothing starts (nsjail #320)', async (t) => {
  const unshare = ['unshare', '--user', '--map-root-user'];
  const words = ['--allow-root', '--insecure-path', '0:0', jail, '/probe', 'mark', '/tmp/groups'];
  const ended = uchroot(words, { by: [...oddCaller('groups'), ...unshare] });
  t.equal(ended.status, 125);
  t.match(ended.stderr, /^uchroot: setgroups: [^\n]*\n/m);
  t.notOk(existsSync(`${jail}/tmp/groups`));
});

// Executes the words after it in a user namespace, with mounts of its own, in which group 33 is 100033 of the host, and all others are the same.
const crossed = [
  'python3',
  '-c',
  `import ctypes, os, sys
pid, (reader, writer) = os.getpid(), os.pipe()
helper = os.fork()
if helper == 0:
  os.read(reader, 1)
  for name, lines in ('uid_map', '0 0 65536'), ('gid_map', '0 0 33\\n33 100033 1\\n34 34 65502'):
    with open(f'/proc/{pid}/{name}', 'w') as file: file.write(lines)
  os._exit(0)
if ctypes.CDLL(None).unshare(0x10020000) != 0: sys.exit('unshare')
os.write(writer, b'x')
if os.waitpid(helper, 0)[1] != 0: sys.exit('map')
os.execvp(sys.argv[1], sys.argv[1:])`,
];

test('groups whose ids of the host have another order are the ones that were set', async (t) => {
  const found = state(['--groups', '33,44,1100', '1001:1001'], crossed);
  holds(t, found, 1001, 1001, [44, 2100, 33]);
});

commandTest('what a user namespace denies is told by its name, and by --plan before', async (t) => {
  const by = ['unshare', '-Urmpf'];
  const words = ['--insecure-path', 'nobody', jail, '/probe', 'mark', '/tmp/namespace'];
  const launched = uchroot(words, { by });
  t.equal(launched.status, 125);
  t.equal(
    launched.stderr.split('\n').slice(-3).join('\n'),
    `uchroot: setgroups: this user namespace does not allow root to become uid 65534
hint: setgroups=deny (/proc/self/setgroups); uid 65534 has no mapping (/proc/self/uid_map); gid 65534 has no mapping (/proc/self/gid_map): start uchroot in a namespace that maps these ids and allows setgroups (newuidmap(1), unshare --map-auto)
`,
  );
  t.notOk(existsSync(`${jail}/tmp/namespace`));
  const planned = uchroot(['--plan', ...words], { by });
  t.equal(planned.status, 125);
  t.equal(planned.stderr, launched.stderr);
});

test('a program for root only does not start on the way (setpriv)', async (t) => {
  putProgram(`${jail}/root-only`, 0o700);
  const ended = uchroot(['sam', jail, '/root-only', 'mark', '/tmp/mark'], {
    accounts,
    by: oddCaller('ambient'),
  });
  t.equal(ended.status, 126);
  t.match(
    ended.stderr,
    /no execute permission for uid 1001 \(mode 0700, owner 0:0\)|cannot be executed: permission denied\nhint: /,
  );
});

test('root, insisted upon, has uid 0 and no capability', async (t) => {
  holds(t, state(['--allow-root', 'root']), 0, 0, [0]);
  holds(t, state(['--allow-root', '--clear-groups', '0:0'], oddCaller('ambient')), 0, 0, []);
  holds(t, state(['--allow-root', 'rooted']), 1003, 0, [0]);
});

const refused: readonly (readonly [words: string, message: RegExp])[] = [
  ['root', /user root is uid 0/],
  ['0', /user 0 is uid 0/],
  ['+0', /user \+0 is uid 0/],
  ['admin', /user admin is uid 0/],
  ['0:1001', /user 0:1001 is uid 0|user 0 is uid 0/],
  ['sam:root', /the group of sam is gid 0/],
  ['sam:0', /the group of sam is gid 0/],
  ['sam:+0', /the group of sam is gid 0/],
  ['rooted', /the group of rooted is gid 0/],
  ['wheel', /wheel would have gid 0 among its groups/],
  ['--groups audio,root sam', /sam would have gid 0 among its groups/],
  ['--groups 0 sam', /sam would have gid 0 among its groups/],
];

for (const [words, message] of refused) {
  test(`${words} is refused without --allow-root`, async (t) => {
    const ended = uchroot([...words.split(' '), jail, '/probe'], { accounts });
    t.equal(ended.status, 125);
    t.equal(ended.stdout, '', 'the program did not run');
    t.match(ended.stderr, message);
    t.match(
      ended.stderr,
      /^uchroot: account: [^\n]*\nhint: [^\n]*--allow-root\b[^\n]*\n$/,
      'one line and a hint',
    );
  });
}

test('a user with gid 0 among its groups starts without them', async (t) => {
  holds(t, state(['--clear-groups', 'wheel']), 1004, 1004, []);
  holds(t, state(['--groups', 'video', 'wheel']), 1004, 1004, [44]);
});

test('--cap keeps that capability, and nothing else', async (t) => {
  const found = state(['--cap', 'net_bind_service', 'sam'], oddCaller('ambient'));
  const { effective, permitted, inheritable, bounding, ambient, uid } = found;
  t.same(uid, [1001, 1001, 1001, 1001]);
  t.same(
    { effective, permitted, inheritable, bounding, ambient },
    { effective: '400', permitted: '400', inheritable: '400', bounding: '400', ambient: '400' },
  );
  t.equal(found.securebits, 0);
  const two = state(['--cap', 'CAP_CHOWN,kill', '--cap', 'net_raw', 'sam']);
  t.equal(two.effective, ((1 << 0) | (1 << 5) | (1 << 13)).toString(16));
  t.equal(state(['--allow-root', '--cap', 'chown', 'root']).effective, '1');
});

test('a capability that the caller does not have cannot be given', async (t) => {
  const setpriv = ['setpriv', '--bounding-set', '-net_raw', '--inh-caps', '-all'];
  const ended = uchroot(['--cap', 'net_raw', 'sam', jail, '/probe'], { accounts, by: setpriv });
  t.equal(ended.status, 125);
  t.equal(ended.stdout, '');
  t.match(ended.stderr, /^uchroot: (capset|raise_ambient): CAP_NET_RAW[^\n]*\nhint: [^\n]*\n$/);
});
