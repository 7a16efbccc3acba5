// Launches with --rootless: an ordinary user starts a program in namespaces of his own.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  lchownSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';

import t from 'tap';

import { uchrootJail } from '../../support/builder.ts';
import { inChild } from '../../support/child.ts';
import { commandEnv, rootTest, start, temporaryDirectory } from '../../support/launch.ts';
import { give, ordinary } from '../../support/ordinary.ts';
import { readState } from '../../support/probe.ts';
import { patientMs } from '../../support/patience.ts';
import { eventually, processesOf, statusOf } from '../../support/service.ts';

const test = rootTest('setpriv', 'unshare');
// Only this file has processes of this uid.
const uid = 61_414;
const groups = [20, uid, 1000];
const isRoot = process.getuid?.() === 0;
const { by, command, inNamespace, jail, run } = ordinary(uid, groups);
const place = isRoot ? temporaryDirectory() : '/';
const rootJail = `${place}/jail`;
const user = String(uid);

t.before(() => {
  if (!isRoot) return;
  const tools = [
    'bash',
    'cat',
    'ls',
    'ln',
    'mkdir',
    'rm',
    'sleep',
    'stat',
    'mount',
    'umount',
    'unshare',
    'nsenter',
  ];
  const built = uchrootJail(['build', rootJail, ...tools]);
  if (built.status !== 0) throw new Error(built.stderr);
  // the same programs, and they are his own
  start(['cp', '-a', `${rootJail}/.`, jail]);
  for (const directory of [rootJail, jail])
    for (const name of ['proc', 'dev', 'mnt', 'tmp']) mkdirSync(`${directory}/${name}`, { recursive: true });
  give(jail, uid);
});

const bash = (script: string): readonly string[] => ['/bin/bash', '-c', script];

test('USER is the caller, root or another: ids, groups, capabilities and filter are read back', async (t) => {
  for (const [who, id, gid] of [
    [user, uid, uid],
    ['root', 0, 0],
    ['nobody', 65534, 65534],
    ['5:7', 5, 7],
  ] as const) {
    const state = readState(run([who, jail, '/probe', 'state']));
    t.same({ uid: state.uid, gid: state.gid }, { uid: [id, id, id, id], gid: [gid, gid, gid, gid] }, who);
    t.same(state.groups, [65534, 65534, gid], 'groups of the caller, as far as they have a name inside');
    const { effective, permitted, inheritable, bounding, ambient, noNewPrivs, seccomp, pid, ppid } = state;
    t.same(
      { effective, permitted, inheritable, bounding, ambient, noNewPrivs, seccomp, pid, ppid },
      {
        effective: '0',
        permitted: '0',
        inheritable: '0',
        bounding: '0',
        ambient: '0',
        noNewPrivs: 1,
        seccomp: 2,
        pid: 2,
        ppid: 1,
      },
      who,
    );
    t.same(Object.keys(state.fds), ['0', '1', '2'], 'no descriptor of the host');
  }
});

test('every namespace is its own, with lo alone and its own processes', async (t) => {
  const kinds = ['user', 'mnt', 'pid', 'ipc', 'uts', 'cgroup', 'net'];
  const script = `cd /proc/self/ns; for n in ${kinds.join(' ')}; do ls -l $n; done; echo /proc/[0-9]*; cat /proc/net/dev /proc/self/*_map; ls /../..`;
  const ended = run(['--proc', '/proc', '--hostname', 'box', user, jail, ...bash(script)]);
  t.equal(ended.status, 0, ended.stderr);
  for (const kind of kinds) {
    const own = new RegExp(`${kind}:\\[\\d+\\]`).exec(ended.stdout)?.[0];
    t.ok(own, kind);
    t.not(own, readlinkSync(`/proc/self/ns/${kind}`), kind);
  }
  t.match(ended.stdout, /\/proc\/1 \/proc\/2 \/proc\/\d+\n|\/proc\/1 \/proc\/2\n/);
  t.same(
    ended.stdout.match(/^ *\w+:/gm)?.map((name) => name.trim()),
    ['lo:'],
  );
  t.match(ended.stdout, new RegExp(`^ +${uid} +${uid} +1\\n +${uid} +${uid} +1$`, 'm'));
});

test('/dev has devices of the host and terminals of its own, and /proc changes nothing', async (t) => {
  const script = `
    echo x > /dev/null && echo null; read -r -d '' c < /dev/zero && echo zero; ls /dev /dev/pts; : > /dev/shm/file && echo shm
    echo 1 > /proc/sys/kernel/printk; cat /proc/kcore | { read -rn1 c && echo kcore; }`;
  const ended = run(['--proc', '/proc', '--dev', '/dev', 'root', jail, ...bash(script)]);
  t.equal(
    ended.stdout,
    'null\nzero\n/dev:\nfd\nfull\nnull\nptmx\npts\nrandom\nshm\nstderr\nstdin\nstdout\ntty\nurandom\nzero\n\n/dev/pts:\nptmx\nshm\n',
  );
  t.match(ended.stderr, /printk: (Read-only file system|Permission denied)/);
});

test('--tmpfs, --bind, --ro-bind, --read-only and --writable do what they do for root', async (t) => {
  const host = temporaryDirectory();
  mkdirSync(`${host}/in`);
  writeFileSync(`${host}/file`, 'of the host\n');
  give(`${host}/in`, uid);
  mkdirSync(`${jail}/var`, { recursive: true });
  give(`${jail}/var`, uid);
  const options = ['--read-only', '--writable', '/var', '--tmpfs', '/tmp', '--ro-bind', `${host}:/mnt`];
  const script = `echo a > /tmp/a && cat /tmp/a /mnt/file; echo b > /mnt/b; echo c > /etc/c; echo d > /var/d
    cat /bin/ls > /var/ls; /bin/cat < /bin/ls > /var/ls; . /var/d; echo e > /mnt/in/e; stat -c %a /mnt/in`;
  const ended = run([...options, '--bind', `${host}/in:/mnt/in`, user, jail, ...bash(script)]);
  t.match(ended.stdout, /^a\nof the host\n/);
  t.match(ended.stderr, /\/mnt\/b: (Read-only file system|Permission denied)/);
  t.match(ended.stderr, /\/etc\/c: (Read-only file system|No such file)/);
  t.equal(readFileSync(`${host}/in/e`, 'utf8'), 'e\n');
  t.equal(readFileSync(`${jail}/var/d`, 'utf8'), 'd\n', 'what is written there stays');
});

test('`..` of the root directory of an ephemeral jail is that directory, and not the host', async (t) => {
  const { stdout, stderr } = run(['--ephemeral', user, jail, ...bash('ls /; echo; ls /..')]);
  const [root, above] = stdout.split('\n\n').map((list) => list.trim());
  t.match(root, /^bin$/m, stderr);
  t.equal(above, root);
});

test('the overlay of an ephemeral jail names the jail, by which remove and check find the program', async (t) => {
  const source = start(['stat', '-c', 'uchroot-%Hd-%Ld-%i', jail]).stdout;
  const script = 'while read -r source point rest; do [ $point = / ] && echo $source; done < /proc/mounts';
  for (const option of [['--ephemeral'], ['--ephemeral-dir', temporaryDirectory()]]) {
    if (option[1] !== undefined) give(option[1], uid);
    const { stdout, stderr } = run([...option, '--proc', '/proc', user, jail, ...bash(script)]);
    t.equal(stdout, source, stderr);
  }
});

test('what an ephemeral jail is written to vanishes, or is kept aside', async (t) => {
  const script = 'echo x > /new && cat /new; echo y >> /bin/ls; echo $?';
  t.equal(run(['--ephemeral', user, jail, ...bash(script)]).stdout, 'x\n0\n');
  t.notOk(existsSync(`${jail}/new`));
  const store = temporaryDirectory();
  give(store, uid);
  const kept = run(['--ephemeral-dir', store, user, jail, ...bash(script)]);
  t.equal(kept.stdout, 'x\n0\n', kept.stderr);
  t.equal(readFileSync(`${store}/upper/new`, 'utf8'), 'x\n');
  t.equal(
    run(['--ephemeral-dir', store, user, jail, ...bash('cat /new')]).stdout,
    'x\n',
    'a later launch goes on',
  );
});

test('a jail that root has built can be used, and not written', async (t) => {
  const script = 'echo x > /etc/x; echo y > /tmp/y && cat /tmp/y';
  const ended = run([
    '--tmpfs',
    '/tmp',
    '--proc',
    '/proc',
    '--dev',
    '/dev',
    'root',
    rootJail,
    ...bash(script),
  ]);
  t.equal(ended.stdout, 'y\n');
  t.match(ended.stderr, /\/etc\/x: Read-only file system/);
  const alone = run(['root', rootJail, ...bash(script)]);
  t.match(alone, { status: 1, stdout: '' }, "root's /tmp is shared by all users of the jail");
  t.match(alone.stderr, /\/etc\/x: Read-only[^]*\/tmp\/y: Read-only/);
  const asked = run(['--writable', '/tmp', 'root', rootJail, ...bash(script)]);
  t.match(asked, { status: 0, stdout: 'y\n' });
  const ephemeral = run(['--ephemeral', '--tmpfs', '/tmp', 'root', rootJail, ...bash(script)]);
  t.equal(ephemeral.stdout, 'y\n', ephemeral.stderr);
});

test("an ephemeral jail of root's can be written where everybody may write, and nowhere else", async (t) => {
  mkdirSync(`${rootJail}/var/spool/drop/deep`, { recursive: true });
  for (const name of ['tmp', 'var/spool/drop', 'var/spool/drop/deep'])
    chmodSync(`${rootJail}/${name}`, 0o1777);
  writeFileSync(`${rootJail}/tmp/of-root`, 'of root\n');
  const before = readdirSync(`${rootJail}/tmp`).toSorted();
  const store = temporaryDirectory();
  give(store, uid);
  const script = `echo x > /tmp/x && mkdir /tmp/z /var/spool/drop/z && cat /tmp/x /tmp/of-root
    echo x > /etc/x; echo x >> /tmp/of-root; stat -c %a /tmp /var/spool/drop`;
  for (const who of ['root', user, 'nobody'])
    for (const options of [['--ephemeral'], ['--ephemeral-dir', store]]) {
      const { stdout, stderr } = run([...options, who, rootJail, ...bash(script)]);
      t.equal(stdout, 'x\nof root\n1777\n1777\n', stderr);
      t.match(
        stderr,
        /\/etc\/x: Permission denied[^]*\/tmp\/of-root: Permission denied/,
        'files of others stay',
      );
      const kept = run([
        ...options,
        who,
        rootJail,
        ...bash('cat /tmp/x; rm -r /tmp/x /tmp/z /var/spool/drop/z'),
      ]);
      t.equal(kept.stdout, options.length === 1 ? '' : 'x\n', 'the next launch');
    }
  t.same(readdirSync(`${rootJail}/tmp`).toSorted(), before);
  t.match(run(['--ephemeral', '--plan=steps', 'root', rootJail]).stdout, /three levels deep/);
  const refused = run(['--ephemeral', '--tmpfs', '/etc/x', 'root', rootJail, ...bash('exit 0')]);
  t.match(
    refused.stderr,
    /the directory above it belongs to another user\nhint: give --tmpfs for a directory above/,
  );
  const made = run([
    '--ephemeral',
    '--tmpfs',
    '/scratch',
    '--dir',
    '/a/b',
    'root',
    rootJail,
    ...bash('ls -d /scratch /a/b'),
  ]);
  t.equal(made.stdout, '/a/b\n/scratch\n', made.stderr);
});

test('neither ids nor mounts nor namespaces can be changed from inside, by root there either', async (t) => {
  const script = `
    echo '0 0 1' > /proc/self/uid_map; echo '0 0 1' > /proc/1/gid_map; unshare -r; unshare -m
    umount /proc/kallsyms; umount /mnt; mount -o remount,rw /mnt; mount -t tmpfs none /tmp; nsenter -t 1 -m
    : < /proc/1/mem; : < /proc/1/environ; ls /proc/1/root; : < /proc/1/fd/3; echo x > /mnt/x; echo ended`;
  const host = temporaryDirectory();
  give(host, uid);
  const options = ['--proc', '/proc', '--ro-bind', `${host}:/mnt`, '--cap', 'sys_admin,setuid,setgid'];
  for (const words of [options, options.slice(0, 4)]) {
    const ended = run([...words, 'root', jail, ...bash(script)]);
    t.equal(ended.stdout, 'ended\n');
    t.equal(ended.stderr.trim().split('\n').length >= 14, true, ended.stderr);
    t.notOk(existsSync(`${host}/x`));
  }
});

test("files of root's stay root's: their owner is nobody inside, whoever USER is", async (t) => {
  const host = temporaryDirectory();
  writeFileSync(`${host}/secret`, 'secret', { mode: 0o600 });
  writeFileSync(`${host}/group`, 'group', { mode: 0o640 });
  start(['chgrp', '20', `${host}/group`]);
  const script = 'cat /mnt/secret; stat -c %u:%g /mnt/secret; cat /mnt/group';
  const ended = run(['--ro-bind', `${host}:/mnt`, 'root', jail, ...bash(script)]);
  t.match(ended.stderr, /secret: Permission denied/);
  t.equal(ended.stdout, '65534:65534\ngroup', "the caller's supplementary groups stay");
});

test('limits, Landlock, profile and capabilities work inside', async (t) => {
  const limited = readState(
    run(['--rlimit', 'nofile=64', '--umask', '77', '--landlock', user, jail, '/probe', 'state']),
  );
  t.same([limited.rlimits.nofile, limited.umask], [[64, 64], 0o77]);
  const kept = readState(run(['--cap', 'net_bind_service', user, jail, '/probe', 'state']));
  t.equal(kept.permitted, '400');
  t.equal(kept.ambient, '400');
});

test('the status is the program’s, or 128 and its signal', async (t) => {
  t.equal(run([user, jail, '/probe', 'exit', '7']).status, 7);
  t.equal(run([user, jail, '/probe', 'kill', '9']).status, 137);
  const missing = run([user, jail, '/bin/nope']);
  t.equal(missing.status, 127);
  t.match(missing.stderr, /nope/);
});

test('the command stops and goes on with its program, as a job of a shell', async (t) => {
  const [file = '', ...args] = [
    ...by,
    ...command,
    '--rootless',
    user,
    jail,
    ...bash('kill -STOP $$; exit 3'),
  ];
  const job = spawn(file, args, { detached: true, stdio: 'ignore', cwd: '/', env: commandEnv });
  const { pid = 0 } = job;
  const ended = once(job, 'exit');
  const state = (): string | undefined => statusOf(pid, 'State')?.trim().charAt(0);
  t.ok(await eventually(() => state() === 'T'), 'stopped');
  process.kill(-pid, 'SIGCONT');
  t.same(await ended, [3, null]);
});

test('SIGKILL of the command at any moment leaves no process', async (t) => {
  for (let i = 0; i < 10; i++) {
    const [file = '', ...args] = [
      ...by,
      ...command,
      '--rootless',
      user,
      jail,
      ...bash('sleep 60 & exec sleep 61'),
    ];
    const child = spawn(file, args, { env: commandEnv, stdio: 'ignore' });
    await new Promise((resolve) => setTimeout(resolve, 10 + Math.random() * 90));
    child.kill('SIGKILL');
    await once(child, 'exit');
    if (!(await eventually(() => processesOf(uid).length === 0))) t.fail(processesOf(uid).join(' '));
  }
  // A launcher whose parent was killed before it could say so ends when it next writes to its pipe.
  t.ok(await eventually(() => processesOf(uid).length === 0), 'none is left');
});

test('a service without root runs, streams, stops and ends programs', async (t) => {
  const found = inChild(`
    const { native: calls, openLauncher } = await load('native.js');
    const { runInJail, spawnInJail, openJail } = await load('index.js');
    openLauncher();
    native.setgroups([]);
    native.setgid(${uid});
    native.setuid(${uid});
    const isolated = { user: 'root', jail: ${JSON.stringify(jail)}, rootless: true };
    const bash = (script) => ({ program: '/bin/bash', args: ['-c', script] });
    const { stdout } = await runInJail({ ...isolated, ...bash('echo $$; cat'), input: 'in\\n' });
    const late = await runInJail({ ...isolated, ...bash('sleep 60 & exec sleep 61'), timeoutMs: ${patientMs(300)}, reject: false });
    const failed = await runInJail({ ...isolated, ...bash('exit 3') }).catch(({ code, exitCode }) => [code, exitCode]);
    const missing = await runInJail({ ...isolated, program: '/nope' }).catch(({ name, code, step }) => [name, code, step]);
    const opened = await openJail(isolated.jail, { user: 'root', rootless: true, view: [{ proc: '/proc' }, { tmpfs: '/tmp' }] });
    const child = await opened.spawn({ ...bash('echo /proc/[0-9]*; exec sleep 60') });
    const [line] = await new Promise((resolve) => child.stdout.once('data', (data) => resolve([String(data)])));
    child.kill();
    const { signal } = await child.exited;
    tell({ stdout, late: [late.signal, late.stopped, late.limit], failed, missing, line, signal });
    child.stdout.destroy();
    opened.close();
  `);
  t.same(found, {
    stdout: '2\nin\n',
    late: ['SIGTERM', 'ETIMEDOUT', 'time'],
    failed: ['ERR_EXIT', 3],
    missing: ['LaunchError', 'ENOENT', 'execve'],
    line: '/proc/1 /proc/2\n',
    signal: 'SIGTERM',
  });
  t.ok(await eventually(() => processesOf(uid).length === 0));
});

test('--plan tries the launch, and says what becomes of ids and groups', async (t) => {
  const ended = run(['--plan=steps', 'root', jail, '/probe']);
  t.equal(ended.status, 0, ended.stderr);
  t.match(ended.stdout, `uid 0 is ${uid} of the host, and no other is mapped`);
  t.match(ended.stdout, "setgroups(2) is refused: the caller's supplementary groups stay");
  t.notMatch(ended.stdout, /^ *\d+ {2}setgroups /m);
});

const line = /^uchroot: [^\n]+\nhint: [^\n]+\n$/;

test('who must not, or cannot, gets the reason and the remedy', async (t) => {
  const asRoot = start([...command, '--rootless', 'root', jail, '/probe']);
  t.match(
    [asRoot.status, asRoot.stderr],
    [125, /rootless: uchroot must be run by an ordinary user\.  Current uid=0/],
  );
  t.match(asRoot.stderr, line);
  const without = start([...by, ...command, 'nobody', jail, '/probe']);
  t.match([without.status, without.stderr], [3, /hint: .*--rootless/]);
  for (const words of [['--groups', '5'], ['--clear-groups']]) {
    const ended = run([...words, user, jail, '/probe']);
    t.match([ended.status, ended.stderr], [1, /given at once\nhint: leave \S+ out, or give --map-auto/]);
  }
  const unit = start([...command, '--rootless', '--unit', 'systemd', 'root', jail, '/probe']);
  t.match([unit.status, unit.stderr], [1, /--rootless: a service of the system is started as root/]);
  const compiled = start([...command, '--rootless', '--compile', `${place}/x`, 'nobody', jail, '/probe']);
  t.match([compiled.status, compiled.stderr], [1, /--compile and --rootless are given at once/]);
});

test('a host that allows no more namespaces is refused with the remedy', async (t) => {
  const words = ['--rootless', user, jail, '/probe'];
  const none = start(inNamespace('echo 0 > /proc/sys/user/max_user_namespaces', words));
  t.match(none.stderr, /^uchroot: user_namespace: user,pid: there are no more user or pid namespaces/);
  t.match(none.stderr, line);
  t.equal(none.status, 125);
});

test('a masked /proc of the host refuses --proc alone', async (t) => {
  const hidden = start(
    inNamespace('mount --bind /dev/null /proc/timer_list', ['--rootless', user, jail, '/probe', 'exit', '5']),
  );
  t.equal(hidden.status, 5, hidden.stderr);
  const words = ['--rootless', '--proc', '/proc', user, jail, '/probe', 'exit', '5'];
  const ended = start(inNamespace('mount --bind /dev/null /proc/timer_list', words));
  t.match(
    ended.stderr,
    /^uchroot: new_tree: proc: a proc\(5\) of its own needs the whole \/proc of the host/,
  );
  t.match(ended.stderr, line);
});

test('a directory that others can write is refused, and one of the caller is not', async (t) => {
  const open = temporaryDirectory();
  mkdirSync(`${open}/jail`);
  give(open, uid);
  chmodSync(open, 0o777);
  const ended = run([user, `${open}/jail`, '/probe']);
  t.match(ended.stderr, new RegExp(`^uchroot: jail: ${open}, above the jail, can be written by everybody`));
  t.equal(ended.status, 125);
});

test('the program cannot change what the next launch takes from the host', async (t) => {
  const host = temporaryDirectory();
  for (const name of ['data', 'data/inner', 'store']) mkdirSync(`${host}/${name}`);
  writeFileSync(`${host}/data/profile`, '{"defaultAction": "SCMP_ACT_ALLOW"}');
  symlinkSync(host, `${host}/data/inner/up`);
  symlinkSync('data/inner/up', `${host}/way`);
  symlinkSync('data/profile', `${host}/profile`);
  give(host, uid);
  const bind = ['--bind', `${host}/data:/mnt`];
  for (const [what, options] of [
    ['bind', [...bind, '--ro-bind', `${host}/data/inner:/tmp`]],
    ['bind', ['--ro-bind', `${jail}/tmp:/mnt`]],
    ['bind', [...bind, '--ro-bind', `${host}/way/store:/tmp`]],
    ['seccomp', [...bind, '--seccomp', `${host}/profile`]],
    ['pid file', [...bind, '--pid-file', `${host}/data/pid`]],
    ['seccomp', [...bind, '--seccomp', `${host}/data/profile`]],
    ['ephemeral', [...bind, '--ephemeral-dir', `${host}/data/inner`]],
  ] as const) {
    const ended = run([...options, user, jail, '/probe', 'exit', '5']);
    t.match(ended.stderr, new RegExp(`^uchroot: ${what}: .* which the program can write`), what);
    t.match(ended.stderr, line);
    const insisted = run([...options, '--insecure-path', user, jail, '/probe', 'exit', '5']);
    t.equal(insisted.status, 5, insisted.stderr);
  }
  const apart = ['--ro-bind', `${host}/data:/mnt`, '--ro-bind', `${host}/data/inner:/tmp`];
  t.equal(run([...apart, '--pid-file', `${host}/pid`, user, jail, '/probe', 'exit', '5']).status, 5);
  t.same(readdirSync(host).includes('pid'), true);
});

test("a link that one program leaves in its bind leads no other jail to the caller's files", async (t) => {
  const host = temporaryDirectory();
  for (const name of ['home', 'home/.ssh', 'work', 'work/sub']) mkdirSync(`${host}/${name}`);
  writeFileSync(`${host}/home/.ssh/id`, 'secret\n');
  give(host, uid);
  const left = run([
    '--bind',
    `${host}/work:/mnt`,
    user,
    jail,
    ...bash('ln -s ../home/.ssh /mnt/pub && ln -s /. /mnt/up'),
  ]);
  t.equal(left.status, 0, left.stderr);
  const [pub, up] = [`${host}/work/pub`, `${host}/work/up`];
  const secret = ['--ro-bind', `${pub}:/mnt`];
  for (const [what, link, options] of [
    ['bind', pub, secret],
    ['bind', pub, ['--bind', `${pub}/id:/tmp/id`]],
    ['bind', up, ['--ro-bind', `${up}${host}/home:/mnt`]],
    ['ephemeral', pub, ['--ephemeral-dir', `${pub}/store`]],
  ] as const) {
    for (const plan of [[], ['--plan']]) {
      const ended = run([...options, ...plan, user, jail, ...bash('cat /mnt/id')]);
      t.match(ended, { status: 125, stdout: '' }, options.join(' '));
      t.match(
        ended.stderr,
        new RegExp(
          `^uchroot: ${what}: ${link} is a link of uid ${uid} to .*: only links of root are followed`,
        ),
      );
      t.match(
        ended.stderr,
        /\nhint: if that is what you mean, name .*accept the risk with --insecure-path\n$/,
      );
    }
  }
  const named = /name (\S+)/.exec(run([...secret, user, jail, ...bash('')]).stderr)?.[1];
  t.equal(named, `${host}/home/.ssh`);
  for (const options of [
    ['--ro-bind', `${named}:/mnt`],
    ['--insecure-path', ...secret],
  ])
    t.equal(
      run([...options, user, jail, ...bash('cat /mnt/id')]).stdout,
      'secret\n',
      'what the caller asks for',
    );
  symlinkSync(`${host}/home/.ssh`, `${host}/link-of-root`);
  const followed = run(['--ro-bind', `${host}/link-of-root:/mnt`, user, jail, ...bash('cat /mnt/id')]);
  t.equal(followed.stdout, 'secret\n', followed.stderr);
  symlinkSync(jail, `${host}/work/jail`);
  lchownSync(`${host}/work/jail`, uid, uid);
  t.match(
    run([user, `${host}/work/jail`, '/probe', 'exit', '5']).stderr,
    /^uchroot: jail: .* is a link of uid/,
  );
});

test('an open jail opens its binds without links of the caller', async (t) => {
  const host = temporaryDirectory();
  mkdirSync(`${host}/data`);
  writeFileSync(`${host}/data/file`, 'data\n');
  symlinkSync('data', `${host}/own`);
  give(host, uid);
  lchownSync(`${host}/own`, uid, uid);
  symlinkSync('data', `${host}/of-root`);
  const seen = inChild(`
    const { openJail, runInJail } = await load('index.js');
    const { openLauncher } = await load('native.js');
    openLauncher();
    native.setgroups([]); native.setgid(${uid}); native.setuid(${uid});
    const jail = ${JSON.stringify(rootJail)};
    const seen = [];
    for (const name of ['of-root', 'own']) {
      const request = { view: [{ bind: '${host}/' + name, to: '/mnt' }], program: '/bin/cat', args: ['/mnt/file'] };
      const as = { user: '5:7', rootless: true };
      const open = await openJail(jail, as);
      const say = (run) => run.then(({ stdout }) => stdout, ({ code, message }) => code + ' ' + message);
      seen.push(await say(open.run(request)), await say(open.run(request)), await say(runInJail({ ...as, ...request, jail })));
      await open.close();
    }
    tell(seen);`) as string[];
  t.same(seen.slice(0, 3), ['data\n', 'data\n', 'data\n']);
  for (const message of seen.slice(3)) t.match(message, /^ERR_INSECURE_PATH bind: .*own is a link of uid/);
});

test('a prepared launch does not write to a jail of somebody else either', async (t) => {
  const wrote = inChild(`
    const { openJail } = await load('index.js');
    const { openLauncher } = await load('native.js');
    openLauncher(); // only root may be able to enter the directory of the package
    native.setgroups([]); native.setgid(${uid}); native.setuid(${uid});
    const open = await openJail(${JSON.stringify(rootJail)}, { user: '5:7', rootless: true });
    const request = { program: '/bin/bash', args: ['-c', '> /tmp/written'], reject: false };
    tell([(await open.run(request)).stderr, (await open.prepare(request).run()).stderr]);`);
  for (const stderr of wrote as string[]) t.match(stderr, 'Read-only file system');
});
