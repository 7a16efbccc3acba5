import { existsSync, mkdirSync, readFileSync, statSync, symlinkSync } from 'node:fs';

import {
  decode,
  makeJail,
  oddCaller,
  probe,
  putFile,
  readState,
  rootTest,
  temporaryDirectory,
  uchroot,
  type StartOptions,
} from '../support/launch.ts';

const test = rootTest();
const jail = makeJail();
const directory = temporaryDirectory();

function events(
  options: readonly string[],
  program: readonly string[],
  how: StartOptions = {},
): readonly unknown[] {
  const ended = uchroot(['--status-fd', '4', ...options, 'nobody', jail, ...program], {
    stdio: ['pipe', 'pipe', 'pipe', 'ignore', 'pipe'],
    ...how,
  });
  return String(ended.output[4])
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as unknown);
}

test('--status-fd tells that the program has started, and is closed for it', async (t) => {
  const ended = uchroot(['--status-fd', '4', 'nobody', jail, '/probe'], {
    stdio: ['pipe', 'pipe', 'pipe', 'ignore', 'pipe'],
  });
  const state = readState(ended);
  t.same(Object.keys(state.fds), ['0', '1', '2']);
  t.equal(String(ended.output[4]), `{"event":"started","pid":${state.pid}}\n`);
});

test('--status-fd tells what failed, at each stage of a launch', async (t) => {
  t.match(events([], ['/nothing']).at(-1), { event: 'failed', step: 'execve', code: 'ENOENT', errno: 2 });
  t.match(events(['--chdir', '/nothing'], ['/probe']), [{ event: 'failed', step: 'chdir', code: 'ENOENT' }]);
  t.match(events(['--groups', 'nosuchgroup'], ['/probe']), [{ event: 'failed', code: 'ERR_UNKNOWN_GROUP' }]);
  t.match(events([], ['']), [{ event: 'failed' }]);
  t.match(events(['--preserve-fds', '55'], ['/probe']), [
    { event: 'failed', step: 'keep_fd', code: 'EBADF' },
  ]);
});

test('a status descriptor that is not open is refused', async (t) => {
  const ended = uchroot(['--status-fd', '55', 'nobody', jail, '/probe', 'mark', '/tmp/status']);
  t.equal(ended.status, 125);
  t.match(ended.stderr, /^uchroot: [^\n]*descriptor 55[^\n]*\n/);
  t.notOk(existsSync(`${jail}/tmp/status`));
});

test('--pid-file has the pid of the program', async (t) => {
  const file = `${directory}/pid`;
  const state = probe(jail, ['--pid-file', file]);
  t.equal(readFileSync(file, 'utf8'), `${state.pid}\n`);
  t.equal(statSync(file).mode & 0o7777, 0o644);
  const strict = `${directory}/strict`;
  probe(jail, ['--pid-file', strict], { by: oddCaller('umask=000') });
  t.equal(statSync(strict).mode & 0o022, 0, 'nobody else can write it');
});

test('a symbolic link in place of the pid file is replaced, not followed', async (t) => {
  putFile(`${directory}/victim`, 'kept');
  symlinkSync(`${directory}/victim`, `${directory}/link`);
  const state = probe(jail, ['--pid-file', `${directory}/link`]);
  t.equal(readFileSync(`${directory}/victim`, 'utf8'), 'kept');
  t.equal(readFileSync(`${directory}/link`, 'utf8'), `${state.pid}\n`);
});

test('the pid file of a launch that failed names no process', async (t) => {
  for (const words of [
    ['nobody', jail, '/nothing'],
    ['--chdir', '/nothing', 'nobody', jail, '/probe'],
  ]) {
    const file = `${directory}/failed-${words.length}`;
    t.not(uchroot(['--pid-file', file, ...words]).status, 0);
    t.equal(existsSync(file) ? readFileSync(file, 'utf8') : '', '');
  }
});

test('--preserve-fds keeps these descriptors, and no others', async (t) => {
  const by = oddCaller('fds=3', ...['20', '21', '22', '30'].map((fd) => `fd=${fd}`));
  const { fds } = probe(jail, ['--preserve-fds', '30,20-21', '--preserve-fds=22'], { by });
  t.same(Object.keys(fds), ['0', '1', '2', '20', '21', '22', '30']);
  t.equal(fds[20]?.cloexec, 0);
});

test("a descriptor that is not open, or Node's own, or a directory of the host is refused", async (t) => {
  for (const fd of ['10', '20', '60', '1000000']) {
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
  symlinkSync('/deep', `${jail}/way`);
  t.equal(decode(probe(jail, ['--chdir', '/way/er']).cwd), '/deep/er');
  t.equal(decode(probe(jail, ['--chdir=deep']).cwd), '/deep');
  const relative = uchroot(['--chdir', '/deep', 'nobody', jail, '../probe'], { by: oddCaller() });
  t.equal(decode(readState(relative).cwd), '/deep');
});

test('--plan prints the steps in their order and starts nothing', async (t) => {
  const ended = uchroot(['--plan', 'nobody', jail, '/probe', 'mark', '/tmp/plan']);
  t.equal(ended.status, 0);
  t.equal(ended.stderr, '');
  t.notOk(existsSync(`${jail}/tmp/plan`));
  t.match(ended.stdout, /^uid 65534 \(nobody\), gid 65534, groups 65534, jail \/tmp\//);
  const ops = [...ended.stdout.matchAll(/^ *\d+ {2}(\S+)/gm)].map((match) => match[1] ?? '');
  const order = [
    'close_range',
    'fchdir',
    'chroot',
    'setgroups',
    'setresgid',
    'setresuid',
    'capset',
    'no_new_privs',
    'seccomp',
    'execve',
  ];
  t.same(
    ops.filter((op) => order.includes(op)),
    order,
  );
});

test('--plan=json is one object with account, steps and what would fail, and needs no privilege', async (t) => {
  const ended = uchroot(['--plan=json', 'nobody', jail, '/nothing']);
  t.equal(ended.status, 127);
  const plan = JSON.parse(ended.stdout) as {
    account: unknown;
    steps: { op: string; place: number }[];
    problem: unknown;
  };
  t.match(plan.account, { uid: 65534, gid: 65534, groups: [65534], name: 'nobody' });
  t.same(
    plan.steps.map(({ place }) => place),
    plan.steps.map((_, at) => at + 1),
  );
  t.match(plan.problem, { step: 'execve', code: 'ENOENT' });
  const refused = uchroot(['--plan', 'root', jail, '/probe']);
  t.equal(refused.status, 125);
  t.equal(refused.stdout, '');
});

test('--help and --version print to stdout and end with 0, whatever else is given', async (t) => {
  const help = uchroot(['--help']);
  t.equal(help.status, 0);
  t.equal(help.stderr, '');
  t.match(help.stdout, /^Usage: uchroot \{username\} \{directory\} \{program\} \[arguments\]\n/);
  t.ok(help.stdout.split('\n').every((line) => line.length <= 120));
  const version = uchroot(['--version', 'nobody', jail, '/probe']);
  t.equal(version.status, 0);
  t.match(version.stdout, /^uchroot \d+\.\d+\.\d+\n$/);
});

test('every option of the help is known, and every known option is in the help', async (t) => {
  const named = new Set(uchroot(['--help']).stdout.match(/--[a-z][a-z0-9-]*/g));
  for (const option of named) {
    const ended = uchroot([option]);
    t.notMatch(ended.stderr, /unknown option/, option);
  }
  t.ok(named.size >= 20);
});

test('messages that nobody can read do not hide the status', async (t) => {
  for (const [closed, user, program, status] of [
    ['2>&-', 'sammy', '/probe', 2],
    ['2>&-', 'nobody', '/nothing', 127],
    ['2>/dev/full', 'sammy', '/probe', 2],
    ['2>/dev/full', 'nobody', '/nothing', 127],
  ] as const) {
    const by = ['sh', '-c', `"$@" ${closed}; echo $?`, 'sh'];
    t.equal(uchroot([user, jail, program], { by }).stdout, `${status}\n`, `${user} ${closed}`);
  }
});
