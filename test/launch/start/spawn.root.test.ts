import { once } from 'node:events';
import {
  chmodSync,
  closeSync,
  createReadStream,
  createWriteStream,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { join } from 'node:path';

import t from 'tap';

import { makeDirectory } from '../../support/directory.ts';
import { isolated } from '../../support/isolation.ts';
import { runInJail, spawnInJail, type JailedProcess, type SpawnRequest } from '../../support/public-api.ts';
import { makeJail } from '../../support/programs.ts';
import { unlessRoot } from '../../support/root.ts';
import {
  eventually,
  processesOf,
  runs,
  runService,
  fdsBecome,
  settledFds,
  text,
} from '../../support/service.ts';

const skip = unlessRoot();
const uid = 61_103;
const jail = skip === false ? makeJail(t, 'actor', 'probe') : '';
const base = { user: `${uid}:${uid}`, jail, program: '/actor' };
const directory = makeDirectory(t);
let files = 0;

function newFile(content = ''): string {
  const path = join(directory, String(files++));
  writeFileSync(path, content);
  return path;
}

function act(words: readonly string[], more: Partial<SpawnRequest> = {}): Promise<JailedProcess> {
  return spawnInJail({ ...base, args: words, ...more });
}

t.test('stdio takes descriptors', { skip }, async (t) => {
  const [input, output] = [newFile('from a file'), newFile()];
  const fds = [openSync(input, 'r'), openSync(output, 'w')];
  const child = await act(['cat', 'err=ignored'], { stdio: [fds[0], fds[1], 'ignore'] });
  fds.forEach(closeSync);
  t.strictSame(child.stdio, [null, null, null]);
  await child.exited;
  t.equal(readFileSync(output, 'utf8'), 'from a file');
});

t.test('stdio takes streams of files and sockets', { skip }, async (t) => {
  const [input, output] = [newFile('from a stream'), newFile()];
  const streams = [createReadStream(input), createWriteStream(output)] as const;
  await Promise.all(streams.map((stream) => once(stream, 'open')));
  const child = await act(['cat'], { stdio: [streams[0], streams[1], 'inherit'] });
  await child.exited;
  streams.forEach((stream) => stream.destroy());
  t.equal(readFileSync(output, 'utf8'), 'from a stream');

  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const [accepted] = (await once(server, 'connection')) as [Socket];
  const served = await act(['cat'], { stdio: [accepted, accepted, 'ignore'] });
  accepted.destroy();
  client.end('echo');
  t.equal(await text(client), 'echo');
  t.match(await served.exited, { exitCode: 0 });
  server.close();
});

t.test('a stream that is not open yet is refused', { skip }, async (t) => {
  const stream = createWriteStream(newFile());
  await t.rejects(act([], { stdio: ['ignore', stream, 'ignore'] }), { name: 'UsageError' });
  await once(stream, 'open');
  stream.destroy();
});

t.test('inherited and swapped descriptors arrive where they are asked for', { skip }, async (t) => {
  const say = ['out=to 1;', 'err=to 2;', 'cat'];
  const run = async (stdio: SpawnRequest['stdio']): Promise<object> => {
    const { stdout, stderr, code } = await runService('spawn', { ...base, args: say, stdio });
    return { stdout, stderr, code };
  };
  t.strictSame(await run('inherit'), { stdout: 'to 1;', stderr: 'to 2;', code: 0 });
  t.strictSame(await run([0, 2, 1]), { stdout: 'to 2;', stderr: 'to 1;', code: 0 });
  t.strictSame(await run(['ignore', 1, 1]), { stdout: 'to 1;to 2;', stderr: '', code: 0 });
  t.strictSame(await run(['ignore', 2, 2]), { stdout: '', stderr: 'to 1;to 2;', code: 0 });
  // Here 1 is the write end of a pipe. As standard input it cannot be read, as requested.
  t.match(await run([1, 2, 0]), { stdout: '', stderr: 'to 1;' });
  t.match(await run([2, 1, 0]), { stdout: 'to 1;' });
});

t.test('preserveFds keeps the numbers, also those that launching uses itself', { skip }, async (t) => {
  const file = newFile('kept');
  const fds = Array.from({ length: 40 }, () => openSync(file, 'r'));
  const { stdout: all } = await runInJail({ ...base, args: ['fds'], preserveFds: fds });
  t.equal(all, `0 1 2 ${fds.toSorted((a, b) => a - b).join(' ')} `);
  for (const fd of fds.slice(0, 12)) {
    const child = await act(['fds', `cat=${fd}`], { preserveFds: [fd, fd] });
    // If all descriptors shared one open file description, they would share its offset.
    t.equal(await text(child.stdout), `0 1 2 ${fd} kept`);
  }
  fds.forEach(closeSync);
});

t.test(
  'closed descriptors are a LaunchError that names them, and nothing runs or leaks',
  { skip },
  async (t) => {
    const before = await settledFds();
    for (const more of [
      { preserveFds: [900] },
      { stdio: [900, 1, 2] },
      { stdio: ['ignore', 900, 'pipe'] },
    ] as const) {
      await t.rejects(act(['touch=/tmp/ran'], more), {
        name: 'LaunchError',
        code: 'EBADF',
        errno: 9,
        call: 'fcntl',
        path: 'descriptor 900',
        message: /descriptor 900/,
        hint: String,
      });
    }
    t.throws(() => readFileSync(join(jail, 'tmp/ran')), { code: 'ENOENT' });
    t.ok(await fdsBecome(before));
  },
);

t.test('a directory of the host is refused wherever it is given', { skip }, async (t) => {
  const fd = openSync('/', 'r');
  for (const more of [{ preserveFds: [fd] }, { stdio: [fd, 'ignore', 'ignore'] }] as const) {
    await t.rejects(act([], more), { name: 'LaunchError', code: 'EISDIR', path: /^descriptor / });
  }
  closeSync(fd);
});

t.test('statusFd gets one JSON object a line: started, exited', { skip }, async (t) => {
  const file = newFile();
  const statusFd = openSync(file, 'w');
  const lines = (): unknown[] =>
    readFileSync(file, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as unknown);
  const child = await act(['exit=3'], { statusFd });
  await child.exited;
  t.strictSame(lines(), [
    { event: 'started', pid: child.pid },
    { event: 'exited', pid: child.pid, exitCode: 3, signal: null },
  ]);
  await t.rejects(act([], { program: '/absent', statusFd }));
  t.match(lines()[2], {
    event: 'failed',
    step: 'execve',
    place: Number,
    code: 'ENOENT',
    errno: 2,
    message: String,
  });
  closeSync(statusFd);
});

t.test('pidFile holds the pid, and is not there for a program that did not run', { skip }, async (t) => {
  const pidFile = join(directory, 'service.pid');
  const child = await act(['sleep=60000'], { pidFile });
  t.equal(readFileSync(pidFile, 'utf8'), `${child.pid}\n`);
  child.kill();
  await child.exited;
  await t.rejects(act([], { pidFile: join(directory, 'second.pid'), program: '/absent' }));
  t.throws(() => readFileSync(join(directory, 'second.pid')), { code: 'ENOENT' });
});

t.test(
  'a pid file that the user could replace is refused before anything is started',
  { skip },
  async (t) => {
    const open = join(directory, 'open');
    mkdirSync(open);
    chmodSync(open, 0o777);
    const before = await settledFds();
    const ran = join(jail, 'tmp/pid-file-ran');
    await t.rejects(act(['touch=/tmp/pid-file-ran', 'sleep=60000'], { pidFile: join(open, 'x.pid') }), {
      step: 'pid_file',
      code: 'ERR_INSECURE_PATH',
    });
    t.notOk(existsSync(ran));
    t.strictSame(readdirSync(open), []);
    t.ok(await fdsBecome(before));
  },
);

t.test('a pid file that cannot be written is a LaunchError, and the program is gone', { skip }, async (t) => {
  const before = await settledFds();
  await t.rejects(act(['sleep=60000'], { pidFile: '/proc/no/such/file' }), {
    name: 'LaunchError',
    step: 'pid_file',
    code: 'ENOENT',
    path: '/proc/no/such/file',
  });
  t.ok(await eventually(() => processesOf(uid).length === 0));
  t.ok(await fdsBecome(before));
});

t.test('dieWithParent: a service that is killed takes its program along', { skip }, async (t) => {
  for (const dieWithParent of [true, false]) {
    const request = { ...base, args: ['sleep=60000'], stdio: 'ignore', dieWithParent };
    const { signal, stdout } = await runService('suicide', request);
    t.equal(signal, 'SIGKILL');
    const pid = Number(stdout);
    t.ok(pid > 1);
    // an isolated program ends with the service anyway
    if (dieWithParent || isolated) t.ok(await eventually(() => !runs(pid)));
    else t.ok(runs(pid), 'without it the program goes on');
    if (!dieWithParent && !isolated) process.kill(pid, 'SIGKILL');
  }
});

t.test('the scheduling of the threads that launch is not that of the program', { skip }, async (t) => {
  for (const caps of [[], ['net_bind_service']]) {
    const child = await act(['sleep=60000'], { stdio: 'ignore', caps });
    // The policy is field 41 (proc_pid_stat(5)). The name in brackets, an earlier field, has no blank here.
    t.equal(readFileSync(`/proc/${child.pid}/stat`, 'latin1').split(' ')[40], '0');
    child.kill('SIGKILL');
    await child.exited;
  }
});

t.test('dieWithParent: the end of no thread of the service is taken for its own', { skip }, async (t) => {
  for (const caps of [[], ['net_bind_service']]) {
    const child = await act(['sleep=60000'], { stdio: 'ignore', dieWithParent: true, caps });
    await new Promise((resolve) => setTimeout(resolve, 200));
    t.equal(child.exitCode ?? child.signalCode, null, caps.join());
    child.kill('SIGKILL');
    t.match(await child.exited, { signal: 'SIGKILL' });
  }
});

t.test('the working directory may have a long path', { skip }, async (t) => {
  const cwd = `/${'d'.repeat(200)}/${'e'.repeat(200)}`;
  mkdirSync(join(jail, cwd), { recursive: true, mode: 0o755 });
  const { stdout } = await runInJail({ ...base, program: '/probe', cwd });
  t.match(JSON.parse(stdout), { cwd: Buffer.from(cwd).toString('hex') });
});

t.test('what one program must not have is not kept from the next', { skip }, async (t) => {
  const net = (1 << 13).toString(16);
  for (const [request, expected] of [
    [{}, { noNewPrivs: 1, seccomp: 2, bounding: '0', permitted: '0' }],
    [{ allowNewPrivs: true }, { noNewPrivs: 0, seccomp: 2, bounding: '0', permitted: '0' }],
    [{ caps: ['net_raw'] }, { noNewPrivs: 1, seccomp: 2, bounding: net, permitted: net }],
    [{}, { noNewPrivs: 1, seccomp: 2, bounding: '0', permitted: '0' }],
  ] as const) {
    const { stdout } = await runInJail({ ...base, program: '/probe', ...request });
    t.hasStrict(JSON.parse(stdout), expected);
  }
});

t.test('credentials are those of the account, however it is given', { skip }, async (t) => {
  const none = {
    effective: '0',
    permitted: '0',
    inheritable: '0',
    bounding: '0',
    ambient: '0',
    noNewPrivs: 1,
    seccomp: 2,
  };
  const table: [object, number, number, number[]][] = [
    [{ user: `${uid}:${uid}` }, uid, uid, []],
    [{ user: uid, group: 61_999 }, uid, 61_999, []],
    [{ user: `+${uid}:+61999`, groups: [61_998, 61_997] }, uid, 61_999, [61_997, 61_998]],
    [{ user: 'nobody' }, 65_534, 65_534, [65_534]],
    [{ user: 'nobody', clearGroups: true }, 65_534, 65_534, []],
    [{ user: 'nobody:61999', groups: [] }, 65_534, 61_999, []],
  ];
  for (const [request, expectedUid, gid, groups] of table) {
    const { stdout } = await runInJail({ jail, program: '/probe', ...request } as SpawnRequest);
    const state = JSON.parse(stdout) as Record<string, unknown>;
    t.hasStrict(state, {
      ...none,
      uid: Array.from({ length: 4 }, () => expectedUid),
      gid: Array.from({ length: 4 }, () => gid),
    });
    t.strictSame(state.groups, groups);
  }
});
