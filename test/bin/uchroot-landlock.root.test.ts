import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  copyFileSync,
  linkSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';

import t, { type Test } from 'tap';

import {
  bareOnly,
  bothWays,
  commandEnv,
  launchWords,
  makeJail,
  oddCaller,
  putFile,
  publicCommand,
  putProgram,
  start,
  temporaryDirectory,
  uchroot,
} from '../support/launch.ts';
import { isolated } from '../support/isolation.ts';
import { compiled } from '../support/programs.ts';
import { compareWithPage, type Attempts, type LevelColumn } from '../support/threats.ts';

const test = bothWays('setpriv', 'mount', 'strace');
const jail = makeJail();
const uid = 61_137;
const user = `${uid}:${uid}`;
const isRoot = process.getuid?.() === 0;
const EPERM = 1;
const EACCES = 13;
const EROFS = 30;

function own(path: string, as = uid): void {
  chownSync(path, as, as);
}

function putOwn(path: string, as = uid): void {
  putFile(path, 'secret\n', 0o600);
  own(path, as);
}

function run(...words: readonly string[]): void {
  const { status, stderr } = start(words);
  if (status !== 0) throw new Error(`${words.join(' ')}: ${stderr}`);
}

const mounted = [`${jail}/proc`, `${jail}/dev/pts`];

function furnish(): void {
  copyFileSync(compiled('walled'), `${jail}/walled`);
  chmodSync(`${jail}/walled`, 0o755);
  mkdirSync(`${jail}/dev`);
  for (const [device, minor] of [
    ['random', [1, 8]],
    ['ptmx', [5, 2]],
  ] as const) {
    run('mknod', '-m', '666', `${jail}/dev/${device}`, 'c', ...minor.map(String));
  }
  for (const path of mounted) {
    mkdirSync(path);
    run('mount', '--bind', path.slice(jail.length), path);
  }
}

if (isRoot) furnish();
t.teardown(() => {
  if (isRoot) for (const path of mounted) start(['umount', '-l', path]);
});

/** A process of the same user outside of the jail, and a directory of his own there. */
interface Outside {
  readonly directory: string;
  /** Words that tell the program where all this is. */
  readonly words: readonly string[];
  readonly port: number;
}

// Runs `body` while somebody outside helps: a new one each time, as the attempts change the directory.
async function withOutside<Result>(
  t: Test,
  body: (outside: Outside) => Result | Promise<Result>,
  as = uid,
): Promise<Result> {
  const directory = temporaryDirectory();
  own(directory, as);
  for (const name of ['secret', 'other', 'removed']) putOwn(`${directory}/${name}`, as);
  putProgram(`${directory}/probe`);
  for (const name of ['way', 'own', 'other', 'device']) rmSync(`${jail}/tmp/${name}`, { force: true });
  start(['umount', `${jail}/dir`]);
  putOwn(`${jail}/tmp/own`, as);
  const name = `uchroot-test-${process.pid}`;
  const [file, ...args] = [
    'setpriv',
    `--reuid=${as}`,
    `--regid=${as}`,
    '--clear-groups',
    compiled('walled'),
    'outside',
    `${jail}/tmp/way`,
    name,
  ];
  const child = spawn(file, args, { stdio: ['pipe', 'pipe', 'inherit'], env: {} });
  t.teardown(() => child.kill('SIGKILL'));
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  const { pid, port, address } = JSON.parse(line.toString()) as Record<string, number>;
  linkSync(`${jail}/tmp/way`, `${directory}/way`);
  const words = ['/tmp/way', name, directory.slice(1), String(pid), String(port), String(address)];
  const result = await body({ directory, words, port: port ?? 0 });
  child.stdin.end();
  await once(child, 'exit');
  return result;
}

function attempts(options: readonly string[], words: readonly string[], as = uid): Attempts {
  const ended = uchroot([...options, `${as}:${as}`, jail, '/walled', ...words]);
  if (ended.status !== 0) throw new Error(`${ended.status}: ${ended.stderr}`);
  return JSON.parse(ended.stdout) as Attempts;
}

/** What the same program can do without the options and with them. */
async function compare(
  t: Test,
  options: readonly string[],
  words: (outside: Outside) => readonly string[],
  common: readonly string[] = [],
): Promise<{ readonly bare: Attempts; readonly walled: Attempts }> {
  const found: Attempts[] = [];
  for (const own of [common, [...common, ...options]]) {
    await withOutside(t, (outside) => void found.push(attempts(own, words(outside))));
  }
  const [bare = {}, walled = {}] = found;
  return { bare, walled };
}

// What Landlock does not see (landlock(7), "File system flags"): stated in doc/uchroot.md.
const unseen = { 'look at the status': 0, 'change the mode': 0, 'go there': 0, 'connect to a path': 0 };

// Its own processes and sockets, and terminals.
const harmless = {
  'ioctl on a terminal': 0,
  'trace an own process': 0,
  'signal to an own process': 0,
  'own abstract socket': 0,
};

const helped = bareOnly(test, 'the level without Landlock is an isolated one, and the last test has both');
helped('Landlock stops what a helper of the same user outside makes possible', async (t) => {
  const { bare, walled } = await compare(t, ['--landlock'], ({ words }) => ['try', ...words]);
  t.same(bare, Object.fromEntries(Object.keys(bare).map((name) => [name, 0])), 'without it all succeeds');
  t.same(walled, {
    read: EACCES,
    list: EACCES,
    write: EACCES,
    create: EACCES,
    'make a directory': EACCES,
    'make a link': EACCES,
    'make a socket': EACCES,
    'link out': EACCES,
    'rename out': EACCES,
    'rename in': EACCES,
    remove: EACCES,
    execute: EACCES,
    truncate: EACCES,
    'connect to an abstract name': EPERM,
    'connect to a port': 0,
    'read by /proc/PID/root': EACCES,
    'read an environment': EACCES,
    signal: EPERM,
    'signal by descriptor': EPERM,
    'read memory': EPERM,
    'take a descriptor': EPERM,
    trace: EPERM,
    'ioctl on a device': EACCES,
    ...unseen,
    ...harmless,
  });
});

helped('Landlock stops what capabilities make possible', async (t) => {
  const caps = ['--cap', 'mknod,sys_admin,dac_read_search,sys_chroot'];
  const words = ({ directory }: Outside): readonly string[] => ['caps', directory.slice(1)];
  const { bare, walled } = await compare(t, ['--landlock'], words, caps);
  t.same(bare, Object.fromEntries(Object.keys(bare).map((name) => [name, 0])), 'without it all succeeds');
  t.same(walled, {
    device: EACCES,
    mount: EPERM,
    handle: 0,
    'open by handle': 0,
    chroot: 0,
    'chroot again': 0,
    'read after a chroot out': EACCES,
    'list after a chroot out': EACCES,
  });
});

// The program goes to a directory of the jail, which somebody outside then moves out of it.
async function move(options: readonly string[]): Promise<Attempts> {
  const directory = temporaryDirectory();
  putOwn(`${directory}/secret`);
  mkdirSync(`${jail}/tmp/leave`);
  const [file = '', ...args] = launchWords([...options, user, jail, '/walled', 'moved', 'secret']);
  const child: ChildProcess = spawn(file, args, {
    env: commandEnv,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let told = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    told += chunk.toString();
    if (told !== 'ready\n') return;
    renameSync(`${jail}/tmp/leave`, `${directory}/left`);
    child.stdin?.end('\n');
  });
  await once(child, 'close');
  return JSON.parse(told.slice('ready\n'.length)) as Attempts;
}

helped('a directory that is moved out of the jail with the program in it leads nowhere', async (t) => {
  t.same(await move([]), { read: 0 }, 'without Landlock it is the way out');
  t.same(await move(['--landlock']), { read: EACCES });
});

test('--landlock-ro and --landlock-rw leave just that', async (t) => {
  const directories = ['/a', '/b', '/b/c', '/d', '/e'];
  for (const directory of directories) {
    mkdirSync(`${jail}${directory}`, { recursive: true });
    putProgram(`${jail}${directory}/probe`, 0o777);
  }
  const options = [
    '--landlock-ro',
    '/walled',
    '--landlock-ro',
    '/a',
    '--landlock-rw',
    '/b',
    '--landlock-ro',
    '/b/c',
    '--landlock-rw',
    '/d/probe',
  ];
  const row = (directory: string, read: number, write: number, execute: number): Attempts => ({
    [`read ${directory}`]: read,
    [`write ${directory}`]: write,
    [`execute ${directory}`]: execute,
  });
  t.same(attempts(['--landlock'], ['files', ...directories]), {
    ...row('/a', 0, 0, 0),
    ...row('/b', 0, 0, 0),
    ...row('/b/c', 0, 0, 0),
    ...row('/d', 0, 0, 0),
    ...row('/e', 0, 0, 0),
  });
  t.same(attempts(options, ['files', ...directories]), {
    ...row('/a', 0, EACCES, 0),
    ...row('/b', 0, 0, EACCES),
    ...row('/b/c', 0, 0, 0),
    ...row('/d', 0, 0, EACCES),
    ...row('/e', EACCES, EACCES, EACCES),
  });
});

test('a path that is missing, or leads over a link, stops the launch with the remedy', async (t) => {
  symlinkSync('/tmp', `${jail}/linked`);
  t.teardown(() => rmSync(`${jail}/linked`));
  mkdirSync(`${jail}/closed/inner`, { recursive: true });
  chmodSync(`${jail}/closed`, 0o700);
  t.teardown(() => rmSync(`${jail}/closed`, { recursive: true }));
  for (const [path, reason] of [
    ['/missing', 'not found in the jail'],
    ['/linked', 'a component of the path is a symbolic link'],
    ['/linked/x', 'a component of the path is a symbolic link'],
    ['/walled/x', 'a component of the path is not a directory'],
    ['/closed/inner', 'the user may not search a directory of the path'],
  ] as const) {
    const ended = uchroot(['--landlock-ro', '/walled', '--landlock-rw', path, user, jail, '/probe', 'exit']);
    t.equal(ended.status, 125);
    t.match(
      ended.stderr,
      new RegExp(`^uchroot: landlock_path: ${path}: ${reason}[^\\n]*\\nhint: [^\\n]*\\n$`),
    );
  }
});

const EOPNOTSUPP = 95;
const EPROTONOSUPPORT = 93;
const EAFNOSUPPORT = 97;

// With the ports of the host, and with 32-bit calls, for which the filter of an isolated launch kills.
const ports = isolated ? ['--net', 'host', '--allow', '32bit'] : [];
const tcp = (options: readonly string[], words: readonly string[]): Attempts =>
  attempts([...ports, ...options], words);

test('--connect-tcp and --bind-tcp leave just these ports, in every way to TCP', async (t) => {
  // that nobody uses now
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port: other } = server.address() as AddressInfo;
  server.close();
  await withOutside(t, ({ port }) => {
    const words = ['tcp', String(port), String(other)];
    const bare = tcp([], words);
    const free = ['connect', 'bind', 'connect by multipath', 'bind by multipath', 'fast open by sendto'];
    for (const name of free) t.equal(bare[name], 0, `${name} without Landlock`);
    t.same(tcp(['--landlock'], words), bare, 'Landlock alone restricts no TCP');
    const always = {
      'connect by multipath': EPROTONOSUPPORT,
      'bind by multipath': EPROTONOSUPPORT,
      'multipath with a high bit': EPROTONOSUPPORT,
      'fast open by sendto': EOPNOTSUPP,
      'fast open by sendmsg': EOPNOTSUPP,
      'fast open by sendmmsg': EOPNOTSUPP,
      // The filter of an isolated launch knows few families.
      smc: isolated ? EAFNOSUPPORT : EPROTONOSUPPORT,
      'smc of inet': EPROTONOSUPPORT,
      io_uring: EPERM,
      udp: 0,
      unix: 0,
      'unbound listen': 0,
    };
    t.match(tcp(['--connect-tcp', 'none', '--bind-tcp', 'none'], words), {
      connect: EACCES,
      'connect as tcp': EACCES,
      bind: EACCES,
      ...always,
    });
    t.match(tcp(['--connect-tcp', String(port), '--bind-tcp', `1,${other}-${other}`], words), {
      connect: 0,
      'connect as tcp': 0,
      bind: 0,
      ...always,
    });
    t.match(tcp(['--connect-tcp', String(other), '--landlock-abi', '4'], words), {
      connect: EACCES,
      bind: 0,
      ...always,
    });
    if (process.arch !== 'x64') return;
    t.match(tcp(['--bind-tcp', 'none'], words), {
      connect: 0,
      'i386 multipath': EPROTONOSUPPORT,
      'i386 socketcall': 38,
      'i386 tcp': 0,
    });
  });
});

test('set-user-ID programs are confined too, with --allow-new-privs', async (t) => {
  chmodSync(`${jail}/walled`, 0o4755);
  t.teardown(() => chmodSync(`${jail}/walled`, 0o755));
  const options = ['--allow-new-privs', '--landlock-ro', '/walled', '--landlock-ro', '/a'];
  t.match(attempts(options, ['files', '/a', '/e']), { 'read /a': 0, 'write /a': EACCES, 'read /e': EACCES });
});

test('in namespaces the program can do all that the mounts allow', async (t) => {
  putProgram(`${jail}/tmp/probe`, 0o777);
  mkdirSync(`${jail}/b/c`, { recursive: true });
  putProgram(`${jail}/b/probe`, 0o777);
  putProgram(`${jail}/b/c/probe`, 0o777);
  const found = (options: readonly string[]): Attempts =>
    attempts(['--isolate', '--landlock', ...options], ['files', '/b', '/b/c']);
  t.match(found([]), { 'write /b': 0, 'write /b/c': 0, 'execute /b/c': 0 });
  t.match(found(['--read-only', '--writable', '/b/c']), {
    'read /b': 0,
    'write /b': EROFS,
    'execute /b': 0,
    'write /b/c': 0,
    'execute /b/c': EACCES,
  });
});

test(`who is confined already can ${isolated ? 'make no mounts, and is told so' : 'be confined again'}`, async (t) => {
  const inner = uchroot(['--landlock', user, jail, '/probe', 'exit', '7'], {
    by: ['setpriv', '--landlock-access', 'fs:make-char', '--landlock-access', 'fs:make-block'],
  });
  if (isolated) {
    t.equal(inner.status, 125);
    t.match(
      inner.stderr,
      /^uchroot: pivot_root: [^\n]* Landlock confines\nhint: start uchroot from a process that /,
    );
    return;
  }
  t.equal(inner.status, 7, inner.stderr);
});

// Answers of the kernel's that this kernel does not give.
const strace = (fault: string): readonly string[] => [
  'strace',
  '-qqq',
  '-f',
  '-o',
  '/dev/null',
  '-e',
  'trace=/landlock',
  '-e',
  `inject=landlock_create_ruleset:${fault}`,
  '--',
];

for (const [fault, options, message, hint] of [
  ['error=ENOSYS', [], 'the kernel has no Landlock', 'it needs Linux 6.12 '],
  ['error=EOPNOTSUPP', [], 'Landlock is built into the kernel but switched off', 'boot with landlock '],
  [
    'retval=4',
    [],
    'the kernel has Landlock ABI 4, and ABI 6 is needed',
    'it came with Linux 6.12; --landlock-abi 4 ',
  ],
  [
    'retval=1',
    ['--landlock-abi', '2'],
    'the kernel has Landlock ABI 1, and ABI 2 is needed',
    'it came with Linux 5.19; ',
  ],
] as const) {
  test(`a kernel that answers ${fault} is refused${options.length > 0 ? ` for ABI ${options[1]}` : ''}`, async (t) => {
    const words = ['--landlock', ...options, user, jail, '/probe', 'exit', '0'];
    const ended = uchroot(words, { by: strace(fault) });
    t.equal(ended.status, 125);
    t.match(
      ended.stderr,
      new RegExp(`^uchroot: landlock_ruleset: ABI [^:]+: [^:]*: ${message}[^\\n]*\\nhint: ${hint}`),
    );
  });
}

helped("--isolate --net host reaches no abstract socket of the host's, and --plan says so", async (t) => {
  const answer = (options: readonly string[], by: readonly string[] = []): string | undefined => {
    const words = [...options, '--plan', user, jail, '/probe', 'exit', '0'];
    const { stdout, stderr } = start([...by, ...publicCommand(), ...words]);
    return /^ {2}(?:yes|no ) {2}connect to abstract unix sockets.*$/m.exec(stdout)?.[0] ?? stderr;
  };
  const isolate = ['--isolate', '--net', 'host'];
  for (const options of [isolate, [...isolate, '--allow-new-privs']])
    await withOutside(t, ({ words }) => {
      t.match(
        attempts(options, ['try', ...words]),
        {
          'connect to an abstract name': EPERM,
          'own abstract socket': 0,
          read: 0,
          write: 0,
          'connect to a port': 0,
        },
        options.join(' '),
      );
    });
  t.match(answer(isolate), /yes .*: by Landlock \(Linux 6\.12\)$/);
  await withOutside(t, ({ words }) => {
    const bare = ['--unshare', 'mount,pid,ipc,uts,cgroup'];
    t.match(
      attempts(bare, ['try', ...words]),
      { 'connect to an abstract name': 0 },
      'without --isolate as before',
    );
  });
  // a launch that has not asked for Landlock goes on without it
  for (const fault of ['error=ENOSYS', 'error=EOPNOTSUPP', 'error=EPERM', 'retval=5']) {
    const words = [...isolate, user, jail, '/probe', 'exit', '7'];
    t.equal(uchroot(words, { by: strace(fault) }).status, 7, fault);
    t.match(answer(isolate, strace(fault)), /no {3}connect to abstract.*: --net none would$/, fault);
  }
});

for (const abi of [1, 2, 3, 4, 5]) {
  helped(`--landlock-abi ${abi} confines what it can`, async (t) => {
    await withOutside(t, ({ words }) => {
      t.match(attempts(['--landlock-abi', String(abi)], ['try', ...words]), {
        read: EACCES,
        write: EACCES,
        execute: EACCES,
        'rename out': EACCES,
        trace: EPERM,
        truncate: abi < 3 ? 0 : EACCES,
        'ioctl on a device': abi < 5 ? 0 : EACCES,
        signal: 0,
        'connect to an abstract name': 0,
      });
    });
  });
}

test('where descriptors run out the message says so', async (t) => {
  // In place Node has some open, and a launch without Landlock needs fewer.
  const messages: string[] = [];
  for (let limit = 4; limit < 60 && messages.at(-1) !== ''; limit++) {
    const words = ['--landlock', '--rlimit', `nofile=${limit}`, user, jail, '/probe', 'exit', '0'];
    messages.push(uchroot(words).stderr);
  }
  const own = messages.filter((message) => message.startsWith('uchroot: landlock_'));
  t.ok(own.length > 0);
  for (const message of own)
    t.match(message, /: too many open descriptors\nhint: [^\n]*--rlimit nofile=N\n$/);
  t.equal(messages.at(-1), '');
});

test('nothing of Landlock is left open, and the rest of the launch is as without', async (t) => {
  const state = (options: readonly string[]): unknown => {
    const ended = uchroot([...options, user, jail, '/probe', 'state'], { by: oddCaller('fds=5') });
    const { pid, ppid, sid, pgid, ...rest } = JSON.parse(ended.stdout) as Record<string, unknown>;
    return { ...rest, argv: undefined, hasPids: [pid, ppid, sid, pgid].every(Number.isInteger) };
  };
  t.same(state(['--landlock']), state([]));
});

// The levels of doc/isolation.md whose columns are measured here. Rootless is measured in uchroot-rootless.root.test.ts.
const isolate = ['--isolate', '--proc', '/proc'];
const measured: Readonly<Partial<Record<LevelColumn, readonly string[]>>> = {
  bare: [],
  landlock: ['--landlock'],
  isolate,
  both: [...isolate, '--landlock'],
  'root inside': [...isolate, '--allow-root'],
};

helped('each level stops what doc/isolation.md says that it stops', async (t) => {
  const caps = ['--cap', 'mknod,sys_admin,dac_read_search,sys_chroot'];
  for (const [column, options] of Object.entries(measured) as [LevelColumn, readonly string[]][]) {
    const as = column === 'root inside' ? 0 : uid;
    const by = await withOutside(t, ({ words }) => attempts(options, ['try', ...words], as), as);
    const far = ({ directory }: Outside): Attempts =>
      attempts([...caps, ...options], ['caps', directory.slice(1)], as);
    compareWithPage(t, column, by, await withOutside(t, far, as));
  }
});
