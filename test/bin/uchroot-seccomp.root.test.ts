import {
  chmodSync,
  chownSync,
  copyFileSync,
  lchownSync,
  mkdirSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { constants } from 'node:os';

import { callNumbers } from '../../lib/launch/seccomp/call-table.ts';
import { podmanFile } from '../support/launch/seccomp/profiles.ts';
import { isolated } from '../support/isolation.ts';
import {
  bothWays,
  command,
  endBy,
  makeJail,
  rootTest,
  start,
  temporaryDirectory,
  uchroot,
} from '../support/launch.ts';
import { compiled } from '../support/programs.ts';
import { runInJail } from '../support/public-api.ts';
import { unlessThere } from '../support/root.ts';

const test = bothWays();
const once = rootTest();
const { EPERM, ENOSYS, EAFNOSUPPORT, EINVAL, EFAULT } = constants.errno;
const isX64 = process.arch === 'x64';
const base = temporaryDirectory();
const jail = makeJail();
if (process.getuid?.() === 0) {
  copyFileSync(compiled('syscalls'), `${jail}/syscalls`);
  chmodSync(`${jail}/syscalls`, 0o755);
}

const machine = process.arch === 'arm64' ? 'arm64' : 'x64';

// The words of the program for a call by name.
function word(call: string, ...args: readonly number[]): string {
  return [callNumbers(machine).get(call), ...args].join();
}

function errnos(options: readonly string[], words: readonly string[]): readonly number[] {
  const { status, signal, stdout, stderr } = uchroot([...options, 'nobody', jail, '/syscalls', ...words]);
  if (status !== 0) throw new Error(`status ${status}, signal ${signal}: ${stderr}`);
  return stdout.trim().split('\n').map(Number);
}

function profile(name: string, content: object): string {
  const file = `${base}/${name}`;
  writeFileSync(file, JSON.stringify(content));
  return file;
}

const forbidden =
  'ptrace perf_event_open userfaultfd bpf keyctl mount setns chroot io_uring_setup process_vm_readv open_by_handle_at'.split(
    ' ',
  );

test('the default filter refuses what no ordinary program needs', async (t) => {
  const found = errnos(
    ['--seccomp=default'],
    forbidden.map((call) => word(call, 0)),
  );
  t.same(
    found,
    forbidden.map(() => EPERM),
  );
  const rest = [
    word('clone3', 0, 0),
    word('unshare', 0x10000000),
    word('socket', 38, 5),
    word('socket', 40, 1),
    word('socket', 2, 1),
    word('personality', 0x40000),
    word('personality', 0xffffffff),
    '460000',
  ];
  t.same(errnos(['--seccomp=default'], rest), [
    ENOSYS,
    EPERM,
    EAFNOSUPPORT,
    EAFNOSUPPORT,
    0,
    EPERM,
    0,
    ENOSYS,
  ]);
});

test('an isolated launch has the default filter, and a profile takes its place', async (t) => {
  t.same(
    errnos(
      ['--isolate'],
      forbidden.map((call) => word(call, 0)),
    ),
    forbidden.map(() => EPERM),
  );
  t.same(errnos(['--isolate', '--allow=namespaces'], [word('unshare', 0), word('ptrace', 0)]), [0, EPERM]);
  const file = profile('isolated.json', {
    defaultAction: 'SCMP_ACT_ALLOW',
    syscalls: [{ names: ['getpid'], action: 'SCMP_ACT_ERRNO', errnoRet: 77 }],
  });
  const words = [word('getpid'), word('personality', 0x40000), word('keyctl', 1000)];
  t.same(errnos(['--isolate', '--seccomp', file], words), [77, 0, EPERM]);
  const root = ['--allow-root', '--isolate'];
  const { stdout } = uchroot([...root, 'root', jail, '/syscalls', word('mount'), word('init_module')]);
  t.equal(stdout, `${EPERM}\n${EPERM}\n`, 'for root too');
});

test('--allow gives a call back, or a group', async (t) => {
  const words = [word('ptrace', 0x4206, 0), word('perf_event_open', 0), word('kcmp', 1, 1)];
  const [ptrace, perf, kcmp] = errnos(['--seccomp=default', '--allow', 'debug'], words);
  t.not(ptrace, EPERM, 'no such process, says the kernel');
  t.equal(perf, EPERM);
  t.not(kcmp, ENOSYS);
  t.same(
    errnos(['--allow=keyring'], [word('keyctl', 1000), word('ioctl', 0, 0x5412)]).slice(1),
    [EPERM],
    'without a profile too',
  );
});

test('32-bit calls end a program under the default filter, and x32 does not exist', async (t) => {
  if (!isX64) {
    t.pass('no such table here');
    return;
  }
  t.same(errnos(['--seccomp=default'], ['x39']), [ENOSYS]);
  t.match(uchroot(['--seccomp=default', 'nobody', jail, '/syscalls', 'i20']), endBy('SIGSYS'));
  // getpid, ptrace, mount, socketcall
  t.same(errnos(['--seccomp=default', '--allow=32bit'], ['i20', 'i26', 'i21', 'i102', 'x39']), [
    0,
    EPERM,
    EPERM,
    ENOSYS,
    ENOSYS,
  ]);
});

test('a profile counts with its arguments, errnos and capabilities', async (t) => {
  const file = profile('own.json', {
    defaultAction: 'SCMP_ACT_ALLOW',
    syscalls: [
      { names: ['getpid'], action: 'SCMP_ACT_ERRNO', errnoRet: 77 },
      {
        names: ['getppid'],
        action: 'SCMP_ACT_ERRNO',
        errno: 'ENOSYS',
        excludes: { caps: ['CAP_NET_BIND_SERVICE'] },
      },
      { names: ['dup'], action: 'SCMP_ACT_ERRNO', args: [{ index: 0, value: 1, op: 'SCMP_CMP_EQ' }] },
      { names: ['umask'], action: 'SCMP_ACT_ERRNO', errnoRet: 5, includes: { minKernel: '3.0' } },
      { names: ['getuid'], action: 'SCMP_ACT_ERRNO', errnoRet: 5, excludes: { minKernel: '3.0' } },
    ],
  });
  const words = [
    word('getpid'),
    word('getppid'),
    word('dup', 1),
    word('dup', 2),
    word('umask'),
    word('getuid'),
    word('keyctl', 1000),
    word('ioctl', 0, 0x5412),
  ];
  t.same(errnos(['--seccomp', file], words), [77, ENOSYS, EPERM, 0, 5, 0, EPERM, EPERM]);
  t.equal(errnos(['--seccomp', file, '--cap=net_bind_service'], words)[1], 0);
  t.same(errnos([`--seccomp=${file}`, '--allow', 'getpid'], words).slice(0, 2), [0, ENOSYS]);
});

test('log refuses nothing', async (t) => {
  t.same(
    errnos(
      ['--seccomp=log'],
      [word('ptrace', 0x4206, 0), word('unshare', 0x600), word('personality', 0x40000)],
    ).slice(1),
    [0, 0],
  );
  const file = profile('none.json', { defaultAction: 'SCMP_ACT_KILL_PROCESS' });
  t.same(
    errnos([`--seccomp=log:${file}`], [word('getpid'), ...(isX64 ? ['i20'] : [])]),
    isX64 ? [0, 0] : [0],
  );
});

// Calls of the launch itself behind the filter, if an init starts the program.
const ofStages = isolated ? ['read', 'prctl'] : [];

test('a program can be killed by its profile, with nothing allowed but what it needs', async (t) => {
  const needed =
    'execve write exit_group brk mmap arch_prctl set_tid_address set_robust_list rseq prlimit64 readlinkat readlink getrandom mprotect fstat newfstatat uname';
  const file = profile('strict.json', {
    defaultAction: 'SCMP_ACT_KILL_PROCESS',
    syscalls: [{ names: [...needed.split(' '), ...ofStages], action: 'SCMP_ACT_ALLOW' }],
  });
  t.same(errnos([`--seccomp=${file}`], [word('uname', 0)]), [EFAULT]);
  t.match(uchroot([`--seccomp=${file}`, 'nobody', jail, '/syscalls', word('getpid')]), endBy('SIGSYS'));
});

const skip = unlessThere(podmanFile);
if (skip === false)
  test("podman's profile is in force", async (t) => {
    const words = [
      word('add_key'),
      word('mount'),
      word('read', 0, 0, 0),
      word('socket', 16, 3, 9),
      word('acct', 0),
    ];
    t.same(errnos(['--seccomp', podmanFile], words), [ENOSYS, EFAULT, 0, EINVAL, EPERM]);
  });

test('with --allow-new-privs the filter is in force as well', async (t) => {
  t.same(
    errnos(['--seccomp=default', '--allow-new-privs'], [word('ptrace', 0), word('unshare', 0x10000000)]),
    [EPERM, EPERM],
  );
});

once('a wrong name or profile starts nothing', async (t) => {
  const wrong = (...options: readonly string[]): string => {
    const { status, stdout, stderr } = start([...command, ...options, 'nobody', jail, '/syscalls', '39']);
    t.equal(stdout, '');
    return `${status} ${stderr}`;
  };
  t.match(
    wrong('--allow=ptrac'),
    "1 uchroot: --allow: there is no system call or group 'ptrac'\nhint: did you mean ptrace?\n",
  );
  t.match(
    wrong('--seccomp=/nowhere.json'),
    /^125 uchroot: seccomp: \/nowhere\.json: no such file or directory\nhint: /,
  );
  t.match(wrong(`--seccomp=${base}`), /^1 uchroot: --seccomp: \/tmp\/[^ ]+ is no regular file\n/);
  const empty = profile('empty.json', {});
  t.match(wrong(`--seccomp=${empty}`), `1 uchroot: ${empty}: defaultAction: must be a text, not missing\n`);
  writeFileSync(`${base}/large.json`, Buffer.alloc(2 ** 20 + 1, 0x20));
  t.match(wrong(`--seccomp=${base}/large.json`), /has 1048577 bytes, and a profile at most 1048576/);
  t.equal(start(['mkfifo', `${base}/fifo`]).status, 0);
  t.match(wrong(`--seccomp=${base}/fifo`), /is no regular file/);
  writeFileSync(`${base}/deep.json`, `{"defaultAction":${'['.repeat(1e5)}${']'.repeat(1e5)}}`);
  t.match(
    wrong(`--seccomp=${base}/deep.json`),
    /^1 uchroot: .*defaultAction: must be a text, not \[\.\.\.\]/,
  );
  t.match(wrong('--seccomp=log:'), /^1 uchroot: --seccomp must be the path of a profile/);
});

once('a profile that the user could write is refused', async (t) => {
  const file = profile('writable.json', { defaultAction: 'SCMP_ACT_ALLOW' });
  const run = (...options: readonly string[]): ReturnType<typeof start> =>
    start([...command, `--seccomp=${file}`, ...options, 'nobody', jail, '/syscalls', word('getuid')]);
  t.equal(run().status, 0);
  chmodSync(file, 0o666);
  t.match(run(), {
    status: 125,
    stderr: /can be written by uid 65534, whom it is to confine\nhint: chown root /,
  });
  t.equal(run('--insecure-path').status, 0);
  chmodSync(file, 0o644);
  chownSync(file, 65534, 0);
  t.equal(run().status, 125);
  chownSync(file, 0, 0);
  t.equal(run().status, 0);
});

once('a profile that the groups of a launch could write is refused for that launch alone', async (t) => {
  const file = profile('grouped.json', { defaultAction: 'SCMP_ACT_ALLOW' });
  chownSync(file, 0, 50);
  chmodSync(file, 0o664);
  const run = (...groups: readonly number[]) =>
    runInJail({
      user: 'nobody',
      groups,
      jail,
      program: '/syscalls',
      args: [word('getuid')],
      seccomp: file,
    });
  await t.rejects(run(50), { code: 'ERR_INSECURE_PATH' });
  t.match(await run(), { exitCode: 0 });
  await t.rejects(run(50), { code: 'ERR_INSECURE_PATH' }, 'though the profile is known by now');
  t.match(await run(60), { exitCode: 0 });
});

once('a profile is refused if the user could put another one in its place', async (t) => {
  const file = profile('listed.json', { defaultAction: 'SCMP_ACT_ALLOW' });
  const run = (path: string, ...options: readonly string[]): ReturnType<typeof start> =>
    start([...command, `--seccomp=${path}`, ...options, 'nobody', jail, '/syscalls', word('getuid')]);
  mkdirSync(`${base}/his`);
  symlinkSync(file, `${base}/his/link.json`);
  symlinkSync(`${base}/his/link.json`, `${base}/chain.json`);
  t.equal(run(`${base}/chain.json`).status, 0, 'the directory of the link is the of root');
  chownSync(`${base}/his`, 65534, 0);
  for (const path of [`${base}/his/link.json`, `${base}/chain.json`]) {
    t.match(run(path), { status: 125, stderr: /his, above .*json, is owned by uid 65534/ });
    t.equal(run(path, '--insecure-path').status, 0);
  }
  mkdirSync(`${base}/everybodys`);
  chmodSync(`${base}/everybodys`, 0o1777);
  symlinkSync(file, `${base}/everybodys/link.json`);
  t.equal(run(`${base}/everybodys/link.json`).status, 0);
  lchownSync(`${base}/everybodys/link.json`, 65534, 0);
  t.match(run(`${base}/everybodys/link.json`), { status: 125, stderr: /is a link of uid 65534, the user/ });
  if (start(['setfacl', '-m', 'u:65534:rw', file]).status !== 0)
    return t.comment('no access control lists here');
  t.match(run(file), { status: 125, stderr: /can be written by uid 65534.*\nhint: setfacl -b / });
});

once('a profile is no obstacle to a program in a directory that is bound into the jail', async (t) => {
  const file = profile('allowed.json', { defaultAction: 'SCMP_ACT_ALLOW' });
  mkdirSync(`${base}/bound`);
  mkdirSync(`${jail}/bound`);
  copyFileSync(compiled('syscalls'), `${base}/bound/program`);
  chmodSync(`${base}/bound/program`, 0o755);
  const options = ['--isolate', `--seccomp=${file}`, '--ro-bind', `${base}/bound:/bound`];
  t.match(uchroot([...options, 'nobody', jail, '/bound/program', word('getuid')]), { status: 0, stderr: '' });
  const plan = uchroot([...options, '--plan', 'nobody', jail, '/bound/program']);
  t.match(plan, { status: 0, stderr: '' });
});

once('a profile with conditions on the calls of the launch itself does not hang it', async (t) => {
  const args = [{ index: 0, value: 77, op: 'SCMP_CMP_EQ' }];
  const names = ['execve', 'write', 'exit_group', 'prctl', 'read'];
  const file = profile('conditions.json', {
    defaultAction: 'SCMP_ACT_ERRNO',
    syscalls: [{ names, action: 'SCMP_ACT_ALLOW', args }],
  });
  t.match(uchroot(['--isolate', `--seccomp=${file}`, 'nobody', jail, '/syscalls']), {
    status: 1,
    stderr: /conditions\.json: refuses execve with some arguments, which the launch itself needs/,
  });
});

once(
  'a profile that would stop the status line, or the steps after it, does not hang the launch',
  async (t) => {
    const names = ['execve', 'write', 'exit_group', ...ofStages];
    const file = profile('silent.json', {
      defaultAction: 'SCMP_ACT_KILL',
      syscalls: [{ names, action: 'SCMP_ACT_ALLOW' }],
    });
    t.match(uchroot([`--seccomp=${file}`, '--status-fd', '1', 'nobody', jail, '/syscalls']), {
      status: 1,
      stderr: /silent\.json: refuses rt_sigprocmask, which the launch itself needs/,
    });
    const more =
      'setgroups setresgid setresuid setfsuid setfsgid capset prctl getresuid getresgid getgroups capget statx getcwd faccessat rt_sigaction rt_sigprocmask brk arch_prctl set_tid_address set_robust_list rseq prlimit64 readlinkat readlink getrandom mprotect mmap fstat newfstatat';
    const whole = profile('whole.json', {
      defaultAction: 'SCMP_ACT_KILL_PROCESS',
      syscalls: [{ names: [...names, ...more.split(' ')], action: 'SCMP_ACT_ALLOW' }],
    });
    t.match(uchroot([`--seccomp=${whole}`, '--allow-new-privs', 'nobody', jail, '/syscalls']), { status: 0 });
  },
);

once('a missing program is explained before a strict filter is installed', async (t) => {
  const file = profile('narrow.json', {
    defaultAction: 'SCMP_ACT_KILL_PROCESS',
    syscalls: [{ names: ['execve', 'write', 'exit_group'], action: 'SCMP_ACT_ALLOW' }],
  });
  const ended = start([...command, `--seccomp=${file}`, 'nobody', jail, '/missing']);
  t.match(ended, { status: 127, stderr: /\/missing: not found in the jail/ });
});

once('--plan and --unit carry the filter', async (t) => {
  const file = profile('carried.json', {
    defaultAction: 'SCMP_ACT_ALLOW',
    syscalls: [{ names: ['getpid'], action: 'SCMP_ACT_TRAP' }],
  });
  const plan = start([
    ...command,
    '--plan=steps',
    `--seccomp=${file}`,
    '--allow=keyring',
    'nobody',
    jail,
    '/syscalls',
  ]);
  t.match(plan, {
    status: 0,
    stdout: new RegExp(
      `seccomp +[0-9]+ instructions +the profile ${file}; allowed: keyring\\n.*verify_seccomp .*\\n.*execve `,
    ),
  });
  for (const [given, expected] of [
    ['own.json', `${base}/own.json`],
    ['log:own.json', `log:${base}/own.json`],
    ['log', 'log'],
    ['default', 'default'],
    ['./log', `${base}/log`],
  ] as const) {
    writeFileSync(`${base}/log`, '{"defaultAction":"SCMP_ACT_ALLOW"}');
    profile('own.json', { defaultAction: 'SCMP_ACT_ALLOW' });
    const unit = start(
      [...command, '--unit=systemd', '--seccomp', given, '--allow=debug', 'nobody', jail, '/syscalls'],
      { cwd: base },
    );
    t.match(unit, { status: 0, stdout: `--seccomp=${expected} --allow=debug ` }, given);
  }
});

once('the library reads a profile again when it has changed', async (t) => {
  const content = (errnoRet: number): object => ({
    defaultAction: 'SCMP_ACT_ALLOW',
    syscalls: [{ names: ['getpid'], action: 'SCMP_ACT_ERRNO', errnoRet }],
  });
  const run = async (): Promise<string> => {
    const { stdout } = await runInJail({
      user: 'nobody',
      jail,
      program: '/syscalls',
      args: [word('getpid')],
      seccomp: `${base}/changing.json`,
    });
    return stdout;
  };
  profile('changing.json', content(70));
  t.equal(await run(), '70\n');
  t.equal(await run(), '70\n');
  profile('changing.json', content(1234));
  t.equal(await run(), '1234\n');
  t.equal(
    (await runInJail({ user: 'nobody', jail, program: '/syscalls', args: [word('getpid')] })).stdout,
    '0\n',
    'and no other launch has it',
  );
  await t.rejects(runInJail({ user: 'nobody', jail, allow: ['nothing_like_it'] }), { name: 'UsageError' });
});
