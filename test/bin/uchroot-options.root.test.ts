import { existsSync, mkdirSync, rmSync, symlinkSync } from 'node:fs';

import { bothWays, makeJail, oddCaller, uchroot } from '../support/launch.ts';
import { decode, probe, readState } from '../support/probe.ts';

const test = bothWays();
const jail = makeJail();

test('--preserve-fds keeps these descriptors, and no others', async (t) => {
  const by = oddCaller('fds=3', ...['20', '21', '22', '30'].map((fd) => `fd=${fd}`));
  const { fds } = probe(jail, ['--preserve-fds', '30,20-21', '--preserve-fds=22'], { by });
  t.same(Object.keys(fds), ['0', '1', '2', '20', '21', '22', '30']);
  t.equal(fds[20]?.cloexec, 0);
});

test("a descriptor that is not open, or Node's own, or a directory of the host is refused", async (t) => {
  // one of the numbers below 30 becomes the jail's
  for (const fd of [...Array.from({ length: 27 }, (_, i) => String(i + 3)), '60', '1000000']) {
    const ended = uchroot(['--preserve-fds', fd, 'nobody', jail, '/probe', 'mark', '/tmp/fd']);
    t.equal(ended.status, 125, fd);
    t.match(ended.stderr, new RegExp(`^uchroot: keep_fd: descriptor ${fd}: is not open\\nhint: [^\\n]*\\n$`));
  }
  const ended = uchroot(['--preserve-fds', '77', 'nobody', jail, '/probe', 'mark', '/tmp/fd'], {
    by: oddCaller('rootfd=77'),
  });
  t.equal(ended.status, 125);
  t.match(
    ended.stderr,
    /^uchroot: keep_fd: descriptor 77: is an open directory of the host, [^\n]*\nhint: [^\n]*\n$/,
  );
  t.notOk(existsSync(`${jail}/tmp/fd`));
});

function variables(words: readonly string[]): {
  readonly fds: readonly string[];
  readonly env: readonly string[];
  readonly pid: number;
} {
  const { fds, env, pid } = probe(jail, [], { by: oddCaller(...words) });
  return { fds: Object.keys(fds), env: env.map(decode), pid };
}

test('socket activation reaches the program: descriptors, LISTEN_FDS, and LISTEN_PID is its pid', async (t) => {
  const words = ['fd=3', 'fd=4', 'fd=5', 'listen', 'env=LISTEN_FDS=2', 'env=LISTEN_FDNAMES=a:b'];
  const { fds, env, pid } = variables(words);
  t.same(fds, ['0', '1', '2', '3', '4']);
  for (const entry of [`LISTEN_PID=${pid}`, 'LISTEN_FDS=2', 'LISTEN_FDNAMES=a:b'])
    t.ok(env.includes(entry), entry);
});

test('socket activation of another process does not', async (t) => {
  const { fds, env } = variables(['fd=3', 'env=LISTEN_PID=1', 'env=LISTEN_FDS=1']);
  t.same(fds, ['0', '1', '2']);
  t.same(
    env.filter((entry) => entry.startsWith('LISTEN_')),
    [],
  );
  for (const count of ['-1', '0', 'x', '99999999999', '']) {
    t.same(variables(['fd=3', 'listen', `env=LISTEN_FDS=${count}`]).fds, ['0', '1', '2'], count);
  }
});

test('more descriptors than were opened for it are refused', async (t) => {
  const by = oddCaller('fd=3', 'listen', 'env=LISTEN_FDS=4');
  const ended = uchroot(['nobody', jail, '/probe', 'mark', '/tmp/listen'], { by });
  t.equal(ended.status, 125);
  t.match(ended.stderr, /^uchroot: keep_(fd|listen_fds): descriptor [456]: is not open\nhint: [^\n]*\n$/);
  t.notOk(existsSync(`${jail}/tmp/listen`));
});

test('NOTIFY_SOCKET and the watchdog reach the program', async (t) => {
  const entries = ['NOTIFY_SOCKET=@/org/notify', 'WATCHDOG_USEC=3000000', 'WATCHDOG_PID=1'];
  const { env } = variables(entries.map((entry) => `env=${entry}`));
  for (const entry of entries) t.ok(env.includes(entry), entry);
});

test('--rlimit sets soft and hard limit', async (t) => {
  const options = [
    '--rlimit',
    'nofile=100:200',
    '--rlimit=RLIMIT_CPU=7',
    '--rlimit',
    'stack=1048576:unlimited',
    '--rlimit',
    'core=0',
  ];
  const { rlimits } = probe(jail, options);
  t.same(rlimits.nofile, [100, 200]);
  t.same(rlimits.cpu, [7, 7]);
  t.same(rlimits.stack, [1048576, -1]);
  t.same(rlimits.core, [0, 0]);
});

test('--umask sets exactly this mode', async (t) => {
  t.equal(probe(jail, ['--umask', '0'], { by: oddCaller('umask=077') }).umask, 0);
  t.equal(probe(jail, ['--umask=0177']).umask, 0o177);
});

test('--chdir is a directory of the jail', async (t) => {
  mkdirSync(`${jail}/deep/er`, { recursive: true, mode: 0o755 });
  rmSync(`${jail}/way`, { force: true });
  symlinkSync('/deep', `${jail}/way`);
  t.equal(decode(probe(jail, ['--chdir', '/way/er']).cwd), '/deep/er');
  t.equal(decode(probe(jail, ['--chdir=deep']).cwd), '/deep');
  const relative = uchroot(['--chdir', '/deep', 'nobody', jail, '../probe'], { by: oddCaller() });
  t.equal(decode(readState(relative).cwd), '/deep');
});
