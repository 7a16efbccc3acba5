// Launches of an open jail without root: what they share, with whom, and what is left.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';

import t from 'tap';

import { uchrootJail } from '../../support/builder.ts';
import { childWords, inChild } from '../../support/child.ts';
import { packageDirectory, rootTest, start, temporaryDirectory } from '../../support/launch.ts';
import { give, ordinary } from '../../support/ordinary.ts';
import type { State } from '../../support/probe.ts';
import { unlessPublic, unlessRoot } from '../../support/root.ts';
import { eventually, plainEnv, processesOf } from '../../support/service.ts';

const test = rootTest('setpriv', 'strace', 'python3');
// Only this file has processes of this uid.
const uid = 61_434;
const isRoot = process.getuid?.() === 0;
const { by, jail } = ordinary(uid);

t.before(() => {
  if (!isRoot) return;
  const built = `${temporaryDirectory()}/jail`;
  const build = uchrootJail(['build', built, 'bash', 'cat', 'ls', 'sleep', 'stat']);
  if (build.status !== 0) throw new Error(build.stderr);
  start(['cp', '-a', `${built}/.`, jail]);
  for (const name of ['proc', 'dev', 'tmp']) mkdirSync(`${jail}/${name}`, { recursive: true });
  give(jail, uid);
});

const modules = `
  const { openLauncher } = await load('native.js');
  const { runInJail, openJail } = await load('index.js');
  openLauncher(); // only root may be able to enter the directory of the package`;
const become = `native.setgroups([]); native.setgid(${uid}); native.setuid(${uid});`;
const words = `
  const directory = ${JSON.stringify(jail)};
  const bash = (script) => ({ program: '/bin/bash', args: ['-c', script] });
  const proc = { proc: '/proc' }, tmpfs = { tmpfs: '/tmp' };
  const open = (more = {}) => openJail(directory, { user: 'root', rootless: true, ...more });
  // number of each namespace by kind
  const spaces = (text) => Object.fromEntries([...text.matchAll(/(\\w+):\\[(\\d+)\\]/g)].map(([, kind, id]) => [kind, id]));
  const look = 'cat /tmp/file 2>/dev/null; echo left > /tmp/file; cd /proc/self/ns; ls -l user net ipc uts cgroup mnt pid';
  const linesOf = async (stream, wanted) => {
    let text = '';
    for await (const chunk of stream) if (wanted.test((text += chunk))) return text;
  };`;

/** Runs lines in a service of the user. */
const service = (lines: string, wrapper: readonly string[] = []): unknown =>
  inChild(`${modules}\n${become}\n${words}\n${lines}`, wrapper);

test('programs of an open jail share what it says, and only that', async (t) => {
  const found = service(`
    const told = {};
    for (const share of [undefined, 'net', 'none']) {
      const opened = await open({ view: [proc, tmpfs], share });
      // at once: the number of a namespace that has ended may be given to the next one
      const waiting = await opened.spawn(bash(look + '; read -r; exit 0'));
      const one = spaces(await linesOf(waiting.stdout, /user:.*\\n/));
      const two = (await opened.run(bash(look))).stdout;
      waiting.stdin.end();
      await waiting.exited;
      const same = Object.keys(one).filter((kind) => one[kind] === spaces(two)[kind]).sort();
      told[share ?? 'default'] = [same, two.startsWith('left')];
      opened.close();
    }
    tell(told);`);
  t.same(found, {
    default: [['cgroup', 'ipc', 'net', 'user', 'uts'], true],
    net: [['net', 'user'], false],
    none: [[], false],
  });
});

test('users, groups, capabilities, filters and views of an open jail share nothing with each other, nor do two jails', async (t) => {
  const found = service(`
    const opened = await open({ view: [proc, tmpfs] });
    const other = await open({ view: [proc, tmpfs] });
    const waiting = await opened.spawn(bash(look + '; read -r; exit 0'));
    const one = spaces(await linesOf(waiting.stdout, /user:.*\\n/));
    const told = {};
    for (const [name, [from, request]] of Object.entries({
      user: [opened, { user: '5:7' }],
      group: [opened, { group: '7' }],
      caps: [opened, { caps: ['sys_ptrace'] }],
      allow: [opened, { allow: ['personality'] }],
      profile: [opened, { seccomp: 'default' }],
      view: [opened, { view: [proc, tmpfs, { dir: '/tmp/x' }] }],
      jail: [other, {}],
    })) {
      const { stdout } = await from.run({ ...request, ...bash(look) });
      const theirs = spaces(stdout);
      told[name] = [stdout.startsWith('left'), Object.keys(theirs).length, Object.keys(one).filter((kind) => one[kind] === theirs[kind])];
    }
    waiting.stdin.end();
    await waiting.exited;
    opened.close();
    other.close();
    tell(told);`);
  const apart = [false, 7, []];
  t.same(found, {
    user: apart,
    group: apart,
    caps: apart,
    allow: apart,
    profile: apart,
    view: apart,
    jail: apart,
  });
});

test('launches that differ in a working directory, a limit or a terminal share, and a new view in each keeps few namespaces', async (t) => {
  const found = service(`
    const opens = () => readdirSync('/proc/self/fd').length;
    const opened = await open({ view: [proc, tmpfs] });
    const told = [];
    for (const more of [{}, { cwd: '/tmp' }, { umask: 7 }, { rlimits: { nofile: 30 } }, { nice: 3 }])
      told.push((await opened.run({ ...more, ...bash('cat /tmp/file 2>/dev/null; echo -n x >> /tmp/file') })).stdout);
    const pty = [];
    for (const cols of [80, 90]) {
      const child = await opened.spawn({ ...bash('cat /tmp/pty 2>/dev/null; echo -n y >> /tmp/pty'), pty: { cols, rows: 24 } });
      let text = '';
      for await (const chunk of child.pty) text += chunk;
      pty.push(text);
    }
    for (let i = 0; i < 20; i++) await opened.run({ view: [proc, { dir: '/tmp/' + i }], ...bash('') });
    const before = opens();
    for (let i = 0; i < 20; i++) await opened.run({ view: [proc, { dir: '/tmp/more' + i }], ...bash('') });
    for (let i = 0; i < 500 && opens() > before; i++) await new Promise((resolve) => setTimeout(resolve, 10));
    const more = opens() - before;
    opened.close();
    tell({ told, pty, more });`) as { more: number };
  t.match(found, { told: ['', 'x', 'xx', 'xxx', 'xxxx'], pty: ['', 'y'] });
  t.ok(found.more <= 0, String(found.more));
});

test('a bind that is refused is not mounted for a later launch', async (t) => {
  const place = `${temporaryDirectory()}/binds`;
  for (const name of ['', '/secret', '/open']) mkdirSync(`${place}${name}`);
  writeFileSync(`${place}/secret/file`, 'secret');
  symlinkSync(`${place}/secret`, `${place}/open/source`);
  give(place, uid);
  chmodSync(`${place}/open`, 0o777);
  const found = service(`
    const { chmodSync, mkdirSync, rmSync, writeFileSync } = await import('node:fs');
    const place = ${JSON.stringify(place)};
    const opened = await open({ view: [proc, { bind: place + '/open/source', to: '/tmp', readOnly: true }] });
    const read = () => opened.run(bash('cat /tmp/file')).then(({ stdout }) => stdout, ({ code }) => code);
    const refused = await read();
    // the link of a stranger is taken away
    rmSync(place + '/open/source');
    chmodSync(place + '/open', 0o755);
    mkdirSync(place + '/open/source');
    writeFileSync(place + '/open/source/file', 'right');
    tell([refused, await read()]);
    opened.close();`);
  t.same(found, ['ERR_INSECURE_PATH', 'right']);
});

test('the name of the host is that of the request, whatever is shared', async (t) => {
  const found = service(`
    const told = [];
    for (const share of ['all', 'net', 'none']) {
      const opened = await open({ view: [proc], hostname: 'inside', share });
      for (let i = 0; i < 2; i++) told.push((await opened.run(bash('read -r name < /proc/sys/kernel/hostname; echo -n $name'))).stdout);
      opened.close();
    }
    tell(told);`);
  t.same(
    found,
    Array.from({ length: 6 }, () => 'inside'),
  );
});

test('a program has the same ids, privileges, limits, filter and descriptors as without an open jail', async (t) => {
  const found = service(`
    const more = { rlimits: { nofile: 64, fsize: 4096 }, landlock: true, caps: ['net_bind_service'], view: [proc, { dev: '/dev' }, tmpfs] };
    const probe = { program: '/probe', args: ['state'], encoding: 'utf8' };
    const told = [];
    for (const user of ['root', '5:7', ${JSON.stringify(String(uid))}]) {
      const opened = await open(more);
      const prepared = opened.prepare({ ...probe, user });
      told.push([
        await runInJail({ jail: directory, user, rootless: true, ...more, ...probe }),
        await opened.run({ ...probe, user }),
        await opened.run({ ...probe, user }),
        await prepared.run(),
      ].map(({ stdout }) => JSON.parse(stdout)));
      opened.close();
    }
    tell(told);`) as readonly (readonly State[])[];
  t.equal(found.length, 3);
  for (const [cold, ...warm] of found) {
    t.same([cold?.noNewPrivs, cold?.seccomp, cold?.pid, cold?.ppid, cold?.permitted], [1, 2, 2, 1, '400']);
    t.equal(warm.length, 3);
    for (const state of warm) t.same(state, cold);
  }
});

test('Landlock, a profile and limits hold on launches of an open jail', async (t) => {
  const found = service(`
    const opened = await open({ view: [proc, tmpfs], landlockRw: ['/tmp'], landlockRo: ['/'], rlimits: { nofile: 20 } });
    const script = 'echo x > /tmp/in && echo written; echo y > /etc/out; ulimit -n; ulimit -n 30; exec 25<&0';
    const told = [];
    for (let i = 0; i < 2; i++) told.push(await opened.run({ ...bash(script), reject: false }));
    opened.close();
    tell(told.map(({ stdout, stderr }) => [stdout, stderr]));`) as readonly [string, string][];
  t.equal(found.length, 2);
  for (const [stdout, stderr] of found) {
    t.equal(stdout, 'written\n20\n');
    t.match(stderr, /out: Permission denied/);
    t.match(stderr, /Bad file descriptor/);
  }
});

test('the pid namespace belongs to the kept user namespace, and each program sees its own processes', async (t) => {
  const script = `
import fcntl, os, sys
pid = sys.argv[1]
owner = fcntl.ioctl(os.open(f'/proc/{pid}/ns/pid', os.O_RDONLY), 0xb701)
print(os.fstat(owner).st_ino == os.stat(f'/proc/{pid}/ns/user').st_ino)`;
  const found = service(`
    const { execFileSync } = await import('node:child_process');
    const opened = await open({ view: [proc] });
    await opened.run(bash(''));
    const one = await opened.spawn({ ...bash('exec sleep 60'), stdio: 'ignore' });
    const owner = execFileSync('python3', ['-c', ${JSON.stringify(script)}, String(one.pid)], { encoding: 'utf8' });
    const { stdout } = await opened.run(bash('echo /proc/[0-9]*; read -r name < /proc/2/comm; echo $name'));
    one.kill();
    const { signal } = await one.exited;
    opened.close();
    tell({ owner, stdout, signal });`);
  t.same(found, { owner: 'True\n', stdout: '/proc/1 /proc/2\nbash\n', signal: 'SIGTERM' });
});

test('a program of an ephemeral jail, with a terminal, or with devices has all of it, and what is written stays apart', async (t) => {
  const found = service(`
    const written = 'cat /new 2>/dev/null; echo x > /new; cat /new';
    const ephemeral = await open({ ephemeral: true, share: 'net' });
    const times = [await ephemeral.run(bash(written)), await ephemeral.run(bash(written))];
    const device = await open({ view: [proc, { dev: '/dev' }] });
    const both = [];
    for (let i = 0; i < 2; i++) {
      const child = await device.spawn({ ...bash('echo null > /dev/null && tty=$(ls -l /proc/self/fd/0) && echo "\${tty##* }"'), pty: true });
      let text = '';
      for await (const chunk of child.pty) text += chunk;
      both.push(text.trim());
    }
    ephemeral.close();
    device.close();
    tell({ times: times.map(({ stdout }) => stdout), both });`);
  t.same(found, { times: ['x\n', 'x\n'], both: ['/dev/pts/0', '/dev/pts/0'] });
});

const skip = unlessPublic(packageDirectory);
t.test('the service stays as it was', { skip: skip || unlessRoot('setpriv') }, async (t) => {
  // It has not changed its ids by itself, so the files of its directory in /proc are its own.
  const lines = `${modules}\n${words}
    const { statSync } = await import('node:fs');
    const state = () => [
      statSync('/proc/self/environ').uid,
      readlinkSync('/proc/self/ns/user'),
      readdirSync('/proc/self/task').map((task) => readFileSync('/proc/self/task/' + task + '/status', 'utf8').match(/^Cap(Prm|Eff|Amb):.*/gm).join()),
    ];
    const [owner, space] = state();
    const opened = await open({ view: [proc] });
    for (let i = 0; i < 5; i++) await opened.run(bash(''));
    const [ownerLater, spaceLater, privileges] = state();
    opened.close();
    tell({ same: owner === ownerLater && space === spaceLater, owner, privileges: [...new Set(privileges)] });`;
  const none = ['Prm', 'Eff', 'Amb'].map((set) => `Cap${set}:\t0000000000000000`).join();
  t.same(inChild(lines, by), { same: true, owner: uid, privileges: [none] });
});

test('a closed jail keeps no namespace and no descriptor, and leaves no process to be reaped', async (t) => {
  const found = service(`
    const opens = () => readdirSync('/proc/self/fd').length;
    const children = () => readFileSync('/proc/self/task/' + process.pid + '/children', 'latin1');
    const once = async () => {
      const opened = await open({ view: [proc, tmpfs] });
      await Promise.all([1, 2, 3].map(() => opened.run(bash('exit 0'))));
      await opened.run({ program: '/nope' }).catch(() => {});
      opened.close();
    };
    await once();
    const before = opens();
    for (let i = 0; i < 5; i++) await once();
    for (let i = 0; i < 500 && opens() > before; i++) await new Promise((resolve) => setTimeout(resolve, 10));
    const zombies = readdirSync('/proc').filter((pid) => {
      try { return new RegExp('^PPid:\\\\s' + process.pid + '$', 'm').test(readFileSync('/proc/' + pid + '/status', 'latin1')); } catch { return false; }
    });
    tell({ more: opens() - before, zombies });`) as { more: number };
  t.ok(found.more <= 0, String(found.more));
  t.same(found, { more: found.more, zombies: [] });
  t.ok(await eventually(() => processesOf(uid).length === 0));
});

test('a call that is refused, or lies, is told by its step, and no program runs', async (t) => {
  const lines = `
    const opened = await open({ view: [tmpfs] });
    const told = [];
    for (let i = 0; i < 2; i++)
      told.push(await opened.run(bash('echo ran')).then(({ stdout }) => stdout, ({ name, step, code }) => [name, step, code]));
    opened.close();
    tell(told);`;
  const strace = (inject: string) => ['strace', '-f', '-qq', '-o', '/dev/null', '-e', `inject=${inject}`];
  for (const [inject, step, code] of [
    ['clone:retval=0', 'user_namespace', 'EBADE'],
    ['setns:error=EPERM', 'join_user_namespace', 'EPERM'],
    ['setns:retval=0', 'join_user_namespace', 'EPERM'],
    ['sendmsg:error=ENOBUFS', 'send_namespaces', 'ENOBUFS'],
    ['sendmsg:retval=1', 'send_namespaces', /^(EAGAIN|ECONNRESET)$/],
    ['pivot_root:error=EPERM', 'pivot_root', 'EPERM'],
  ] as const) {
    const failure = ['LaunchError', step, code];
    t.match(service(lines, strace(inject)), [failure, failure], inject);
  }
});

test('a launch that is aborted ends, and the next one is not harmed', async (t) => {
  const found = service(`
    const opened = await open({ view: [tmpfs] });
    const codes = [];
    for (let i = 0; i < 10; i++) {
      const abort = new AbortController();
      const launched = opened.run({ ...bash('exec sleep 60'), signal: abort.signal }).catch(({ name }) => name);
      await new Promise((resolve) => setTimeout(resolve, i));
      abort.abort();
      codes.push(await launched);
    }
    const before = await opened.run({ ...bash('echo ran'), signal: AbortSignal.abort() }).catch(({ name }) => name);
    const { stdout } = await opened.run(bash('echo ran'));
    opened.close();
    tell({ codes: [...new Set(codes)], before, stdout });`);
  t.same(found, { codes: ['AbortError'], before: 'AbortError', stdout: 'ran\n' });
  t.ok(await eventually(() => processesOf(uid).length === 0));
});

test('SIGKILL of the service at any moment leaves no process', async (t) => {
  const lines = `${modules}\n${become}\n${words}
    process.stdout.write('ready');
    for (;;) {
      const opened = await open({ view: [proc, tmpfs] });
      const children = await Promise.all([1, 2].map(() => opened.spawn({ ...bash('sleep 60 & exec sleep 61'), stdio: 'ignore' })));
      for (const child of children) child.kill('SIGKILL');
      opened.close();
    }`;
  for (let i = 0; i < 6; i++) {
    const [file = '', ...args] = childWords(lines);
    const child = spawn(file, args, { env: plainEnv(), stdio: ['ignore', 'pipe', 'inherit'], cwd: '/' });
    await once(child.stdout, 'data');
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 120));
    child.kill('SIGKILL');
    await once(child, 'exit');
    if (!(await eventually(() => processesOf(uid).length === 0)))
      t.fail(`left: ${processesOf(uid).join(' ')}`);
  }
  // what was starting when its starter died gets its uid, and ends, a moment later
  t.ok(await eventually(() => processesOf(uid).length === 0));
});
