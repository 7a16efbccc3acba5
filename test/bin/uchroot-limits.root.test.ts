// Limits of the command for a whole launch: bombs end with their reason, and nothing is left.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync } from 'node:fs';

import t from 'tap';

import { readHierarchies } from '../../lib/launch/host/cgroup-layout.ts';
import { uchrootJail } from '../support/builder.ts';
import { command, commandEnv, rootTest, start, temporaryDirectory, uchroot } from '../support/launch.ts';
import { compiled } from '../support/programs.ts';
import { Terminal } from '../support/terminal.ts';
import { childrenOf, eventually, processesOf, runs, waitsForSignals } from '../support/service.ts';

const test = rootTest('unshare', 'mount', 'awk', 'strace', 'python3', 'setpriv');
const uid = 61_172;
const who = `${uid}:${uid}`;
const jail = process.getuid?.() === 0 ? `${temporaryDirectory()}/jail` : '/';

t.before(() => {
  if (process.getuid?.() !== 0) return;
  const built = uchrootJail(['build', jail, 'bash', 'sleep', 'setsid', 'rm']);
  if (built.status !== 0) throw new Error(built.stderr);
  copyFileSync(compiled('hog'), `${jail}/hog`);
});

const directories = readHierarchies(
  readFileSync('/proc/self/cgroup', 'latin1'),
  readFileSync('/proc/self/mountinfo', 'latin1'),
).flatMap(({ directory }) => directory ?? []);

/** The cgroups of launches by a process. */
const cgroupsOf = (pid: number): readonly string[] =>
  directories.flatMap((directory) =>
    readdirSync(directory)
      .filter((name) => new RegExp(`^uchroot-\\d+-${pid}-`).test(name))
      .map((name) => `${directory}/${name}`),
  );

/** Runs the command to its end; its cgroups and processes must be gone by then. */
async function run(t: Tap, words: readonly string[], by: readonly string[] = []): Promise<Result> {
  const [file = '', ...args] = [...by, ...command, ...words];
  const child = spawn(file, args, { cwd: '/', env: commandEnv });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk) => (stdout += String(chunk)));
  child.stderr.on('data', (chunk) => (stderr += String(chunk)));
  const [status] = (await once(child, 'close')) as [number | null];
  t.same(cgroupsOf(child.pid ?? 0), [], 'no cgroup is left');
  t.ok(await eventually(() => processesOf(uid).length === 0), 'no process is left');
  return { status, stdout, stderr };
}

type Tap = Parameters<Parameters<typeof test>[1]>[0];
interface Result {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

// A bomb, the limits that it meets, its end and the words that are told.
const bombs: readonly (readonly [bomb: string, limits: string, status: number, words: string])[] = [
  ['memory', '--memory 64M', 137, 'it needed more memory than 64M (--memory)'],
  ['fork', '--pids 20', 1, 'it needed more processes than 20 (--pids)'],
  ['bomb', '--pids 40 --time 0.5', 124, 'it needed more processes than 40 (--pids)'],
  ['spin', '--time 0.5', 124, 'it took longer than 0.5 s (--time)'],
  ['spin', '--cpu 0.2 --time 0.5', 124, 'it took longer than 0.5 s (--time)'],
  ['spin', '--pids 5 --cpu-time 1', 152, 'it needed more CPU time than 1 s (--cpu-time)'],
  ['stubborn', '--pids 5 --cpu-time 1', 137, 'it needed more CPU time than 1 s (--cpu-time)'],
  [
    'file',
    '--pids 5 --rlimit fsize=1048576',
    153,
    'it wrote a larger file than its resource limit (--rlimit fsize)',
  ],
];

// The same in file systems in memory.
const fillers: readonly (readonly [filler: string, view: string, status: number, words: string])[] = [
  ['file', '--tmpfs /tmp:size=4M', 4, 'its file system in memory was full (--tmpfs /tmp)'],
  [
    'files',
    '--tmpfs /tmp:nr_inodes=99 --dev /dev',
    5,
    'its file system in memory had no room for more files (--tmpfs /tmp, --dev /dev)',
  ],
  ['files', '--ephemeral', 5, 'its file system in memory had no room for more files (--ephemeral)'],
];

for (const [filler, view, status, words] of fillers)
  test(`${view}: ${filler} ends with its reason`, async (t) => {
    const ended = await run(t, ['--isolate', ...view.split(' '), who, jail, '/hog', filler]);
    t.equal(ended.stderr, `uchroot: the program was ended: ${words}\n`);
    t.equal(ended.status, status);
  });

test('a program that sends SIGXCPU to itself was not ended by a limit', async (t) => {
  for (const level of [[], ['--isolate']]) {
    const words = [...level, '--pids', '5', '--cpu-time', '1', who, jail, '/hog', 'liar'];
    t.same(await run(t, words), { status: 152, stdout: '', stderr: '' });
  }
});

test('a file system that is full is no reason for a program that ends well, or is killed', async (t) => {
  const fill = 'while printf %100000s x; do :; done >/tmp/x 2>/dev/null';
  const isolated = ['--isolate', '--tmpfs', '/tmp:size=1M', who, jail, '/bin/bash', '-c'];
  t.same(await run(t, [...isolated, `${fill}; exit 0`]), { status: 0, stdout: '', stderr: '' });
  t.same(await run(t, [...isolated, `${fill}; kill -9 $$`]), { status: 137, stdout: '', stderr: '' });
  t.same(await run(t, [...isolated, `${fill}; rm /tmp/x; exit 3`]), { status: 3, stdout: '', stderr: '' });
});

for (const isolation of [[], ['--isolate', '--tmpfs', '/tmp']])
  for (const [bomb, limits, status, words] of bombs) {
    // each of these takes a second of a CPU
    if (bomb === (isolation.length > 0 ? 'stubborn' : 'spin') && limits.includes('cpu-time')) continue;
    test(`${[...isolation, limits].join(' ')}: ${bomb} ends with its reason`, async (t) => {
      const ended = await run(t, [...isolation, ...limits.split(' '), who, jail, '/hog', bomb]);
      t.equal(ended.stderr, `uchroot: the program was ended: ${words}\n`);
      t.equal(ended.status, status);
    });
  }

test('a program that ends well has met no limit, and its status is its own', async (t) => {
  const limits = ['--memory', '64M', '--pids', '5', '--time', '20', who, jail, '/bin/bash', '-c'];
  for (const isolation of [[], ['--isolate']]) {
    t.same(await run(t, [...isolation, ...limits, 'echo out; exit 0']), {
      status: 0,
      stdout: 'out\n',
      stderr: '',
    });
    t.same(await run(t, [...isolation, ...limits, 'exit 7']), { status: 7, stdout: '', stderr: '' });
    t.same(await run(t, [...isolation, ...limits, 'kill -TERM $$']), { status: 143, stdout: '', stderr: '' });
  }
});

test('what the program has started ends with its time, and what is in its cgroup ends with it', async (t) => {
  const script = (end: string) => [who, jail, '/bin/bash', '-c', `sleep 60 & setsid sleep 60 & ${end}`];
  for (const isolation of [[], ['--isolate']]) {
    t.match(await run(t, [...isolation, '--time', '0.5', ...script('wait')]), { status: 124 });
    t.match(await run(t, [...isolation, '--pids', '9', ...script('exit 3')]), { status: 3 });
  }
});

test('what is started behind its back at once ends with its time too', async (t) => {
  // the orphan has lost its parent before the command has become the process that waits
  for (let i = 0; i < 5; i++)
    t.match(await run(t, ['--time', '0.2', who, jail, '/hog', 'orphan']), { status: 124 });
});

test('a fork bomb that only the limit of processes holds back ends with its time too', async (t) => {
  const words = ['--time', '0.3', '--rlimit', 'nproc=60', who, jail, '/hog', 'bomb'];
  t.match(await run(t, words), { status: 124, stderr: /it took longer than 0.3 s/ });
});

test('a program that ignores SIGTERM and stops itself is killed when its time is over', async (t) => {
  const script = 'trap "" TERM; while :; do kill -STOP $$; done';
  const begin = performance.now();
  const ended = await run(t, ['--isolate', '--time', '0.2', who, jail, '/bin/bash', '-c', script]);
  t.equal(ended.status, 124);
  t.ok(performance.now() - begin > 5000, 'five seconds later');
});

// In a job of a terminal the process that watches the time is in the program's process group.
for (const attack of ['stops', 'freezes'])
  test(`a program that ${attack} its whole job does not outlast its time`, async (t) => {
    const terminal = new Terminal([...command, '--isolate', '--time', '0.2', who, jail, '/hog', attack]);
    await terminal.shows('it took longer than 0.2 s (--time)');
    t.equal(await terminal.ended(), 124);
    t.ok(await eventually(() => processesOf(uid).length === 0), 'no process is left');
  });

// Root inside has the uid of the command, and so can stop it before that process watches the time.
test('root inside that freezes its job from its first moment on does not outlast its time', async (t) => {
  const options = ['--isolate', '--allow-root', '--time', '0.2'];
  const terminal = new Terminal([...command, ...options, 'root', jail, '/hog', 'freezes']);
  await terminal.shows('it took longer than 0.2 s (--time)');
  t.equal(await terminal.ended(), 124);
});

// As after a fork bomb in the cgroup of the caller. Of the two clones of the main thread, the second one is that of the clock.
test('where no process can watch the time, the program ends at once with all that it has started', async (t) => {
  const by = ['strace', '-o', '/dev/null', '-e', 'trace=clone', '-e', 'inject=clone:error=EAGAIN:when=2'];
  for (const level of [[], ['--isolate']]) {
    const words = [...level, '--time', '600', who, jail, '/bin/bash', '-c', 'sleep 600 & sleep 600'];
    const { status, stderr } = await run(t, words, by);
    t.equal(status, 125);
    t.match(stderr, /^uchroot: the program was ended: no process could .*: too many processes\nhint: .*\n$/);
  }
});

test('without the right to end the program, so that no time could be watched, it is not started', async (t) => {
  const by = ['setpriv', '--bounding-set=-kill'];
  for (const level of [[], ['--isolate']])
    t.match(await run(t, [...level, '--time', '600', who, jail, '/bin/sleep', '600'], by), {
      status: 125,
      stderr: /^uchroot: time: root lacks CAP_KILL here, .*\nhint: give CAP_KILL to the container .*\n$/,
    });
});

test('a program whose clock was killed ends with all that it has started', async (t) => {
  const words = ['--time', '600', who, jail, '/bin/bash', '-c', 'sleep 600 & sleep 600'];
  const child = spawn(command[0] ?? '', [...command.slice(1), ...words], { cwd: '/', env: commandEnv });
  const ended = once(child, 'exit');
  t.ok(await eventually(() => processesOf(uid).length === 3));
  const isClock = (pid: number): boolean =>
    readFileSync(`/proc/${pid}/cmdline`, 'latin1').startsWith('uchroot\0wait\0');
  t.ok(await eventually(() => childrenOf(child.pid ?? 0).some(isClock)));
  const clock = childrenOf(child.pid ?? 0).find(isClock) ?? Number.NaN;
  process.kill(clock, 'SIGKILL');
  t.same(await ended, [137, null]);
  t.ok(await eventually(() => processesOf(uid).length === 0), 'no process is left');
});

test('the program cannot end the process that watches it', async (t) => {
  const ended = await run(t, [
    '--pids',
    '5',
    who,
    jail,
    '/bin/bash',
    '-c',
    'kill -9 $PPID; kill -STOP $PPID; echo $?',
  ]);
  t.match(ended, { status: 0, stdout: '1\n', stderr: /not permitted/ });
});

test('signals are passed on, and one that ends the program is no limit', async (t) => {
  for (const isolation of [[], ['--isolate']]) {
    const [file = '', ...args]: readonly string[] = [
      ...command,
      ...isolation,
      '--pids',
      '5',
      who,
      jail,
      '/hog',
      'bomb',
    ];
    const child = spawn(file, args, {
      cwd: '/',
      env: commandEnv,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let stderr = '';
    child.stderr.on('data', (chunk) => (stderr += String(chunk)));
    t.ok(await eventually(() => processesOf(uid).length >= 4));
    child.kill('SIGTERM');
    t.same(await once(child, 'close'), [143, null]);
    t.equal(stderr, '');
    t.ok(await eventually(() => processesOf(uid).length === 0 && cgroupsOf(child.pid ?? 0).length === 0));
  }
});

test('a signal that comes before the command waits for its program reaches the program', async (t) => {
  // -D: the command is the child. It becomes the waiter by its first execveat(2), half a second after its program has begun.
  const delayed = [
    '-D',
    '-f',
    '-qq',
    '-o/dev/null',
    '-etrace=execveat',
    '-einject=execveat:delay_enter=500000',
  ];
  const script = 'trap "exit 7" TERM; echo ready; while :; do sleep 0.05; done';
  for (const options of [['--time', '60'], ['--isolate']]) {
    const words = [...delayed, ...command, ...options, who, jail, '/bin/bash', '-c', script];
    const child = spawn('strace', words, {
      cwd: '/',
      env: commandEnv,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(child.stdout, 'data');
    t.notOk(waitsForSignals(child.pid ?? 0));
    child.kill('SIGTERM');
    t.same(await once(child, 'close'), [7, null], options.join(' '));
  }
  t.ok(await eventually(() => processesOf(uid).length === 0));
});

test('the program ends with a command that is killed, and the next launch removes its cgroup', async (t) => {
  const words = ['--memory', '64M', who, jail, '/bin/bash', '-c', 'setsid sleep 60 & wait'];
  const [file = '', ...args] = [...command, ...words];
  const child = spawn(file, args, { cwd: '/', env: commandEnv, stdio: 'ignore' });
  const { pid = 0 } = child;
  t.ok(await eventually(() => processesOf(uid).length >= 2));
  const [program = 0] = childrenOf(pid);
  child.kill('SIGKILL');
  await once(child, 'close');
  t.ok(await eventually(() => !runs(program)), 'the program');
  t.not(cgroupsOf(pid).length, 0);
  await run(t, ['--pids', '5', who, jail, '/bin/bash', '-c', ':']);
  t.same(cgroupsOf(pid), []);
});

// proc_pid_stat(5): the state follows the name in parentheses.
const stateOf = (pid: number): string =>
  /\) (\S)/.exec(readFileSync(`/proc/${pid}/stat`, 'latin1'))?.[1] ?? '';

test('the command stops and continues with its program', async (t) => {
  for (const isolation of [[], ['--isolate']]) {
    const words = [
      ...isolation,
      '--pids',
      '5',
      '--time',
      '60',
      who,
      jail,
      '/bin/bash',
      '-c',
      'kill -STOP $$; exit 3',
    ];
    const [file = '', ...args] = [...command, ...words];
    // a process group of its own, as a shell makes it
    const job = spawn(file, args, { detached: true, stdio: 'ignore', cwd: '/', env: commandEnv });
    const { pid = 0 } = job;
    const ended = once(job, 'exit');
    t.ok(await eventually(() => stateOf(pid) === 'T'), 'stopped');
    process.kill(-pid, 'SIGCONT');
    t.same(await ended, [3, null], isolation.join());
  }
});

test('the program learns its pid, and not that of the process that waits', async (t) => {
  const script = 'LISTEN_FDS=1 LISTEN_PID=$$ WATCHDOG_PID=$$ exec "$@" 3</dev/null';
  const words = [
    '--time',
    '20',
    '--keep-env',
    who,
    jail,
    '/bin/bash',
    '-c',
    'echo $$ $LISTEN_PID $WATCHDOG_PID',
  ];
  const ended = await run(t, words, ['sh', '-c', script, 'sh']);
  const [own, ...told] = ended.stdout.trim().split(' ');
  t.same(told, [own, own], ended.stderr);
});

test('a launch that fails leaves no cgroup, and says why', async (t) => {
  t.match(await run(t, ['--memory', '64M', who, jail, '/nope']), { status: 127, stderr: /nope: not found/ });
  t.match(await run(t, ['--memory', '64M', 'nobody-there', jail, '/hog']), { status: 2 });
  for (const isolation of [[], ['--isolate']])
    t.match(await run(t, [...isolation, '--memory', '4K', who, jail, '/hog']), {
      status: 125,
      stderr:
        /^uchroot: cgroup: memory 4K: less memory than it takes to start a program\nhint: .* more memory\n$/,
    });
});

test('bad values are refused', async (t) => {
  for (const wrong of [
    '--memory 64X',
    '--memory 1',
    '--swap 1M',
    '--pids 0',
    '--pids x',
    '--cpu 0',
    '--cpu x',
    '--io-weight 0',
    '--time 0',
    '--time 1e3',
    '--time -1',
  ])
    t.match(uchroot([...wrong.split(' '), who, jail, '/hog']), { status: 1, stderr: /^uchroot: / }, wrong);
});

test('--plan shows the limits and makes nothing; --compile names the directive of systemd', async (t) => {
  const plan = uchroot(['--plan=steps', '--memory', '64M', '--cpu', '1.5', who, jail, '/hog']);
  t.match(plan.stdout, /^ *1 {2}cgroup +memory 64M, cpu 1\.5 /m);
  const file = `${temporaryDirectory()}/launcher`;
  for (const [option, directive] of [
    ['--memory=64M', 'MemoryMax='],
    ['--pids=5', 'TasksMax='],
    ['--cpu=1', 'CPUQuota='],
    ['--io-weight=5', 'IOWeight='],
    ['--time=5', 'RuntimeMaxSec='],
  ] as const) {
    const refused = uchroot(['--compile', file, option, who, jail, '/hog']);
    t.equal(refused.status, 1);
    t.ok(refused.stderr.includes(directive), refused.stderr);
  }
  t.notOk(existsSync(file));
});

test('--unit systemd delegates the cgroup of the unit', async (t) => {
  const unit = uchroot(['--unit', 'systemd', '--memory', '64M', who, jail, '/hog']).stdout;
  t.match(unit, /^Delegate=yes\nDelegateSubgroup=uchroot-main$/m);
  t.match(unit, /^ExecStart=.* --memory=64M /m);
  t.match(unit, /^NotifyAccess=all$/m);
  t.notMatch(uchroot(['--unit', 'systemd', who, jail, '/hog']).stdout, /Delegate/);
});

/** Runs the command in a mount namespace that was changed before. */
function runAfter(setUp: string, words: readonly string[]) {
  return start(['unshare', '-m', 'sh', '-ec', `${setUp}\nexec "$@"`, 'sh', ...command, ...words]);
}

const each = (line: string, pattern = '/^cgroup/') =>
  `awk '$3 ~ ${pattern} {print $2}' /proc/mounts | sort -r | while read m; do ${line}; done`;

test('where no cgroup can be made, the launch is refused by name', async (t) => {
  const words = ['--memory', '64M', who, jail, '/hog'];
  t.match(runAfter(each('umount "$m"'), words), {
    status: 125,
    stderr: /no cgroup hierarchy is mounted.*\nhint: mount -t cgroup2/,
  });
  t.match(runAfter(each('mount -o remount,bind,ro "$m"'), words), {
    status: 125,
    stderr: /read-only.*\nhint: /,
  });
  t.equal(runAfter(each('umount "$m"'), ['--time', '20', who, jail, '/bin/bash', '-c', 'exit 5']).status, 5);
});

test('with cgroup v1 alone the limits hold too', async (t) => {
  const isV1 = readFileSync('/proc/self/cgroup', 'latin1').includes(':memory:');
  if (!isV1) {
    t.pass('the memory controller is not in cgroup v1 here');
    return;
  }
  const setUp = each('umount "$m"', '/^cgroup2$/');
  t.match(runAfter(setUp, ['--memory', '32M', who, jail, '/hog', 'memory']), {
    status: 137,
    stderr: /more memory than 32M/,
  });
  t.match(runAfter(setUp, ['--pids', '40', '--time', '0.5', who, jail, '/hog', 'bomb']), { status: 124 });
  t.ok(await eventually(() => processesOf(uid).length === 0));
});

test('a cgroup of the caller is where that of the launch is made', async (t) => {
  const [directory = ''] = directories.slice(-1);
  const own = `${directory}/test-${process.pid}`;
  mkdirSync(own);
  t.teardown(() => rmdirSync(own));
  const script = 'echo $$ >"$0/cgroup.procs"; exec "$@"';
  const words = [...command, '--pids', '9', '--time', '20', who, jail, '/bin/sleep', '15'];
  const child = spawn('sh', ['-c', script, own, ...words], {
    cwd: '/',
    env: commandEnv,
    stdio: 'ignore',
  });
  const inside = () => readdirSync(own).filter((name) => name.startsWith('uchroot-'));
  t.ok(await eventually(() => processesOf(uid).length === 1 && inside().length === 1));
  child.kill('SIGTERM');
  t.same(await once(child, 'close'), [143, null]);
  t.same(inside(), []);
});
