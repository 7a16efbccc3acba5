// Launches with --isolate: what the program sees, what it can write, and what is left when it has ended.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  existsSync,
  lchownSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

import t from 'tap';

import { uchrootJail } from '../../support/builder.ts';
import {
  bareOnly,
  bothWays,
  commandEnv,
  launchWords,
  publicCommand,
  rootTest,
  start,
  temporaryDirectory,
  uchroot,
} from '../../support/launch.ts';
import { eventually, outputAtSigterm, processesOf, statusOf } from '../../support/service.ts';

const test = bothWays('unshare', 'strace');
const onlyOnce = rootTest('setpriv');
const [user, uid] = ['lp', 7];
const place = process.getuid?.() === 0 ? temporaryDirectory() : '/';
const jail = `${place}/jail`;

t.before(() => {
  if (process.getuid?.() !== 0) return;
  const built = uchrootJail(['build', jail, 'bash', 'cat', 'chmod', 'ls', 'sleep', 'stat', 'env', 'setpriv']);
  if (built.status !== 0) throw new Error(built.stderr);
  for (const name of ['proc', 'mnt', 'var', 'data']) mkdirSync(`${jail}/${name}`, { recursive: true });
  chownSync(`${jail}/var`, uid, uid);
  writeFileSync(`${jail}/var/old`, 'old\n');
});

function run(options: readonly string[], script: string, who = user) {
  return uchroot(['--isolate', ...options, who, jail, '/bin/bash', '-c', script]);
}

// Other tests mount at the same time, but nothing of this jail.
const mountsOf = (): readonly string[] =>
  readFileSync('/proc/self/mountinfo', 'latin1')
    .split('\n')
    .filter((line) => line.includes(place));
const kinds = ['mnt', 'pid', 'ipc', 'uts', 'cgroup', 'net'];

test('every namespace is its own, and the host does not change', async (t) => {
  const before = mountsOf();
  const ended = run(
    ['--proc', '/proc'],
    `cd /proc/self/ns && for n in ${kinds.join(' ')}; do ls -l $n; done`,
  );
  t.equal(ended.status, 0, ended.stderr);
  for (const kind of kinds) {
    const own = new RegExp(`${kind}:\\[\\d+\\]`).exec(ended.stdout)?.[0];
    t.ok(own, kind);
    t.not(own, readlinkSync(`/proc/self/ns/${kind}`), kind);
  }
  t.same(mountsOf(), before, 'nothing is mounted');
});

test('the program sees its own processes, lo alone, and nothing of the host beneath its root', async (t) => {
  const ended = run(
    ['--proc', '/proc'],
    'echo $$; ls -d /proc/[0-9]*; cat /proc/net/dev; ls /../..; cat /proc/mounts',
  );
  t.equal(ended.status, 0, ended.stderr);
  t.match(ended.stdout, /^2\n\/proc\/1\n\/proc\/2\nInter/);
  t.equal(
    ended.stdout
      .match(/^ *\w+:/gm)
      ?.join()
      .trim(),
    'lo:',
  );
  const roots = ended.stdout.match(/^\S+ \/ .*$/gm) ?? [];
  t.equal(roots.length, 1, 'one root');
  t.match(roots[0], /nosuid,nodev/);
});

bareOnly(test, '--unshare adds nothing to --isolate')(
  '--net host and --unshare make fewer namespaces',
  async (t) => {
    const look = 'ls -l /proc/self/ns/net /proc/self/ns/pid';
    const same = (kind: string) => readlinkSync(`/proc/self/ns/${kind}`);
    const isolated = run(['--net', 'host', '--proc', '/proc'], look);
    t.ok(isolated.stdout.includes(same('net')), isolated.stderr);
    t.notOk(isolated.stdout.includes(same('pid')));
    const some = uchroot([
      '--unshare',
      'mount,net',
      // all processes are the host's here anyway
      '--insecure-path',
      '--ro-bind',
      '/proc',
      user,
      jail,
      '/bin/bash',
      '-c',
      `${look}; echo $$`,
    ]);
    t.equal(some.status, 0, some.stderr);
    t.notOk(some.stdout.includes(same('net')));
    t.ok(some.stdout.includes(same('pid')));
  },
);

test('the exit status is the program’s, or 128 and its signal', async (t) => {
  t.equal(run([], 'exit 7').status, 7);
  t.equal(run([], 'kill -9 $$').status, 137);
  t.equal(run([], 'kill -TERM $$').status, 143);
  const missing = uchroot(['--isolate', user, jail, '/bin/nope']);
  t.equal(missing.status, 127);
  t.match(missing.stderr, /nope/);
});

test('the tree is read-only but for what may be written, where nothing can be executed', async (t) => {
  const script = `
    echo x > /data/x; echo x > /var/new && cat /var/old /var/new
    cat /bin/ls > /var/ls; chmod 755 /var/ls; /var/ls; echo run $?
    echo y > /tmp/y && cat /tmp/y`;
  const ended = run(['--read-only', '--tmpfs', '/tmp', '--writable', '/var'], script);
  t.match(ended.stderr, /\/data\/x: Read-only file system/);
  t.match(ended.stderr, /\/var\/ls: Permission denied/);
  t.equal(ended.stdout, 'old\nx\nrun 126\ny\n');
  t.ok(existsSync(`${jail}/var/new`), 'what is written there stays');
  rmSync(`${jail}/var/new`, { force: true });
  rmSync(`${jail}/var/ls`, { force: true });
});

test('binds show files of the host, in the given order', async (t) => {
  const host = temporaryDirectory();
  mkdirSync(`${host}/in`);
  writeFileSync(`${host}/file`, 'of the host\n');
  chownSync(`${host}/in`, uid, uid);
  const options = ['--ro-bind', `${host}:/mnt`, '--bind', `${host}/in:/mnt/in`];
  const ended = run(options, 'cat /mnt/file; echo x > /mnt/file; echo new > /mnt/in/new; ls -l /mnt/in');
  t.match(ended.stdout, /^of the host\n/);
  t.match(ended.stderr, /\/mnt\/file: (Read-only file system|Permission denied)/);
  t.equal(readFileSync(`${host}/in/new`, 'utf8'), 'new\n');
  const asRoot = run([...options, '--allow-root'], 'echo x > /mnt/file', 'root');
  t.match(asRoot.stderr, /\/mnt\/file: Read-only file system/, 'for root too');
});

test('a link in the jail leads a bind nowhere but into the jail', async (t) => {
  const outside = temporaryDirectory();
  mkdirSync(`${jail}${outside}`, { recursive: true });
  rmSync(`${jail}/link`, { force: true });
  symlinkSync(outside, `${jail}/link`);
  const ended = run(['--tmpfs', '/link'], `echo x > /link/x; ls ${outside}`);
  t.equal(ended.stdout, 'x\n', ended.stderr);
  t.same(readdirSync(outside), []);
});

test('a bind follows a link of the jail to its end', async (t) => {
  const host = temporaryDirectory();
  writeFileSync(`${host}/file`, 'of the host\n');
  rmSync(`${jail}/short`, { force: true });
  symlinkSync('/mnt', `${jail}/short`);
  t.equal(run(['--ro-bind', `${host}:/short`], 'cat /mnt/file').stdout, 'of the host\n');
});

test('files in memory cannot be executed, and the host does not change', async (t) => {
  const setting = '/proc/sys/vm/memfd_noexec';
  // Linux 6.3
  const read = () => (existsSync(setting) ? readFileSync(setting, 'latin1') : '');
  const before = read();
  t.equal(run(['--proc', '/proc'], `cat ${setting}`).stdout, before && '2\n');
  t.equal(read(), before);
});

test('socket activation and watchdog name the pid that the program has', async (t) => {
  const ended = start([
    'bash',
    '-c',
    'LISTEN_PID=$$ LISTEN_FDS=1 WATCHDOG_PID=$$ WATCHDOG_USEC=9 exec "$@" 3</dev/null',
    'bash',
    ...launchWords([
      '--isolate',
      user,
      jail,
      '/bin/bash',
      '-c',
      'echo $$ $LISTEN_PID $LISTEN_FDS $WATCHDOG_PID; : <&3 && echo open',
    ]),
  ]);
  t.equal(ended.stdout, '2 2 1 2\nopen\n', ended.stderr);
});

test('a signal for the process group arrives once', async (t) => {
  const script = 'n=0; trap "n=$((n+1)); echo caught" USR1; echo ready; sleep 0.4; sleep 0.4; echo end';
  const words = launchWords(['--isolate', '--new-session', user, jail, '/bin/bash', '-c', script]);
  const [file = '', ...args] = words;
  const child = spawn(file, args, {
    env: commandEnv,
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
  });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  t.ok(await eventually(() => output.includes('ready')));
  process.kill(-(child.pid ?? 0), 'SIGUSR1');
  await once(child, 'close');
  t.equal(output, 'ready\ncaught\nend\n');
});

// A shell with its process group, which is in danger if the program shares it.
const caller = (...words: readonly string[]) =>
  start(['setsid', '--wait', 'bash', '-c', 'trap "echo reached" USR1; "$@"; echo end', 'bash', ...words]);
const attack = 'trap "" USR1; kill -USR1 0; echo sent';

test('a signal of the program to its process group reaches nothing outside', async (t) => {
  for (const who of ['0:0', user]) {
    const words = ['--isolate', '--allow-root', who, jail, '/bin/bash', '-c', attack];
    // as its user, so that the program may send it signals
    const by = who === user ? ['setpriv', `--reuid=${uid}`, '--clear-groups'] : [];
    const helper = by.length === 0 ? [] : [...by, 'bash', '-c', 'trap "echo reached" USR1; sleep 1 & wait'];
    const inGroup = ['bash', '-c', `${helper.map((word) => `'${word}'`).join(' ')} & "$@"`, 'bash'];
    const ended = caller(...(helper.length === 0 ? [] : inGroup), ...launchWords(words));
    t.equal(ended.stdout, 'sent\nend\n', `${who}: ${ended.stderr}`);
  }
});

test('a source that the user could replace is refused', async (t) => {
  const host = temporaryDirectory();
  mkdirSync(`${host}/his`);
  mkdirSync(`${host}/his/data`);
  chownSync(`${host}/his`, uid, uid);
  const words = ['--bind', `${host}/his/data:/mnt`];
  const refused = run(words, 'exit 0');
  t.equal(refused.status, 125);
  t.match(refused.stderr, /bind: .*\/his.*could replace/);
  t.equal(run(['--insecure-path', ...words], 'exit 0').status, 0);
  symlinkSync(`${host}/his/data`, `${host}/link`);
  symlinkSync('link/', `${host}/chain`);
  t.match(
    run(['--bind', `${host}/chain:/mnt`], 'exit 0').stderr,
    /bind: .*\/his.*could replace/,
    'behind links',
  );
  for (const name of ['tmp', 'tmp/root', 'tmp/his']) mkdirSync(`${host}/${name}`);
  chmodSync(`${host}/tmp`, 0o1777);
  chownSync(`${host}/tmp/his`, uid, uid);
  const bind = (name: string) => run(['--bind', `${host}/tmp/${name}:/mnt`], 'exit 0');
  t.equal(bind('root').status, 0, 'the sticky bit keeps an entry of root in its place');
  t.match(bind('his').stderr, /tmp\/his is owned by uid .* another one in its place\n/);
  t.match(bind('none').stderr, /bind: .*tmp can be written by everybody/, 'he could make it');
});

test("a link that a user leaves in his bind leads no other user's jail to files of root's", async (t) => {
  const host = temporaryDirectory();
  for (const name of ['his', 'root', 'root/data']) mkdirSync(`${host}/${name}`);
  chmodSync(`${host}/root`, 0o700);
  writeFileSync(`${host}/root/data/dump`, 'secret\n');
  const other = uid + 1;
  symlinkSync('../root/data', `${host}/his/pub`);
  lchownSync(`${host}/his/pub`, other, other);
  chownSync(`${host}/his`, other, other);
  const words = ['--ro-bind', `${host}/his/pub:/mnt`];
  const refused = run(words, 'cat /mnt/dump');
  t.match(refused, { status: 125, stdout: '' });
  t.match(
    refused.stderr,
    new RegExp(`bind: ${host}/his/pub is a link of uid ${other} to ../root/data: only links of root`),
  );
  t.match(refused.stderr, new RegExp(`hint: if that is what you mean, name ${host}/root/data `));
  t.equal(run(['--insecure-path', ...words], 'cat /mnt/dump').stdout, 'secret\n');
  symlinkSync('root/data', `${host}/current`);
  t.equal(run(['--ro-bind', `${host}/current:/mnt`], 'cat /mnt/dump').stdout, 'secret\n', "root's own link");
});

test('a compiled launcher opens the binds that were judged, and follows no link of later', async (t) => {
  const host = temporaryDirectory();
  for (const name of ['one', 'two']) {
    mkdirSync(`${host}/${name}`);
    writeFileSync(`${host}/${name}/file`, `${name}\n`);
  }
  symlinkSync('one', `${host}/current`);
  const launcher = `${host}/launcher`;
  const words = [
    '--isolate',
    '--ro-bind',
    `${host}/current:/mnt`,
    user,
    jail,
    '/bin/bash',
    '-c',
    'cat /mnt/file',
  ];
  const compiled = start([...publicCommand(), '--compile', launcher, ...words]);
  t.equal(compiled.status, 0, compiled.stderr);
  rmSync(`${host}/current`);
  symlinkSync('two', `${host}/current`);
  t.equal(start([launcher]).stdout, 'one\n');
  renameSync(`${host}/one`, `${host}/three`);
  symlinkSync('two', `${host}/one`);
  const refused = start([launcher]);
  t.match(refused, { status: 125, stdout: '' });
  t.match(
    refused.stderr,
    /open_tree: .*\/one [a-z,]+: it leads through a link that was not there when the launch was planned or compiled\nhint: name/,
  );
});

test("in a session of its own nobody inside changes the nice value of the caller's", async (t) => {
  const nice = '/proc/self/autogroup';
  const by = ['setsid', 'sh', '-c', `"$@"; cat ${nice}`, 'sh'];
  // the kernel takes one such value in a tenth of a second, from all processes together
  const put = 'put() { for i in {1..20000}; do echo 5 2>/dev/null >"$1" && return; done; }';
  const script = `${put}; put ${nice}; put /proc/1/autogroup; echo; cat ${nice}`;
  for (const who of [[user], ['--allow-root', 'root']]) {
    const words = ['--isolate', '--new-session', '--proc', '/proc', ...who, jail, '/bin/bash', '-c', script];
    const { stdout } = uchroot(words, { by });
    if (existsSync(nice)) t.match(stdout, /nice 5\n.* nice 0\n$/s);
    else t.equal(stdout, '\n', 'the kernel has no nice values of sessions');
  }
});

test('`..` of the root directory of an ephemeral jail is that directory, and not the host', async (t) => {
  for (const words of [['--ephemeral'], ['--ephemeral-dir', temporaryDirectory()]]) {
    const { stdout, stderr } = run(words, 'ls /; echo; ls /..; echo; cd -P ..; cd -P ..; ls');
    const [root, ...above] = stdout.split('\n\n').map((list) => list.trim());
    t.match(root, /^bin$/m, stderr);
    t.same(above, [root, root], words.join(' '));
  }
});

test('what was mounted on the root directory of the host does not lie above the jail', async (t) => {
  const by = ['unshare', '--mount', 'sh', '-c', 'mount -t tmpfs none / && exec "$@"', 'sh'];
  const words = ['--isolate', user, jail, '/bin/bash', '-c', 'ls /; echo; ls /..'];
  const { stdout, stderr } = uchroot(words, { by });
  const [root, above] = stdout.split('\n\n').map((list) => list.trim());
  t.match(root, /^bin$/m, stderr);
  t.equal(above, root);
});

// The caller's root directory is a mount somewhere in the host's tree.
const confined = ['unshare', '--mount', 'sh', '-c', 'mount --rbind / "$0" && exec chroot "$0" "$@"'];

test('a jail of a caller that chroot has confined has nothing above it', async (t) => {
  for (const words of [[], ['--ephemeral']]) {
    const [file = '', ...args] = [
      ...confined,
      temporaryDirectory(),
      ...launchWords(['--isolate', ...words, user, jail, '/bin/sleep', '70']),
    ];
    const child = spawn(file, args, { env: commandEnv, stdio: ['ignore', 'ignore', 'inherit'] });
    const ended = once(child, 'exit');
    const sleeping = () => processesOf(uid).find((pid) => statusOf(pid, 'Name') === 'sleep');
    await eventually(() => sleeping() !== undefined);
    const { stdout, stderr } = start(['nsenter', '-t', String(sleeping()), '-m', '/bin/ls', '-A', '/']);
    t.same(stdout.split('\n').filter(Boolean), readdirSync(jail).toSorted(), stderr);
    child.kill('SIGTERM');
    await ended;
    t.ok(await eventually(() => processesOf(uid).length === 0));
  }
});

// Root in another jail of the same directory can do that at any moment.
test('a /proc that is renamed while it is filled is masked all the same', async (t) => {
  // after proc(5) is mounted, and before anything hides its files
  const slow = ['strace', '-f', '-qq', '-o', '/dev/null', '-e', 'inject=fchdir:delay_exit=1500000'];
  const script =
    '[ -e /p2/sys/kernel ] && echo there; [ -w /p2/sys/kernel/core_pattern ] || echo read-only; cat /p2/kallsyms';
  const words = ['--isolate', '--allow-root', '--proc', '/proc', 'root', jail, '/bin/bash', '-c', script];
  const [file = '', ...args] = [...slow, ...launchWords(words)];
  const child = spawn(file, args, { env: commandEnv, stdio: ['ignore', 'pipe', 'inherit'] });
  const closed = once(child, 'close');
  let stdout = '';
  child.stdout.on('data', (bytes: Buffer) => (stdout += bytes.toString()));
  // mountinfo has the path in the file system of the jail, which may be one of its own
  const place = jail.slice(jail.indexOf('/uchroot-test-'));
  const isMounted = (pid: string): boolean => {
    try {
      const mounts = readFileSync(`/proc/${pid}/mountinfo`, 'latin1');
      return mounts.includes(`${place} / `) && / \/ \/proc rw,nosuid,nodev,noexec.* - proc /.test(mounts);
    } catch {
      return false; // no process, or one that has ended
    }
  };
  t.ok(await eventually(() => readdirSync('/proc').some(isMounted)));
  // until it is in the delay: before, the launch sees that its mount is not where it put it, and refuses to start
  await sleep(300);
  renameSync(`${jail}/proc`, `${jail}/p2`);
  mkdirSync(`${jail}/proc`);
  await closed;
  rmSync(`${jail}/proc`, { recursive: true });
  renameSync(`${jail}/p2`, `${jail}/proc`);
  t.equal(stdout, 'there\nread-only\n');
});

test('what an ephemeral jail is written to vanishes, or is kept aside', async (t) => {
  const script = 'cat /new 2>/dev/null; echo x > /new; rm -r /var; ls /new';
  const ended = run(['--ephemeral', '--allow-root'], script, 'root');
  t.equal(ended.stdout, '/new\n', ended.stderr);
  t.notOk(existsSync(`${jail}/new`));
  t.ok(existsSync(`${jail}/var/old`));
  const kept = temporaryDirectory();
  t.equal(run(['--ephemeral-dir', kept, '--allow-root'], script, 'root').stdout, '/new\n');
  t.equal(run(['--ephemeral-dir', kept, '--allow-root'], script, 'root').stdout, 'x\n/new\n');
  t.equal(readFileSync(`${kept}/upper/new`, 'utf8'), 'x\n');
  t.notOk(existsSync(`${jail}/new`));
});

test('what an ephemeral jail is written to is kept in a directory, of one launch at a time', async (t) => {
  const kept = temporaryDirectory();
  writeFileSync(`${kept}/file`, '');
  const wrong = run(['--ephemeral-dir', `${kept}/file`], ':');
  t.match(wrong, { status: 125, stderr: /^uchroot: open_tree: .*\/file .*is no directory\nhint: / });
  const [file = '', ...args] = launchWords([
    '--isolate',
    '--ephemeral-dir',
    kept,
    user,
    jail,
    '/bin/bash',
    '-c',
    'echo; read',
  ]);
  const first = spawn(file, args, { cwd: '/', env: commandEnv, stdio: ['pipe', 'pipe', 'ignore'] });
  await once(first.stdout, 'data');
  t.match(run(['--ephemeral-dir', kept], ':'), {
    status: 125,
    stderr: /another launch is writing to the same directory of --ephemeral-dir\nhint: /,
  });
  first.stdin.end();
  await once(first, 'close');
  t.equal(run(['--ephemeral-dir', kept], ':').status, 0);
});

test('memory that can be filled is bounded', async (t) => {
  const fill =
    'cat /dev/zero > $1/big; stat -c %s $1/big; > $1/big; for i in {1..99}; do echo > $1/$i || break; done 2>/dev/null; echo $i';
  const script = (where: string) => `f() { ${fill}; }; f ${where}`;
  const tmpfs = run(['--dev', '/dev', '--tmpfs', '/tmp:size=1M,nr_inodes=50'], script('/tmp'));
  t.match(tmpfs.stderr, /No space left on device/);
  t.equal(tmpfs.stdout, '1048576\n49\n');
});

test('/dev has the usual devices and terminals', async (t) => {
  const ended = run(
    ['--dev', '/dev', '--proc', '/proc'],
    'ls -l /dev | cat; echo x > /dev/null; exec 5<> /dev/ptmx; ls /dev/pts; echo s > /dev/shm/s; echo no > /dev/file',
  );
  for (const name of ['null', 'zero', 'full', 'random', 'urandom', 'tty', 'pts', 'shm', 'fd', 'stdin'])
    t.match(ended.stdout, new RegExp(` ${name}( |$)`, 'm'));
  t.match(ended.stderr, /\/dev\/file: Permission denied/);
  t.notMatch(ended.stderr, /shm|null/);
});

test('init has no rights and cannot be read', async (t) => {
  const ended = uchroot(
    [
      '--isolate',
      '--allow-root',
      '--proc',
      '/proc',
      'root',
      jail,
      '/bin/bash',
      '-c',
      'cat /proc/1/status; cat /proc/1/environ; ls -l /proc/1/exe; echo > /proc/1/mem; kill -9 1; echo alive',
    ],
    { env: { SECRET: 'secret' } },
  );
  t.match(ended.stdout, /^CapPrm:\t0+$/m);
  t.match(ended.stdout, /^CapEff:\t0+$/m);
  t.match(ended.stdout, /^NoNewPrivs:\t1$/m);
  t.ok(Number(/^VmRSS:\s+(\d+)/m.exec(ended.stdout)?.[1]) < 1024, 'less than 1 MiB');
  t.notMatch(ended.stdout, /secret/);
  t.match(ended.stderr, /environ: Permission denied/);
  t.match(ended.stderr, /exe': Permission denied/);
  t.match(ended.stderr, /mem: Permission denied/);
  t.match(ended.stdout, /alive\n$/);
});

test('nothing of /proc that changes the host can be written, by root either', async (t) => {
  const files = [
    'sys/kernel/core_pattern',
    'sys/kernel/hostname',
    'sysrq-trigger',
    'irq/default_smp_affinity',
  ].filter((file) => existsSync(`/proc/${file}`));
  t.ok(files.length > 1);
  const ended = run(
    ['--allow-root', '--proc', '/proc'],
    `for f in ${files.join(' ')}; do echo x > /proc/$f; done; cat /proc/kcore /proc/keys /proc/timer_list`,
    'root',
  );
  for (const file of files) t.match(ended.stderr, new RegExp(`/proc/${file}: Read-only file system`));
  t.equal(ended.stdout, '');
});

test('root inside cannot change the modes of files that all mounts of proc(5) share', async (t) => {
  const { stdout, stderr } = run(
    ['--allow-root', '--proc', '/proc'],
    `for f in /proc/*; do
  [[ -L $f || $f == /proc/[0-9]* ]] || chmod -Rv u+r $f 2>/dev/null
done; chmod -v u+r /bin`,
    'root',
  );
  t.match(stdout, /failed to change mode of '\/proc\/stat'/, stderr);
  t.same(stdout.match(/^mode of '.*'/gm), ["mode of '/bin'"]);
});

test('root inside cannot change what an update of the jail, or the next launch, takes from the host', async (t) => {
  const host = temporaryDirectory();
  mkdirSync(`${host}/data/inner`, { recursive: true });
  for (const options of [[], ['--proc', '/proc']]) {
    const { stderr } = run(['--allow-root', ...options], ': >/.uchroot/manifest.json.gz', 'root');
    t.match(stderr, /Read-only file system/);
  }
  const bind = ['--bind', `${host}/data:/mnt`];
  for (const [what, options, says] of [
    ['bind', [...bind, '--ro-bind', `${host}/data/inner:/var`], 'which the program can write'],
    ['jail', ['--bind', `${place}:/mnt`], 'which the program can write'],
    ['pid file', [...bind, '--pid-file', `${host}/data/pid`], 'which the program can write'],
    ['bind', ['--bind', `${jail}:/mnt`], 'holds the manifest of a jail'],
  ] as const) {
    const { status, stderr } = run(['--allow-root', ...options], 'exit 5', 'root');
    t.match({ status, stderr }, { status: 125, stderr: new RegExp(`^uchroot: ${what}: .* ${says}`) });
    t.equal(run(['--allow-root', '--insecure-path', ...options], 'exit 5', 'root').status, 5);
  }
  const other = run([...bind, '--ro-bind', `${host}/data/inner:/var`], 'exit 5');
  t.equal(other.status, 5, `an ordinary user cannot: ${other.stderr}`);
});

test('what a launch cannot have, it says', async (t) => {
  const missing = run(['--tmpfs', '/nowhere'], 'exit 0');
  t.equal(missing.status, 125);
  t.match(missing.stderr, /\/nowhere is not in the jail\nhint: mkdir -p .*\/nowhere\n/);
  t.match(
    run(['--bind', '/no/such:/mnt'], 'exit 0').stderr,
    /open_tree: \/no\/such.*: it is not on the host/,
  );
  t.match(run(['--proc', '/bin/bash'], 'exit 0').stderr, /\/bin\/bash in the jail is no directory/);
});

onlyOnce('without CAP_SYS_ADMIN the launch is refused with the remedy', async (t) => {
  const by = ['setpriv', '--bounding-set=-sys_admin', '--inh-caps=-all'];
  const ended = uchroot(['--isolate', user, jail, '/bin/ls'], { by });
  t.equal(ended.status, 125);
  t.match(ended.stderr, /unshare: pid: operation not permitted\nhint: .*CAP_SYS_ADMIN/);
  t.equal(ended.stdout, '');
});

bareOnly(onlyOnce, 'all options of isolation mean something')(
  'options that mean nothing without namespaces are refused',
  async (t) => {
    for (const words of [
      ['--read-only'],
      ['--tmpfs', '/tmp'],
      ['--ephemeral'],
      ['--hostname', 'x'],
      ['--net', 'none'],
    ]) {
      const ended = uchroot([...words, user, jail, '/bin/ls']);
      t.equal(ended.status, 1, words.join(' '));
      t.match(ended.stderr, /--isolate/);
    }
  },
);

test('signals reach the program, and the pid stays that of the starter', async (t) => {
  const [file = '', ...args] = launchWords([
    '--isolate',
    '--status-fd',
    '1',
    user,
    jail,
    '/bin/bash',
    '-c',
    'trap "echo caught; exit 9" USR1; echo ready; while :; do sleep 0.05; done',
  ]);
  const child = spawn(file, args, { env: commandEnv, stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  t.ok(await eventually(() => output.includes('ready')));
  t.match(output, `{"event":"started","pid":${child.pid}`);
  child.kill('SIGUSR1');
  t.same(await once(child, 'exit'), [9, null]);
  t.match(output, /caught/);
});

test('signals reach a program that has become another user, and init keeps the right for that alone', async (t) => {
  const other = 61_990;
  const script = `trap "echo caught; exit 9" TERM; cat /proc/1/status; echo ready; while :; do sleep 0.05; done`;
  for (const who of ['root', user]) {
    const words = launchWords([
      '--isolate',
      '--proc',
      '/proc',
      '--allow-root',
      '--cap',
      'setuid,setgid',
      who,
      jail,
      '/usr/bin/setpriv',
      `--reuid=${other}`,
      `--regid=${other}`,
      '--clear-groups',
      '/bin/bash',
      '-c',
      script,
    ]);
    const output = await outputAtSigterm(words, commandEnv);
    t.match(output, /^caught$/m, who);
    t.match(output, /^CapEff:\t0{14}20$/m, 'CAP_KILL');
    t.match(output, /^CapPrm:\t0{14}20$/m);
  }
});

test('SIGKILL of the starter at any moment leaves no process and no mount', async (t) => {
  const before = mountsOf();
  const [file = '', ...args] = launchWords([
    '--isolate',
    '--proc',
    '/proc',
    '--tmpfs',
    '/tmp',
    user,
    jail,
    '/bin/bash',
    '-c',
    'sleep 60 & sleep 60 & sleep 60',
  ]);
  for (let i = 0; i < 20; i++) {
    const child = spawn(file, args, { env: commandEnv, stdio: 'ignore' });
    const ended = once(child, 'exit');
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 120));
    child.kill('SIGKILL');
    t.same(await ended, [null, 'SIGKILL']);
    if (!(await eventually(() => processesOf(uid).length === 0)))
      t.fail(`left: ${processesOf(uid).join(' ')}`);
  }
  // what was starting when its starter died gets its uid, and ends, a moment later
  t.ok(await eventually(() => processesOf(uid).length === 0));
  t.same(mountsOf(), before);
});

test('with the program every other process of the jail ends', async (t) => {
  const ended = run(['--proc', '/proc'], 'sleep 60 & disown; (trap "" TERM HUP; exec sleep 61) & exit 3');
  t.equal(ended.status, 3);
  t.ok(await eventually(() => processesOf(uid).length === 0));
});

onlyOnce(
  'a private mount of the host inside the jail is there, and is read-only with the jail',
  async (t) => {
    const script = `mount -t tmpfs none ${jail}/mnt && echo x > ${jail}/mnt/file && "$@"`;
    const words = launchWords([
      '--isolate',
      '--read-only',
      '--allow-root',
      'root',
      jail,
      '/bin/bash',
      '-c',
      'cat /mnt/file; echo y > /mnt/file',
    ]);
    const ended = start(['unshare', '-m', 'sh', '-c', script, 'sh', ...words]);
    t.equal(ended.stdout, 'x\n');
    t.match(ended.stderr, /\/mnt\/file: Read-only file system/);
  },
);
