import {
  chmodSync,
  chownSync,
  copyFileSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';

import type { Test } from 'tap';

import { attachPayload } from '../../lib/launch/compile/executable.ts';
import { compiledLauncherPath } from '../../lib/native.ts';
import { isolated } from '../support/isolation.ts';
import {
  bareOnly,
  command,
  makeJail,
  publicCommand,
  putFile,
  rootTest,
  start,
  temporaryDirectory,
  uchroot,
  type Ended,
} from '../support/launch.ts';
import { decode, probe, readState } from '../support/probe.ts';
import { sanitized } from '../support/sanitizer.ts';

const test = rootTest('python3', 'strace', 'setpriv');
const jail = makeJail();
const directory = temporaryDirectory();
let count = 0;

/** A launcher whose program writes a file in the jail, and the checks of that file. */
class Marker {
  readonly file = `${directory}/launcher-${count++}`;
  readonly #mark: string;

  constructor(options: readonly string[] = [], from = jail) {
    this.#mark = `${from}/tmp/mark`;
    compile(this.file, [...options, 'nobody', from, '/probe', 'mark', '/tmp/mark']);
  }

  run(by: readonly string[] = []): Ended & { readonly ran: boolean } {
    rmSync(this.#mark, { force: true });
    const ended = start([this.file], { by });
    return { ...ended, ran: existsSync(this.#mark) };
  }

  refuses(t: Test, message: RegExp): void {
    const { status, stderr, stdout, ran } = this.run();
    t.equal(status, 125);
    t.match(stderr, message);
    t.equal(stdout, '');
    t.notOk(ran, 'the program did not run');
  }
}

function compile(file: string, words: readonly string[]): Ended {
  const ended = uchroot(['--compile', file, ...words]);
  if (ended.status !== 0) throw new Error(`status ${ended.status}: ${ended.stderr}`);
  return ended;
}

test('a launch becomes one executable of at most 100 KB, which everybody may read and root alone write', async (t) => {
  const { file } = new Marker();
  const { size, mode, uid } = statSync(file);
  if (!sanitized) t.ok(size <= 100 * 1024, `${size} bytes`);
  t.equal(mode & 0o7777, 0o755);
  t.equal(uid, 0);
  t.notMatch(readdirSync(directory).join(), /new/, 'nothing is left beside it');
});

test('it launches, and says nothing itself', async (t) => {
  const ended = new Marker().run();
  t.equal(ended.status, 0);
  t.equal(ended.stdout + ended.stderr, '');
  t.ok(ended.ran);
});

// strace follows one process; an isolated launch is three, and they open the trees that they mount
const traceTest = bareOnly(test, 'the trace of one process');
traceTest(
  'it opens the way to the jail and its own OOM score, reads no other file, and loads no library',
  async (t) => {
    const trace = `${directory}/trace`;
    new Marker().run(['strace', '-qq', '-o', trace, '-e', 'trace=%file,read,mmap,getdents64']);
    const lines = readFileSync(trace, 'utf8').split('\n');
    const end = lines.findIndex((line) => line.startsWith('execve("/probe"'));
    const own = lines.slice(1, end).filter((line) => !line.includes('O_PATH|O_DIRECTORY'));
    t.ok(end > 0);
    t.same(
      own
        .filter((line) => /^(open|read|mmap|getdents|readlink|access\()/.test(line))
        // the number depends on the depth of the jail
        .map((line) => (line.split(',')[0] ?? '').replace(/^read\(\d$/, 'read(FD')),
      ['openat(AT_FDCWD', 'read(FD'],
    );
    t.match(
      own.find((line) => line.startsWith('openat')),
      /"\/proc\/self\/oom_score_adj"/,
    );
  },
);

test('--plan prints the steps of the command, and needs no privilege', async (t) => {
  const { file } = new Marker(['--setenv', 'GREETING=hello']);
  const compiled = start([file, '--plan'], { by: ['setpriv', '--reuid', '1', '--clear-groups'] });
  t.equal(compiled.status, 0);
  const steps = (text: string): readonly string[] =>
    // Data that only the compiled launcher has: its descriptors, and their soft limit.
    text
      .split('\n')
      .flatMap((line) => /^ *\d+ {2}(?!keep_listen_fds|setrlimit +nofile)(.*)/.exec(line)?.[1] ?? []);
  const command = uchroot(['--plan=steps', 'nobody', jail, '/probe', 'mark', '/tmp/mark']);
  // An isolated one has to fork to get into its pid namespace, and then the process outside gives up its rights.
  const outside = isolated
    ? 'setgroups setresgid setresuid capset no_new_privs not_dumpable parent_death_signal'
    : '';
  const own = outside.split(' ').filter(Boolean);
  t.same(
    steps(compiled.stdout)
      .slice(1, 1 + own.length)
      .map((line) => line.split(' ')[0]),
    own,
  );
  t.same(steps(compiled.stdout).toSpliced(1, own.length), steps(command.stdout));
  t.match(compiled.stdout, new RegExp(`inode ${lstatSync(jail).ino}, owner 0:0, mode 0755`));
  t.match(compiled.stdout, /^ {2}argv +\/probe mark \/tmp\/mark$/m);
  t.match(compiled.stdout, /GREETING=hello/);
});

test('other arguments are refused, and --help and --version are answered', async (t) => {
  const { file } = new Marker();
  for (const words of [['x'], [''], ['--plan', '--plan'], ['--plan=json'], ['--', 'x']]) {
    const ended = start([file, ...words]);
    t.equal(ended.status, 1, words.join(' '));
    t.match(
      ended.stderr,
      /^uchroot: this launcher takes no arguments but --plan, --help or --version\nhint: .*\n$/,
    );
  }
  t.match(start([file, '--help']).stdout, /^Usage: /);
  t.equal(start([file, '--version']).stdout, uchroot(['--version']).stdout);
});

test('who is not root is told so, as by the command', async (t) => {
  const { file } = new Marker();
  for (const [words, line] of [
    [['--reuid', '1'], 'uchroot must be run as root.  Current uid=1, euid=1'],
    [['--ruid', '1', '--euid', '0'], 'uchroot must be run as root.  Current uid=1, euid=0'],
  ] as const) {
    const ended = start([file], { by: ['setpriv', ...words, '--clear-groups'] });
    t.equal(ended.status, 3);
    t.equal(ended.stderr.split('\n')[0], line);
  }
});

function copyJail(): string {
  const copy = `${directory}/jail-${count++}`;
  cpSync(jail, copy, { recursive: true });
  chmodSync(copy, 0o755);
  chmodSync(`${copy}/tmp`, 0o1777);
  return copy;
}

test('a jail that was replaced, even by its like, is refused; --any-inode accepts it', async (t) => {
  const own = copyJail();
  const [exact, any] = [new Marker([], own), new Marker(['--any-inode'], own)];
  renameSync(own, `${own}-away`);
  cpSync(`${own}-away`, own, { recursive: true });
  chmodSync(own, 0o755);
  chmodSync(`${own}/tmp`, 0o1777);
  exact.refuses(t, /^uchroot: jail: [^\n]*: is another directory than [^\n]*\nhint: [^\n]*--any-inode\n$/);
  t.ok(any.run().ran);
  chmodSync(own, 0o777);
  any.refuses(t, /^uchroot: jail: [^\n]* mode 0777, and had [^\n]* mode 0755 /);
  rmSync(own, { recursive: true });
  exact.refuses(t, /^uchroot: jail: [^\n]*: no such file or directory\nhint: mount it, .*\n$/);
  symlinkSync(`${own}-away`, own);
  any.refuses(t, /^uchroot: jail: [^\n]*: not a directory\n$/);
});

test('a jail, or a directory above it, of another owner or mode is refused, and accepted as it was', async (t) => {
  const above = `${directory}/above`;
  mkdirSync(above, { mode: 0o755 });
  const own = `${above}/jail`;
  renameSync(copyJail(), own);
  const marker = new Marker([], own);
  const insecure = new Marker(['--insecure-path'], own);
  const changes: readonly (readonly [what: string, change: () => void, back: () => void])[] = [
    ['jail', () => chmodSync(own, 0o711), () => chmodSync(own, 0o755)],
    ['jail', () => chownSync(own, 65534, 0), () => chownSync(own, 0, 0)],
    ['jail', () => chownSync(own, 0, 65534), () => chownSync(own, 0, 0)],
    ['above', () => chmodSync(above, 0o775), () => chmodSync(above, 0o755)],
    ['above', () => chownSync(above, 65534, 0), () => chownSync(above, 0, 0)],
  ];
  for (const [what, change, back] of changes) {
    change();
    marker.refuses(
      t,
      /^uchroot: jail: [^\n]*: has owner [^\n]*, and had owner 0:0 and mode 0755 [^\n]*\nhint: /,
    );
    t.equal(insecure.run().ran, what === 'above', 'what lies above the jail was not to be looked at');
    back();
    t.ok(marker.run().ran);
  }
  chmodSync(above, 0o711);
  t.ok(marker.run().ran, 'who may only enter it cannot replace the jail');
  chmodSync(above, 0o755);
});

test('a link to the jail is resolved when it is compiled', async (t) => {
  const link = `${directory}/link`;
  symlinkSync(jail, link);
  const { file } = new Marker([], link);
  rmSync(link);
  t.equal(start([file]).status, 0);
});

test('a file that was cut anywhere is refused, and never half run', async (t) => {
  const marker = new Marker();
  const whole = readFileSync(marker.file);
  const cuts = [1, 2, 3, 16, 100, 1000, 2000, 4096, 8192, whole.length - 200, whole.length - 20];
  for (const cut of cuts) {
    writeFileSync(marker.file, whole.subarray(0, whole.length - cut));
    let ended;
    try {
      ended = marker.run();
    } catch {
      continue; // not an executable any more (execve(2), ENOEXEC)
    }
    t.notOk(ended.ran, `${cut} bytes less`);
    t.not(ended.status, 0);
    if (cut < 5000) t.match(ended.stderr, /^uchroot: launcher: this file is damaged: [^\n]*\n$/);
  }
});

test('a file of which any byte is another is refused, and never half run', async (t) => {
  const marker = new Marker();
  const whole = readFileSync(marker.file);
  const payload = whole.lastIndexOf('UCL2');
  const constant = whole.indexOf('/proc/self/oom_score_adj');
  const places = [
    constant,
    payload - 8,
    payload - 20,
    payload,
    payload + 4,
    payload + 8,
    payload + 12,
    whole.length - 1,
  ];
  for (let at = payload + 16; at < whole.length; at += 97) places.push(at);
  for (const at of places) {
    const altered = Buffer.from(whole);
    altered[at] = (altered[at] ?? 0) ^ 0x10;
    writeFileSync(marker.file, altered);
    const { status, stderr, ran } = marker.run();
    if (status === 125 && !ran && stderr.startsWith('uchroot: launcher: this file is damaged: ')) continue;
    t.fail(`byte ${at} of ${whole.length}: status ${status}, ran ${ran}, ${stderr}`);
  }
  t.ok(places.length > 100);
});

test('a payload of another machine or with a malformed plan is refused, whatever its checksum', async (t) => {
  const marker = new Marker();
  const payload = readFileSync(marker.file).subarray(readFileSync(marker.file).lastIndexOf('UCL2') - 8);
  const executable = readFileSync(compiledLauncherPath(process.arch));
  const write = (change: (payload: Buffer) => void): void => {
    const changed = Buffer.from(payload);
    change(changed);
    writeFileSync(marker.file, attachPayload(executable, changed));
  };
  write(() => {});
  t.ok(marker.run().ran, 'unchanged');
  const plan = payload.indexOf('UCP2');
  for (const change of [
    (changed: Buffer) => changed.writeUInt32LE(payload.readUInt32LE(12) === 62 ? 183 : 62, 12),
    (changed: Buffer) => changed.writeUInt32LE(0x314c4355, 8),
    // no stage, one step, an unknown op, more data than there is: see native/plan/plan.h
    (changed: Buffer) => changed.writeUInt32LE(0, plan + 8),
    (changed: Buffer) => changed.writeUInt32LE(1, plan + 16),
    (changed: Buffer) => changed.writeUInt16LE(99, plan + 24),
    (changed: Buffer) => changed.writeUInt32LE(2 ** 31, plan + 28),
  ]) {
    write(change);
    marker.refuses(t, /^uchroot: launcher: its plan is malformed, or made for another machine\n$/);
  }
});

test('the executable into which nothing was compiled says so', async (t) => {
  const ended = start([compiledLauncherPath(process.arch)]);
  t.equal(ended.status, 125);
  t.match(ended.stderr, /^uchroot: launcher: nothing has been compiled into this file/);
});

test('another launcher is replaced; any other file in its place stays, and is named', async (t) => {
  const marker = new Marker();
  compile(marker.file, ['nobody', jail, '/probe', 'exit', '7']);
  t.equal(start([marker.file]).status, 7);
  putFile(`${directory}/precious`, 'kept');
  symlinkSync(marker.file, `${directory}/alias`);
  for (const name of ['precious', 'alias', '.']) {
    const ended = uchroot(['--compile', `${directory}/${name}`, 'nobody', jail, '/probe']);
    t.equal(ended.status, 125, name);
    t.match(ended.stderr, /^uchroot: compile: [^\n]*: is there already, and is no compiled launcher\nhint: /);
  }
  t.equal(readFileSync(`${directory}/precious`, 'utf8'), 'kept');
  copyFileSync(compiledLauncherPath(process.arch), `${directory}/template`);
  t.equal(uchroot(['--compile', `${directory}/template`, 'nobody', jail, '/probe']).status, 125);
  const nowhere = uchroot(['--compile', `${directory}/no/launcher`, 'nobody', jail, '/probe']);
  t.match(
    nowhere.stderr,
    /^uchroot: compile: [^\n]*: no such file or directory\nhint: mkdir -p [^\n]*\/no\n$/,
  );
});

test('what cannot be compiled is a usage error', async (t) => {
  const file = `${directory}/never`;
  for (const [words, message] of [
    [['--any-inode', 'nobody', jail, '/probe'], /--any-inode needs --compile/],
    [['--architecture', 'arm64', 'nobody', jail, '/probe'], /--architecture needs --compile/],
    [
      ['--compile', file, '--architecture', 'mips', 'nobody', jail],
      /--architecture must be one of x64, arm64, not 'mips'/,
    ],
    [['--compile', file, '--plan', 'nobody', jail, '/probe'], /--compile and --plan are given at once/],
    [['--compile', file, '--unit', 'sysv', 'nobody', jail, '/probe'], /--compile: the script of sysv adds/],
    [['--compile', '', 'nobody', jail, '/probe'], /--compile needs the name of a file/],
  ] as const) {
    const ended = uchroot(words);
    t.equal(ended.status, 1);
    t.match(ended.stderr, message);
  }
  t.equal(uchroot(['--compile', file, 'root', jail, '/probe']).status, 125, 'as for a launch');
  t.equal(uchroot(['--compile', file, 'nosuchuser', jail, '/probe']).status, 2);
  t.notOk(existsSync(file));
});

test('a program that is missing in the jail is warned of, and then told by the launcher', async (t) => {
  const file = `${directory}/missing`;
  const ended = uchroot(['--compile', file, 'nobody', jail, '/nothing']);
  t.equal(ended.status, 0);
  t.match(ended.stderr, /^uchroot: warning: \/nothing: not found in the jail\nhint: [^\n]*\n/);
  const launched = start([file]);
  t.equal(launched.status, 127);
  t.match(launched.stderr, /^uchroot: execve: \/nothing: not found in the jail, [^\n]*\nhint: [^\n]*\n$/);
});

test('an ordinary user can compile, and is told that root must own what root starts', async (t) => {
  if (sanitized) {
    t.pass('the loader drops LD_PRELOAD for them: see uchroot-refusals.root.test.ts');
    return;
  }
  const file = `${directory}/open/launcher`;
  mkdirSync(`${directory}/open`);
  chownSync(`${directory}/open`, 1, 1);
  const ended = start([...publicCommand(), '--compile', file, '65534:65534', jail, '/probe'], {
    by: ['setpriv', '--reuid', '1', '--regid', '1', '--clear-groups'],
  });
  t.equal(ended.status, 0, ended.stderr);
  t.match(
    ended.stderr,
    /^uchroot: warning: compile: [^\n]* belongs to uid 1, who could replace what root starts\n/,
  );
  t.same(readState(start([file])).uid, [65534, 65534, 65534, 65534]);
});

// Started with the same arguments, the command and a launcher must build the same environment.
test('its environment is that of the command, whatever the caller has', async (t) => {
  const callers: readonly Readonly<Record<string, string>>[] = [
    {},
    {
      TERM: 'x',
      LANG: 'C',
      LANGUAGE: '',
      LC_ALL: 'C',
      LC_ALLX: 'no',
      TZ: 'UTC',
      SECRET: '1',
      LD_AUDIT: '',
      HOME: '/h',
    },
    {
      NOTIFY_SOCKET: '@x',
      WATCHDOG_PID: '1',
      LISTEN_PID: '1',
      LISTEN_FDS: '1',
      LISTEN_FDNAMES: 'a',
      LISTEN_ELSE: 'b',
    },
    {
      PATH: '',
      USER: 'root',
      LOGNAME: 'root',
      SHELL: '/s',
      NODE_EXTRA: '1',
      NODEX: '1',
      'FOO*': '1',
      FOOD: '1',
      _: 'x',
    },
  ];
  const optionSets: readonly (readonly string[])[] = [
    [],
    ['--setenv', 'LANG=frozen', '--unsetenv', 'TERM'],
    ['--keep-env'],
    [
      '--keep-env',
      '--unsetenv',
      'FOO*',
      '--setenv',
      'PATH=/own',
      '--unsetenv',
      'SECRET',
      '--unsetenv',
      'USER',
    ],
  ];
  for (const options of optionSets) {
    for (const user of ['nobody', '7777:7777']) {
      const file = `${directory}/environment-${count++}`;
      compile(file, [...options, user, jail, '/probe', 'state']);
      for (const env of callers) {
        const entries = (ended: Ended): readonly string[] => readState(ended).env.map(decode).toSorted();
        const command = uchroot([...options, user, jail, '/probe', 'state'], { env });
        t.same(
          entries(start([file], { env })),
          entries(command),
          `${options.join(' ')} ${user} ${Object.keys(env).join()}`,
        );
      }
    }
  }
});

const deathTest = bareOnly(test, 'the parent of an isolated program is its init, with which it always ends');
deathTest('--die-with-parent holds for the process that starts it', async (t) => {
  const file = `${directory}/die`;
  compile(file, ['--die-with-parent', 'nobody', jail, '/probe', 'state']);
  t.equal(readState(start([file])).parentDeathSignal, 9);
  t.equal(probe(jail).parentDeathSignal, 0);
});

test('the soft limit on descriptors with which it is started reaches the program', async (t) => {
  const file = `${directory}/limits`;
  compile(file, ['nobody', jail, '/probe', 'state']);
  const { rlimits } = readState(start([file], { by: ['prlimit', '--nofile=512:600'] }));
  t.same(rlimits.nofile, [512, 600]);
});

test('with --service-status each failure ends with a status that no program has', async (t) => {
  const file = `${directory}/service`;
  const words = ['--service-status', 'nobody', jail, '/probe', 'exit', '3'];
  compile(file, words);
  t.equal(start([file, '--nosuch']).status, 250);
  t.equal(start([file], { by: ['setpriv', '--reuid', '1', '--clear-groups'] }).status, 250);
  t.equal(start([file], { by: injected('execve', 'error=EAGAIN') }).status, 251);
  t.equal(start([file], { by: injected('execve', 'error=EACCES') }).status, 250);
  t.equal(start([file], { by: injected('setresuid', 'error=EPERM') }).status, 250);
  t.equal(start([file]).status, 3, "the program's own");
});

test('a launcher that is killed may succeed later, and the message is that of uchroot', async (t) => {
  const file = `${directory}/killed`;
  const words = ['--service-status', '--isolate', 'nobody', jail, '/probe', 'exit', '3'];
  compile(file, words);
  for (const launcher of [[file], [...command, ...words]])
    t.match(start(launcher, { by: injected('pivot_root', 'signal=KILL') }), {
      status: 251,
      stderr: 'uchroot: launch: the launcher was killed: operation canceled\n',
    });
});

const injected = (call: string, what: string): readonly string[] => [
  'strace',
  '-fqqq',
  '--output=/dev/null',
  `--inject=${call}:${what}`,
  '--',
];

// Binds the name of an abstract socket, runs the launcher with it, and prints what that has told.
const manager = `import os, socket, subprocess, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.settimeout(9); s.bind('\\0' + sys.argv[1])
ended = subprocess.run(sys.argv[2:], env={'NOTIFY_SOCKET': '@' + sys.argv[1]}, stderr=subprocess.DEVNULL)
print(ended.returncode, s.recv(4096).decode())`;

test('a launcher tells an init system with an abstract socket why it has failed', async (t) => {
  const file = `${directory}/launcher-${count++}`;
  const from = makeJail();
  compile(file, ['--service-status', 'nobody', from, '/probe', 'mark', '/tmp/mark']);
  rmSync(`${from}/probe`);
  const { stdout } = start(['python3', '-c', manager, `uchroot-test-${process.pid}`, file]);
  t.match(stdout, /^250 STATUS=.*\/probe: not found in the jail/);
});
