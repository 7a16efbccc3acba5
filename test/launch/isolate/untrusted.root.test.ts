// --untrusted: the strongest jail is one word, and a jail of the builder works with it.
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync } from 'node:fs';

import t from 'tap';

import { ownIds } from '../../../lib/launch/request/request.ts';
import { uchrootJail } from '../../support/builder.ts';
import { command, temporaryDirectory } from '../../support/launch.ts';
import { openJail, type Jail, type JailRunRequest } from '../../support/public-api.ts';
import { unlessRoot } from '../../support/root.ts';
import { patientMs } from '../../support/patience.ts';
import { plainEnv } from '../../support/service.ts';

const skip = unlessRoot('python3');
const jail = skip === false ? `${temporaryDirectory()}/jail` : '/';

t.before(() => {
  if (skip !== false) return;
  const built = uchrootJail(['build', jail, 'python3', 'bash']);
  if (built.status !== 0) throw new Error(built.stderr);
  mkdirSync(`${jail}/data`);
  chmodSync(`${jail}/data`, 0o1777);
});

const python = (code: string, ...options: readonly string[]) =>
  spawnSync(
    command[0] ?? '',
    [...command.slice(1), '--untrusted', ...options, 'auto', jail, '/usr/bin/python3', '-I', '-c', code],
    { encoding: 'utf8', env: plainEnv() },
  );

const attempts = `
import ctypes, json, os, resource, socket, struct
libc = ctypes.CDLL(None, use_errno=True)
def call(*words):
    if libc.syscall(*words) < 0: raise OSError(ctypes.get_errno(), '')
def put(path, mode=0o644): os.close(os.open(path, os.O_CREAT | os.O_WRONLY, mode))
mounts = [line.split() for line in open('/proc/self/mounts')]
file = os.open('/tmp/file', os.O_CREAT | os.O_WRONLY, 0o755)
def run():
    os.write(file, b'#!/bin/sh\\n'); os.close(os.dup(file)); os.execv('/tmp/file', ['x'])
tries = {
    'write the jail': lambda: put('/data/x'),
    'execute in /tmp': run,
    'set-user-ID by chmod': lambda: os.chmod('/tmp/file', 0o4755),
    'set-group-ID by fchmod': lambda: os.fchmod(file, 0o2755),
    'set-user-ID by open': lambda: put('/tmp/o', 0o4755),
    'set-user-ID by O_TMPFILE': lambda: os.open('/tmp', os.O_TMPFILE | os.O_WRONLY, 0o4755),
    'set-user-ID by mknod': lambda: os.mknod('/tmp/n', 0o104755),
    'set-user-ID by openat2': lambda: call(437, -100, b'/tmp/z', struct.pack('QQQ', 65, 0o4755, 0), 24),
    'a device': lambda: os.mknod('/tmp/d', 0o020666, os.makedev(1, 3)),
    'the network': lambda: socket.create_connection(('192.0.2.1', 80), 1),
    'a netlink socket': lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 9),
    'a user namespace': lambda: call(272, 0x10000000),
    'a larger limit': lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (257, 257)),
    'fill /tmp': lambda: [os.write(file, bytes(2**20)) for _ in range(17)],
    'many files': lambda: [put(f'/tmp/{i}') for i in range(9000)],
    'many descriptors': lambda: [os.dup(file) for _ in range(300)],
}
results = {}
for name, attempt in tries.items():
    try: attempt(); results[name] = 'done'
    except (OSError, ValueError): results[name] = 'refused'
results['loose mounts'] = [m[1] for m in mounts if 'nosuid' not in m[3] or 'nodev' not in m[3]]
results['limits'] = [resource.getrlimit(one) for one in (resource.RLIMIT_CORE, resource.RLIMIT_NOFILE)]
results['uid'] = os.getuid()
results['session'] = os.getsid(0) == os.getpid()
print(json.dumps(results))
`;

t.test('the one word stops what it says, in a jail that was built just now', { skip }, async (t) => {
  const { stdout, stderr, status } = python(attempts);
  t.equal(status, 0, stderr);
  const {
    uid,
    session,
    limits,
    'loose mounts': loose,
    ...results
  } = JSON.parse(stdout) as Record<string, unknown>;
  for (const [name, result] of Object.entries(results)) t.equal(result, 'refused', name);
  t.ok(Number(uid) >= ownIds.first && Number(uid) <= ownIds.last);
  t.equal(session, true);
  t.same(limits, [
    [0, 0],
    [256, 256],
  ]);
  // those hold the devices that the program may use
  t.same(new Set(loose as string[]), new Set(['/dev', '/dev/pts']));
});

const cgroups = (): readonly string[] =>
  spawnSync('find', ['/sys/fs/cgroup', '-type', 'd', '-name', 'uchroot-*'], {
    encoding: 'utf8',
  }).stdout.split('\n');

t.test('each limit ends it, is named, and leaves no cgroup behind', { skip }, async (t) => {
  const ends: readonly (readonly [code: string, options: readonly string[], status: number, said: RegExp])[] =
    [
      ['x = bytearray(2**30)', [], 137, /more memory than 256M/],
      ['while True: pass', ['--time', '0.5'], 124, /longer than 0.5 s/],
      [
        'import signal; signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))\nwhile True: pass',
        ['--time', '0.5'],
        124,
        /longer than 0.5 s/,
      ],
      [
        'import os\nwhile True: os.fork()',
        ['--time', String(patientMs(1000) / 1000), '--memory', '2G'],
        1,
        /more processes than 64/,
      ],
    ];
  for (const [code, options, status, said] of ends) {
    const before = new Set(cgroups());
    const ended = spawnSync(
      command[0] ?? '',
      [...command.slice(1), '--untrusted', ...options, 'auto', jail, '/usr/bin/python3', '-I', '-c', code],
      { encoding: 'utf8', env: plainEnv() },
    );
    t.match(ended.stderr, said, code);
    t.ok([status, 124].includes(ended.status ?? 0), `${ended.status}`);
    const own = cgroups().filter((path) => !before.has(path) && path.includes(`-${ended.pid}-`));
    t.same(own, []);
  }
});

t.test(
  '--ephemeral, mounts and limits of the caller change it, and --plan tells the set',
  { skip },
  async (t) => {
    const written = python("open('/data/x', 'w'); print(open('/tmp/y', 'w').write('y'))", '--ephemeral');
    t.same([written.stdout, written.stderr], ['1\n', '']);
    t.notOk(readdirSync(`${jail}/data`).includes('x'));
    const { stdout } = python('', '--plan', '--memory', '64M');
    t.match(
      stdout,
      /^--untrusted: --isolate --read-only .* --rlimit core=0\n {2}given otherwise: --memory 256M\n/m,
    );
    const json = JSON.parse(python('', '--plan', '--format', 'json').stdout) as {
      untrusted: { options: string[] };
    };
    t.ok(json.untrusted.options.includes('--pids 64'));
  },
);

t.test('where it cannot hold, it is refused with the remedy', { skip }, async (t) => {
  const within = (script: string) =>
    spawnSync(
      'unshare',
      [
        '--mount',
        'sh',
        '-c',
        `${script}; exec "$@"`,
        'sh',
        ...command,
        '--untrusted',
        'auto',
        jail,
        '/usr/bin/python3',
      ],
      { encoding: 'utf8', env: plainEnv() },
    );
  const noCgroup = within('umount -l /sys/fs/cgroup');
  t.same([noCgroup.status, noCgroup.stdout], [125, '']);
  t.match(noCgroup.stderr, /^uchroot: cgroup: .*\nhint: .*mount/);
  const noCapability = spawnSync(
    'setpriv',
    ['--bounding-set', '-sys_admin', ...command, '--untrusted', 'auto', jail, '/usr/bin/python3'],
    { encoding: 'utf8', env: plainEnv() },
  );
  t.same([noCapability.status, noCapability.stdout], [125, '']);
  t.match(noCapability.stderr, /hint: /);
});

t.test('an open jail needs no other word, and each program is alone', { skip }, async (t) => {
  const open: Jail = await openJail(jail, { untrusted: true });
  const run = (code: string, more: JailRunRequest = {}) =>
    open.run({ program: '/usr/bin/python3', args: ['-I', '-c', code], reject: false, ...more });
  const uids = await Promise.all(Array.from({ length: 4 }, () => run('import os; print(os.getuid())')));
  t.equal(new Set(uids.map(({ stdout }) => stdout)).size, 4);
  await run("open('/tmp/left', 'w')");
  const { stdout } = await run("import os; print(os.listdir('/tmp'))");
  t.equal(stdout, '[]\n');
  t.match(await run('while True: pass', { timeoutMs: patientMs(300) }), { limit: 'time', signal: 'SIGKILL' });
  t.match(await run('x = bytearray(2**28)', { memory: '64M' }), { limit: 'memory' });
  open.close();
});
