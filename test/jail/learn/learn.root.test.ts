import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

import t from 'tap';

import { bytePath } from '../../../lib/tree/path.ts';
import { learn } from '../../../lib/jail/learn/learn.ts';
import { makeDirectory } from '../../support/directory.ts';
import { putFile, start } from '../../support/launch.ts';
import { eventually, patientMs } from '../../support/patience.ts';
import { unlessInstalled, unlessRoot } from '../../support/root.ts';
import { withAccounts } from '../../support/accounts.ts';

const MODULE = `${import.meta.dirname}/../../../lib/jail/learn/learn.js`;
const NOBODY = 65534;

const asRoot = { skip: unlessRoot('strace', 'unshare') };
const needs = (...tools: string[]) => ({ skip: asRoot.skip || unlessInstalled(...tools) });

// Directories of these tests are not below /tmp, which is empty in the copy.
const script = (path: string, ...lines: readonly string[]): string => {
  putFile(path, ['#!/bin/sh', ...lines, ''].join('\n'), 0o755);
  return path;
};

/** A command line of these words, also with line feeds. */
const quoted = (...words: readonly string[]): string =>
  words.map((word) => `'${word.replaceAll("'", String.raw`'\''`)}'`).join(' ');

/** The state of the host that a command must not change. Other tests may run at the same time. */
const stateOf = (directory: string) => ({
  mounts: readFileSync('/proc/self/mountinfo', 'latin1').match(/.*lowerdir=\/,.*/g),
  tmp: readdirSync('/tmp').filter((name) => /^(root|trace|stderr|layer-.*)$/.test(name)),
  files: readdirSync(directory).map((name) => [name, readFileSync(`${directory}/${name}`, 'latin1')]),
});

interface Process {
  readonly pid: number;
  readonly parent: number;
  readonly startTime: string;
}

function processes(): Process[] {
  return readdirSync('/proc').flatMap((name) => {
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'latin1');
      const [state, parent, ...rest] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      const isProcess = /^\d+$/.test(name) && state !== 'Z';
      return isProcess ? [{ pid: Number(name), parent: Number(parent), startTime: rest[17] ?? '' }] : [];
    } catch {
      return [];
    }
  });
}

/** The processes that a process has started, directly or not, in pid namespaces or not. */
function descendantsOf(pid: number): Process[] {
  const all = processes();
  const found = new Set([pid]);
  for (let size = 0; size < found.size;) {
    size = found.size;
    for (const one of all) if (found.has(one.parent)) found.add(one.pid);
  }
  return all.filter((one) => one.pid !== pid && found.has(one.pid));
}

const isIn = (paths: readonly string[], ...expected: readonly string[]): boolean =>
  expected.every((path) => paths.includes(path));

t.test('the imports of python3 are learned, and would be enough for it', needs('python3'), async (t) => {
  const learned = await learn(`/usr/bin/python3 -c 'import json, sqlite3'`);
  t.match(learned, { exitCode: 0, signal: null, timedOut: false, secrets: [], sockets: [], stderr: '' });
  t.same(learned.programs, ['/usr/bin/python3']);
  for (const pattern of [
    /\/json\/__init__\.py$/,
    /\/_sqlite3\.[^/]*so$/,
    /\/libc\.so\.6$/,
    /\/libsqlite3\.so/,
  ])
    t.ok(
      learned.files.some((path) => pattern.test(path)),
      String(pattern),
    );
  t.notOk(learned.files.some((path) => /^\/(proc|sys|dev|tmp|run|root)\//.test(path)));
  t.notOk(isIn(learned.files, '/etc/ld.so.cache'));
});

t.test(
  'the command runs as the user, without privileges, terminal or network, in a copy that works',
  asRoot,
  async (t) => {
    const directory = makeDirectory(t, '/var/tmp');
    const show = [
      'exec >&2; id -u; id -G; umask; pwd; env | grep -c .',
      'grep -E "^(NoNewPrivs|CapEff|CapBnd)" /proc/self/status',
      'echo x >/dev/null; echo again >/dev/stderr; head -c1 /dev/zero | wc -c; (: </dev/tty) 2>&1 | grep -c .; ls /tmp /dev/shm | wc -l',
      'ls /sys/class/net; ls /proc | grep -c "^[0-9]"; ls -l /proc/self/fd | sed -n "s/.*-> //p"',
    ];
    const learned = await learn(script(`${directory}/show`, ...show));
    const lines = learned.stderr.split('\n');
    t.same(lines.slice(0, 4), [String(NOBODY), String(NOBODY), lines[2], '/']);
    t.match(learned.stderr, /^NoNewPrivs:\t1$/m);
    t.match(learned.stderr, /^CapEff:\t0{16}\nCapBnd:\t0{16}$/m);
    const [, descriptors = ''] = /\nagain\n1\n1\n3\nlo\n\d\n([^]*)$/.exec(learned.stderr) ?? [];
    t.match(descriptors, /^(\/dev\/null\n|\/proc\/\d+\/fd\n|pipe:\[\d+\]\n|.*\/stderr\n)+$/);
  },
);

t.test("a user's groups and home are his, and nothing in the home is learned", asRoot, async (t) => {
  const code = `import(process.argv[1]).then(({ learn }) => learn(process.argv[2], { user: 'sam' }))
    .then((learned) => console.log(JSON.stringify(learned)))`;
  const command = `sh -c 'pwd >&2; id -G >&2; cat .rc >&2; echo "$HOME $USER $SHELL $PATH $LANG" >&2; echo x >new'`;
  const home =
    'mount -t tmpfs none /home; mkdir /home/sam; echo rc >/home/sam/.rc; chown 1001 /home/sam; exec "$@"';
  const { stdout, stderr } = start([process.execPath, '-e', code, MODULE, command], {
    by: [...withAccounts(), 'sh', '-c', home, 'sh'],
    env: { LANG: 'C', NODE_OPTIONS: '--no-warnings' },
  });
  t.equal(stderr, '');
  const learned = JSON.parse(stdout) as Awaited<ReturnType<typeof learn>>;
  t.equal(
    learned.stderr,
    '/home/sam\n1001 29 44\nrc\n/home/sam sam /bin/sh /usr/local/bin:/usr/bin:/bin C\n',
  );
  t.notOk(learned.files.some((path) => path.startsWith('/home')));
  t.same(learned.writes, ['/home/sam/new']);
});

t.test('a descriptor that this process was started with is not passed on', asRoot, async (t) => {
  const code = `import(process.argv[1]).then(({ learn }) => learn('sh -c "ls -l /proc/self/fd >&2"'))
    .then(({ stderr }) => console.log(stderr))`;
  const fd = openSync('/etc', 'r');
  t.teardown(() => closeSync(fd));
  // Node itself sees to those up to 15
  const stdio = [
    'ignore',
    'pipe',
    'pipe',
    ...Array.from({ length: 37 }, () => 'ignore' as const),
    fd,
  ] as const;
  const { stdout } = start([process.execPath, '-e', code, MODULE], { stdio: [...stdio] });
  t.match(stdout, / 2 -> .*\/stderr\n/);
  t.notMatch(stdout, / 40 -> /);
  t.notMatch(stdout, /etc/);
});

t.test('nothing that a command writes reaches the host, and what it wrote is told', asRoot, async (t) => {
  const directory = makeDirectory(t, '/var/tmp');
  const data = `${directory}/data`;
  mkdirSync(data);
  for (const name of ['old', 'gone', 'log']) putFile(`${data}/${name}`, 'host', 0o666);
  chmodSync(data, 0o777);
  const before = stateOf(data);
  const learned = await learn(
    script(
      `${directory}/write`,
      `cd ${data}`,
      'echo new >new; echo over >old; echo more >>log; rm gone; mkdir made; mv log made/log; cat new old >&2',
      'echo x >/var/tmp/uchroot-never; echo x >/dev/shm/x; echo x >/tmp/x; echo x >/etc/passwd; cat /tmp/x >&2',
    ),
  );
  t.same(stateOf(data), before);
  t.notOk(existsSync('/var/tmp/uchroot-never'));
  t.match(learned.stderr, /^new\nover\n/);
  t.match(learned.stderr, /x\n$/);
  const written = ['gone', 'log', 'made', 'made/log', 'new', 'old'].map((name) => `${data}/${name}`);
  t.same(
    learned.writes.filter((path) => path !== '/dev/tty'),
    ['/etc/passwd', ...written, '/var/tmp/uchroot-never'].toSorted(),
  );
  t.notOk(learned.files.some((path) => path.startsWith(data)));
});

t.test('nothing is left of a copy: no mount, no process, no file', asRoot, async (t) => {
  const directory = makeDirectory(t, '/var/tmp');
  const before = stateOf(directory);
  await learn(`sh -c 'sleep 1000 & exec true'`, { timeoutMs: 300 });
  t.same(stateOf(directory), before);
  t.same(descendantsOf(process.pid), []);
});

t.test('nor is it when the learning process is killed in the middle', asRoot, async (t) => {
  const directory = makeDirectory(t, '/var/tmp');
  const before = stateOf(directory);
  const code = `import(process.argv[1]).then(({ learn }) => learn('sh -c "sleep 1001 & sleep 1001"'))`;
  for (const delayMs of [150, 250, 1000]) {
    const child = spawn(process.execPath, ['-e', code, MODULE], { stdio: 'ignore' });
    await sleep(delayMs);
    const started = descendantsOf(child.pid ?? 0);
    child.kill('SIGKILL');
    await once(child, 'exit');
    const left = (): Process[] => {
      const now = new Set(processes().map(({ pid, startTime }) => `${pid} ${startTime}`));
      return started.filter(({ pid, startTime }) => now.has(`${pid} ${startTime}`));
    };
    await eventually(() => left().length === 0);
    t.same(left(), [], `${started.length} processes after ${delayMs} ms`);
    t.same(stateOf(directory), before);
  }
});

t.test(
  'a file that is not world-readable is reported as a secret, even if the user can read it',
  asRoot,
  async (t) => {
    const directory = makeDirectory(t, '/var/tmp');
    putFile(`${directory}/root`, 'secret', 0o600);
    putFile(`${directory}/own`, 'secret', 0o600);
    chownSync(`${directory}/own`, NOBODY, NOBODY);
    mkdirSync(`${directory}/closed`, { mode: 0o700 });
    putFile(`${directory}/closed/file`, 'secret', 0o644);
    chownSync(`${directory}/closed`, NOBODY, NOBODY);
    putFile(`${directory}/public`, 'public');
    const learned = await learn(
      quoted('sh', '-c', `cd ${directory}; cat root own closed/file public; test -e closed/file`),
    );
    t.same(learned.secrets, [`${directory}/closed/file`, `${directory}/own`, `${directory}/root`]);
    t.ok(isIn(learned.files, `${directory}/public`));
  },
);

t.test('names of any bytes come through', asRoot, async (t) => {
  const directory = makeDirectory(t, '/var/tmp');
  const name = Buffer.concat([Buffer.from(`${directory}/a b"'\\\n`), Buffer.from([0xff, 0x80, 0x7f, 0x1b])]);
  writeFileSync(name, 'x', { mode: 0o644 });
  const learned = await learn(quoted('sh', '-c', `cat ${directory}/a*`));
  t.equal(learned.exitCode, 0);
  t.ok(isIn(learned.files, bytePath(name)));
});

t.test('children, relative paths, links and other roots of descriptors are followed', asRoot, async (t) => {
  const directory = makeDirectory(t, '/var/tmp');
  mkdirSync(`${directory}/a/b`, { recursive: true });
  for (const name of ['one', 'a/two', 'a/b/three']) putFile(`${directory}/${name}`, name);
  symlinkSync('a/b', `${directory}/link`);
  const read = script(
    `${directory}/read`,
    '(cd a && cat two & cat one; wait)',
    'cd link; cat three | cat',
    'exec cat ../two',
  );
  const learned = await learn(`env -C ${directory} ${read}`);
  t.equal(learned.exitCode, 0);
  t.ok(isIn(learned.files, `${directory}/one`, `${directory}/a/two`, `${directory}/a/b/three`));
  t.ok(isIn(learned.directories, `${directory}/link`));
  t.same(
    learned.programs.map((path) => path.replace(/^.*\//, '')),
    ['cat', 'env', 'read'],
  );
});

t.test('threads have one working directory', needs('python3'), async (t) => {
  const directory = makeDirectory(t, '/var/tmp');
  for (const name of ['one', 'two']) putFile(`${directory}/${name}`, name);
  const code = [
    'import os, threading',
    `thread = threading.Thread(target=lambda: os.chdir(${JSON.stringify(directory)}))`,
    'thread.start(); thread.join(); open("one").close()',
    'threading.Thread(target=lambda: os.execv("/bin/cat", ["cat", "two"])).start()',
  ];
  const learned = await learn(quoted('/usr/bin/python3', '-c', code.join('\n')));
  t.equal(learned.exitCode, 0);
  t.ok(isIn(learned.files, `${directory}/one`, `${directory}/two`, '/bin/cat'));
});

t.test('a command that hangs is ended, and what it opened counts', asRoot, async (t) => {
  const directory = makeDirectory(t, '/var/tmp');
  putFile(`${directory}/file`, 'x');
  const begin = performance.now();
  const learned = await learn(`sh -c 'cat ${directory}/file; sleep 1000'`, { timeoutMs: patientMs(2000) });
  t.match(learned, { timedOut: true, exitCode: null, signal: 'SIGTERM' });
  t.ok(isIn(learned.files, `${directory}/file`));
  t.ok(performance.now() - begin < patientMs(20_000));
});

t.test('one that ignores SIGTERM is killed', asRoot, async (t) => {
  const learned = await learn(`sh -c 'trap "" TERM; while :; do sleep 1; done'`, {
    timeoutMs: patientMs(2000),
  });
  t.match(learned, { timedOut: true, exitCode: null });
  t.match(learned.programs, [/sh$/, /sleep$/]);
});

t.test('a failure is told with its status and words', asRoot, async (t) => {
  t.match(await learn(`sh -c 'echo no >&2; exit 7'`), { exitCode: 7, stderr: 'no\n' });
  t.match(await learn(`sh -c 'kill -ABRT $$'`), { exitCode: null, signal: 'SIGABRT' });
});

t.test('the host is not reached by sockets, which are told instead', needs('python3'), async (t) => {
  const directory = makeDirectory(t, '/var/tmp');
  let connections = 0;
  const server = createServer((socket) => {
    connections++;
    socket.end();
  });
  server.listen(`${directory}/socket`);
  const tcp = createServer((socket) => {
    connections++;
    socket.end();
  });
  tcp.listen(0, '127.0.0.1');
  t.teardown(() => {
    server.close();
    tcp.close();
  });
  await Promise.all([once(server, 'listening'), once(tcp, 'listening')]);
  chmodSync(`${directory}/socket`, 0o777);
  const port = (tcp.address() as { readonly port: number }).port;
  const code = [
    'import socket, sys',
    'def connect(s, to):',
    '  try: s.connect(to)',
    '  except OSError as e: print(e.strerror, file=sys.stderr)',
    `connect(socket.socket(socket.AF_UNIX), ${JSON.stringify(`${directory}/socket`)})`,
    `connect(socket.socket(), ("127.0.0.1", ${port}))`,
    's = socket.socket(); s.bind(("127.0.0.1", 80)); s.listen(); connect(socket.socket(), ("127.0.0.1", 80))',
  ].join('\n');
  const learned = await learn(quoted('/usr/bin/python3', '-c', code));
  t.match(learned, { exitCode: 0, stderr: 'Connection refused\nConnection refused\n' });
  t.same(learned.sockets, [`${directory}/socket`]);
  t.equal(connections, 0);
});

t.test('every file system of the host is in the copy, and a file that is mounted too', asRoot, async (t) => {
  const directory = makeDirectory(t, '/var/tmp');
  for (const name of ['disk', 'a,b']) mkdirSync(`${directory}/${name}`);
  putFile(`${directory}/file`, 'below');
  putFile(`${directory}/above`, 'above');
  const code = [
    `import(process.argv[1]).then(({ learn }) => learn(process.argv[2]))`,
    '.then((learned) => console.log(JSON.stringify(learned)))',
  ].join('');
  const prepare = [
    `cd ${directory}; mount -t tmpfs none disk; chmod 1777 disk; echo x >disk/x; mount -t tmpfs none a,b`,
    'mount --bind above file; exec "$@"',
  ].join('; ');
  const command = `sh -c 'cd ${directory}; cat disk/x file >&2; echo y >disk/y && echo z >file; ls -ld disk >&2'`;
  const by = ['unshare', '--mount', 'sh', '-c', prepare, 'sh'];
  const { stdout, stderr } = start([process.execPath, '-e', code, MODULE, command], { by });
  t.equal(stderr, '');
  const learned = JSON.parse(stdout) as Awaited<ReturnType<typeof learn>>;
  t.match(learned.stderr, /^x\nabove/);
  t.match(learned.stderr, /Read-only file system/);
  t.match(learned.stderr, /^drwxrwxrwt/m);
  t.ok(
    isIn(learned.files, `${directory}/disk/x`, `${directory}/file`) ||
      learned.files.includes(bytePath(`${directory}/file`)),
  );
  t.same(learned.writes, [`${directory}/disk/y`, `${directory}/file`]);
  t.match(learned.warnings, [/a,b/]);
});

t.test('an abort ends it at once', asRoot, async (t) => {
  const begin = performance.now();
  await t.rejects(learn('sleep 1000', { signal: AbortSignal.timeout(400) }), { code: 'ABORT_ERR' });
  await t.rejects(learn('sleep 1000', { signal: AbortSignal.timeout(40) }), { code: 'ABORT_ERR' });
  await t.rejects(learn('sleep 1000', { signal: AbortSignal.abort() }), { code: 'ABORT_ERR' });
  t.ok(performance.now() - begin < patientMs(20_000));
  t.same(descendantsOf(process.pid), []);
});
