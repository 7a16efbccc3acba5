import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

import { isolated } from '../support/isolation.ts';
import {
  bothWays,
  launchWords,
  makeJail,
  rootTest,
  start,
  temporaryDirectory,
  uchroot,
  type StartOptions,
} from '../support/launch.ts';
import { readState } from '../support/probe.ts';

const test = rootTest('socat');
const eitherWay = bothWays('strace');
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

eitherWay('--status-fd tells that the program has started, and is closed for it', async (t) => {
  const ended = uchroot(['--status-fd', '4', 'nobody', jail, '/probe'], {
    stdio: ['pipe', 'pipe', 'pipe', 'ignore', 'pipe'],
  });
  const state = readState(ended);
  t.same(Object.keys(state.fds), ['0', '1', '2']);
  // an isolated program has another pid: uchroot waits for it, and passes signals on
  const pid = isolated ? ended.pid : state.pid;
  t.same(JSON.parse(String(ended.output[4])), { event: 'started', pid });
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

eitherWay('a status descriptor that is not open is refused', async (t) => {
  const ended = uchroot(['--status-fd', '55', 'nobody', jail, '/probe', 'mark', '/tmp/status']);
  t.equal(ended.status, 125);
  t.match(ended.stderr, /^uchroot: [^\n]*descriptor 55[^\n]*\n/);
  t.notOk(existsSync(`${jail}/tmp/status`));
});

test('a pipe that the caller has opened under two numbers is his', async (t) => {
  const script = 'exec 4>&1 5>&1; exec "$@"';
  const words = [...launchWords(['--status-fd', '4', 'nobody', jail, '/probe', 'exit', '5'])];
  const ended = start([
    'bash',
    '--norc',
    '-c',
    `(${script}) | cat; exit \${PIPESTATUS[0]}`,
    'bash',
    ...words,
  ]);
  t.equal(ended.stderr, '');
  t.equal(ended.status, 5);
  t.match(ended.stdout, /^{"event":"started"/);
});

test('nothing is written to a status descriptor that is one of Node', async (t) => {
  for (let fd = 3; fd < 20; fd++) {
    const early = uchroot(['--status-fd', String(fd), 'nosuchuser', jail, '/probe']);
    t.strictSame([early.status, early.signal], [2, null], `descriptor ${fd}`);
    const late = uchroot(['--status-fd', String(fd), 'nobody', jail, '/probe', 'mark', '/tmp/status']);
    t.strictSame([late.status, late.signal], [125, null], `descriptor ${fd}`);
  }
  t.notOk(existsSync(`${jail}/tmp/status`));
});

test('--plan begins with five lines: who, where, what is shut, what is open, what would fail', async (t) => {
  const inner = isolated ? 'the network of the host' : 'mounts';
  const said = uchroot(['--plan', 'nobody', jail, '/probe']);
  t.match(said, { status: 0, stderr: '' });
  const lines = [
    'who: {4}nobody: uid 65534, gid 65534, groups 65534; capabilities none',
    `where: {2}/probe in ${jail}, working directory /.*`,
    `shut: {3}.*${inner}.*`,
    'open: {3}.*unlimited memory.*',
    'fails: {2}nothing',
    'does it stop .*:',
  ];
  t.match(said.stdout, new RegExp(`^${lines.join('\\n')}\\n`));
  t.match(uchroot(['--plan', 'nobody', jail, '/nothing']).stdout, /^fails: {2}execve; the reason follows$/m);
  const ordinary = uchroot(['--plan', 'nobody', jail, '/probe'], {
    by: ['setpriv', '--reuid', '1', '--clear-groups'],
  });
  t.match(ordinary.stdout, /^fails: {2}nothing that is seen without root/m);
  t.match(uchroot(['--plan=step', 'nobody', jail]), { status: 1, stderr: /must be .*steps/ });
});

test('--plan=steps prints the steps in their order and starts nothing', async (t) => {
  const ended = uchroot(['--plan=steps', 'nobody', jail, '/probe', 'mark', '/tmp/plan']);
  t.equal(ended.status, 0);
  t.equal(ended.stderr, '');
  t.notOk(existsSync(`${jail}/tmp/plan`));
  t.match(ended.stdout, /^uid 65534 \(nobody\), gid 65534, groups 65534, jail \/tmp\//);
  const ops = [...ended.stdout.matchAll(/^ *\d+ {2}(\S+)/gm)].map((match) => match[1] ?? '');
  const rights = ['setgroups', 'setresgid', 'setresuid', 'capset', 'no_new_privs'];
  // the init of an isolated program gives up its rights too
  const entry = isolated ? ['open_tree', 'unshare', 'pivot_root', ...rights] : ['fchdir', 'chroot'];
  const order = ['close_range', ...entry, ...rights, 'seccomp', 'execve'];
  t.same(ops.filter((op, at) => order.includes(op) && ops[at - 1] !== op).slice(isolated ? 1 : 0), order);
});

test('--plan --format json is one object with account, steps and what would fail, and needs no privilege', async (t) => {
  const ended = uchroot(['--plan', '--format', 'json', 'nobody', jail, '/nothing', 'a\u009b\u202eb']);
  // oxlint-disable-next-line no-control-regex
  t.match(ended.stdout, /^[\n\x20-\x7e]*$/, 'nothing that a terminal obeys');
  t.equal(ended.status, 127);
  const plan = JSON.parse(ended.stdout) as {
    version: number;
    account: unknown;
    steps: { op: string; place: number }[];
    problem: unknown;
  };
  t.equal(plan.version, 1);
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

// The output of a shell line, run by a caller with default dispositions; "$@" are the words of a launch.
const lastLine = (line: string, ...words: readonly string[]): string =>
  uchroot(words, { by: ['bash', '-c', `${line}; echo "status $?"`, 'bash'] })
    .stdout.trim()
    .split('\n')
    .at(-1) ?? '';

eitherWay('a reader that has gone away does not end a launch by SIGPIPE', async (t) => {
  // A pipe without a reader.
  const deaf = 'exec 4> >(:); wait $!';
  t.equal(lastLine(`${deaf}; "$@" 2>&4`, 'nobody', jail, '/nothing'), 'status 127');
  t.equal(
    lastLine(`${deaf}; "$@" 2>/dev/null`, '--status-fd', '4', 'nobody', jail, '/probe', 'exit', '0'),
    'status 125',
  );
});

eitherWay('a limit on file sizes does not end a launch by SIGXFSZ', async (t) => {
  const none = ['--rlimit', 'fsize=0'];
  t.equal(lastLine(`"$@" 2>${directory}/messages`, ...none, 'nobody', jail, '/nothing'), 'status 127');
  const status = [...none, '--status-fd', '4', 'nobody', jail, '/probe', 'exit', '0'];
  t.equal(lastLine(`"$@" 4>${directory}/events`, ...status), 'status 125');
  const pidFile = ['--pid-file', `${directory}/never`, 'nobody', jail, '/probe', 'exit', '0'];
  t.equal(lastLine('ulimit -f 0; "$@"', ...pidFile), 'status 125');
});

eitherWay(
  'after a status was written the program has default dispositions, and nothing blocked',
  async (t) => {
    const ended = uchroot(['--status-fd', '4', 'nobody', jail, '/probe'], {
      stdio: ['pipe', 'pipe', 'pipe', 'ignore', 'pipe'],
    });
    const { ignored, blocked } = readState(ended);
    t.same([ignored, blocked], ['0', '0']);
  },
);

test('the socket of the service manager is not passed on, whatever descriptors are asked for', async (t) => {
  const socket = `${directory}/notify`;
  const manager = spawn('socat', ['-u', `UNIX-RECV:${socket}`, `OPEN:${directory}/notified,creat`]);
  t.teardown(() => manager.kill());
  while (!existsSync(socket)) await sleep(10);
  // Node gives it one of these numbers, and none of them was open when uchroot started.
  for (let fd = 14; fd < 30; fd++) {
    const words = ['--service-status', '--preserve-fds', String(fd), 'nobody', jail, '/probe', 'state'];
    t.equal(uchroot(words, { env: { NOTIFY_SOCKET: socket } }).status, 250, `descriptor ${fd}`);
  }
  t.match(
    readFileSync(`${directory}/notified`, 'utf8'),
    'STATUS=keep_fd: descriptor 14: is not open; hint: open it',
  );
});
