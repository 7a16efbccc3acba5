// A service that runs isolated programs: how they end, what an open jail shares between them, and what is left.
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
} from 'node:fs';
import { readFile as readFileBeside } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

import t, { type Test } from 'tap';

import {
  openJail,
  runInJail,
  spawnInJail,
  type JailedProcess,
  type LaunchError,
} from '../../../lib/index.ts';
import { uchrootJail } from '../../support/builder.ts';
import { temporaryDirectory } from '../../support/launch.ts';
import { patientMs } from '../../support/patience.ts';
import { unlessRoot } from '../../support/root.ts';
import {
  childrenOf,
  eventually,
  isSpareNetwork,
  linksOf,
  processesOf,
  runService,
  startService,
  statusOf,
  text,
} from '../../support/service.ts';

const skip = unlessRoot();
const [user, uid] = ['news', 9];
const jail = skip === false ? `${temporaryDirectory()}/jail` : '/';
const isolated = { jail, user, isolate: true } as const;
const bash = (script: string) => ({ program: '/bin/bash', args: ['-c', script] });

t.before(() => {
  if (skip !== false) return;
  const built = uchrootJail(['build', jail, 'bash', 'cat', 'ls', 'sleep']);
  if (built.status !== 0) throw new Error(built.stderr);
  mkdirSync(`${jail}/proc`, { recursive: true });
});

async function exitOf(child: JailedProcess): Promise<readonly [number | null, string | null]> {
  return (await once(child, 'exit')) as [number | null, string | null];
}

// A file system whose server never answers.
function mountSilent(t: Test, directory = temporaryDirectory()): string {
  const fd = openSync('/dev/fuse', 'r+');
  const options = 'fd=3,rootmode=40000,user_id=0,group_id=0';
  execFileSync('mount', ['-i', '-t', 'fuse', '-o', options, 'silent', directory], {
    stdio: ['ignore', 'ignore', 'inherit', fd],
  });
  t.teardown(() => {
    closeSync(fd); // what waits gets ENOTCONN
    execFileSync('umount', ['-l', directory]);
  });
  return directory;
}

/** A launch that waits for the server ends by its time and by a signal, and the event loop is free meanwhile. */
async function timesOut(
  t: Test,
  name: string,
  launch: (more: { readonly timeoutMs?: number; readonly signal?: AbortSignal }) => Promise<unknown>,
): Promise<void> {
  await t.rejects(launch({ timeoutMs: patientMs(300) }), { code: 'ETIMEDOUT' }, name);
  const controller = new AbortController();
  let isOver = false;
  const ending = t.rejects(
    launch({ signal: controller.signal }).finally(() => (isOver = true)),
    { code: 'ABORT_ERR' },
    name,
  );
  for (let turn = 0; turn < 20; turn++) await sleep(10);
  t.notOk(isOver, `${name} waits`);
  controller.abort();
  await ending;
}

t.test(
  'a source on a file system that does not answer holds the launch, and not the event loop',
  { skip },
  async (t) => {
    if (!existsSync('/dev/fuse')) {
      t.pass('the kernel has no FUSE');
      return;
    }
    const source = `${mountSilent(t)}/data`;
    const view = [{ bind: source, to: '/proc' }];
    await timesOut(t, 'a launch', (more) => runInJail({ ...isolated, ...bash('exit 0'), view, ...more }));
    await using open = await openJail(jail, { user, isolate: true });
    await timesOut(t, 'a launch of an open jail', (more) => open.run({ ...bash('exit 0'), view, ...more }));
    const tools = [{ bind: source, to: '/usr/local/bin' }];
    await timesOut(t, 'a template', (more) => open.$({ view: tools, ...more })`no-such-program`);
    t.match(await open.run({ ...bash('exit 0') }), { exitCode: 0 }, 'another launch of the open jail');
  },
);

t.test(
  'a jail, a profile and a pid file on a file system that does not answer hold neither the event loop, nor other launches, nor node:fs',
  { skip: skip !== false ? skip : existsSync('/dev/fuse') ? false : 'the kernel has no FUSE' },
  async (t) => {
    const above = temporaryDirectory();
    const kept = `${above}/jail`;
    const built = uchrootJail(['build', kept, 'bash']);
    t.equal(built.status, 0, built.stderr);
    const request = { ...isolated, ...bash('exit 0') };
    const onKept = { ...request, jail: kept, timeoutMs: patientMs(300) };
    for (let i = 0; i < 2; i++)
      t.equal((await runInJail({ ...onKept, timeoutMs: patientMs(10_000) })).exitCode, 0);
    const silent = mountSilent(t);
    mountSilent(t, above);
    await timesOut(t, 'a jail', (more) => runInJail({ ...request, jail: `${silent}/jail`, ...more }));
    await timesOut(t, 'a profile', (more) =>
      runInJail({ ...request, seccomp: `${silent}/profile`, ...more }),
    );
    await timesOut(t, 'a pid file', (more) => runInJail({ ...request, pidFile: `${silent}/pid`, ...more }));
    await using open = await openJail(jail, { user, isolate: true });
    await timesOut(t, 'a profile of an open jail', (more) =>
      open.run({ ...bash('exit 0'), seccomp: `${silent}/profile`, ...more }),
    );
    // more than there are threads and turns
    const held = Array.from({ length: 20 }, () =>
      runInJail(onKept).then(Boolean, ({ code }: LaunchError) => code),
    );
    t.match(await runInJail({ ...request, timeoutMs: patientMs(10_000) }), { exitCode: 0 }, 'another jail');
    t.ok((await readFileBeside('/proc/self/stat')).length > 0, 'node:fs');
    t.same(new Set(await Promise.all(held)), new Set(['ETIMEDOUT']), 'a jail that was verified before');
    t.match(
      await runInJail({ ...request, timeoutMs: patientMs(10_000) }),
      { exitCode: 0 },
      'another jail, later',
    );
  },
);

t.test('a launch with a terminal that is called off at any moment says so', { skip }, async (t) => {
  await using open = await openJail(jail, { user, isolate: true });
  const codes = new Set<unknown>();
  for (let i = 0; i < 100; i++) {
    const request = {
      ...bash('exit 0'),
      pty: true,
      killSignal: 'SIGKILL',
      timeoutMs: 0.3 + i * 0.04,
    } as const;
    try {
      const child = await (i % 2 === 0 ? open.spawn(request) : spawnInJail({ ...isolated, ...request }));
      child.pty.on('error', () => {}).resume();
      await child.exited;
    } catch (error) {
      codes.add((error as LaunchError).code);
    }
  }
  t.same([...codes], ['ETIMEDOUT']);
});

const openFds = (): number => readdirSync('/proc/self/fd').length;

t.test('the exit is the program’s: status, or signal', { skip }, async (t) => {
  for (const [script, exit] of [
    ['exit 7', [7, null]],
    ['exit 137', [137, null]],
    ['kill -9 $$', [null, 'SIGKILL']],
    ['kill -USR1 $$', [null, 'SIGUSR1']],
  ] as const) {
    const child = await spawnInJail({ ...isolated, ...bash(script), stdio: 'ignore' });
    t.same(await exitOf(child), exit, script);
  }
});

// The launch takes longer than its thread waits. Then the event loop learns at once of the start and the end of the program, because
// another program has ended too.
t.test(
  'the exit is the program’s, even if the event loop learns of it together with the start',
  { skip },
  async (t) => {
    const view = Array.from({ length: 60 }, (_, i) => ({ tmpfs: `/slow/${i}` }));
    for (const { tmpfs } of view) mkdirSync(jail + tmpfs, { recursive: true });
    const hasEnded = (pid = 0) => statusOf(pid, 'State')?.startsWith('Z') !== false;
    const exits = new Set<string>();
    for (let i = 0; i < 80; i++) {
      const other = await spawnInJail({ jail, user, ...bash('exec sleep 60'), stdio: 'ignore' });
      const launch = spawnInJail({ ...isolated, view, ...bash('kill -9 $$'), stdio: 'ignore' });
      await sleep(6 + (i % 8));
      // from here on, the event loop stands still
      const init = childrenOf(process.pid).find((pid) => pid !== other.pid);
      const endMs = performance.now() + 10_000;
      while (!hasEnded(init) && performance.now() < endMs);
      other.kill('SIGKILL');
      while (!hasEnded(other.pid) && performance.now() < endMs);
      const { exitCode, signal } = await (await launch).exited;
      exits.add(`${exitCode} ${signal}`);
      await other.exited;
    }
    t.strictSame([...exits], ['null SIGKILL']);
  },
);

t.test(
  'whoever enters the mounts of a running program has its root directory',
  { skip: unlessRoot('nsenter') },
  async (t) => {
    for (const ephemeral of [false, true]) {
      const child = await spawnInJail({ ...isolated, ephemeral, ...bash('exec sleep 70'), stdio: 'ignore' });
      const list = ['nsenter', ['-t', String(child.pid), '-m', '/bin/ls', '/etc/..']] as const;
      t.ok(execFileSync(...list, { encoding: 'utf8' }).includes('proc\n'), `ephemeral: ${ephemeral}`);
      child.kill('SIGKILL');
      await exitOf(child);
    }
  },
);

t.test('a failure is told by its step', { skip }, async (t) => {
  await t.rejects(runInJail({ ...isolated, program: '/bin/nope' }), { code: 'ENOENT', step: 'execve' });
  await t.rejects(runInJail({ ...isolated, view: [{ tmpfs: '/nowhere' }] }), {
    code: 'ENOENT',
    step: 'mount',
  });
  await t.rejects(runInJail({ ...isolated, view: [{ bind: '/no/such', to: '/tmp' }] }), {
    code: 'ENOENT',
    step: 'open_tree',
  });
});

// Landlock allows open_tree(2), and refuses every change of the mounts (landlock(7)).
t.test(
  'mounts that a service cannot make leave no descriptor in it',
  { skip: unlessRoot('setpriv') },
  async (t) => {
    const wrapper = ['setpriv', '--landlock-access', 'fs:make-char', '--landlock-access', 'fs:make-block'];
    const { stdout, stderr } = await runService('refused-often', isolated, { wrapper });
    const { calls, opened } = JSON.parse(stdout) as { readonly calls: string[]; readonly opened: number[] };
    t.same([...new Set(calls)], ['pivot_root'], stderr);
    t.equal(calls.length, 10);
    t.equal(opened[1], opened[0]);
  },
);

t.test(
  'nothing can be left by an isolated program, and whoever asks for that is told',
  { skip },
  async (t) => {
    for (const more of [{ isolate: true }, { isolate: false, unshare: ['pid'] }] as const) {
      const launch = runInJail({ ...isolated, ...more, program: '/bin/bash', leaveDescendants: true });
      await t.rejects(launch, { name: 'UsageError', message: /^leaveDescendants and a pid namespace / });
    }
  },
);

t.test('wrong views are refused, with the key that is meant', { skip }, async (t) => {
  const wrong: readonly [unknown, RegExp][] = [
    [[{ tmpf: '/tmp' }], /view\[0\] must be an object with one of/],
    [[{ tmpfs: '/tmp', siez: 1 }], /unknown key 'siez'/],
    [[{ tmpfs: 'tmp' }], /must be an absolute path/],
    [[{ bind: '/x' }], /view\[0\]\.to is missing: it must be an absolute path/],
    [[{ tmpfs: '/tmp', size: -1 }], /must be a whole number/],
    ['/tmp', /must be an array/],
    [[null], /must be an object with one of/],
  ];
  for (const [view, message] of wrong)
    await t.rejects(runInJail({ ...isolated, view: view as never }), { name: 'UsageError', message });
});

t.test('kill, timeout and disposal end every process of the jail', { skip }, async (t) => {
  const script = '(trap "" TERM; exec sleep 70) & sleep 71 & exec sleep 72';
  const started = async (timeoutMs?: number) => {
    const child = await spawnInJail({ ...isolated, ...bash(script), stdio: 'ignore', timeoutMs });
    t.ok(await eventually(() => processesOf(uid).length >= 4));
    return child;
  };
  const killed = await started();
  killed.kill();
  t.same(await exitOf(killed), [null, 'SIGTERM']);
  t.ok(await eventually(() => processesOf(uid).length === 0), 'kill');
  const timed = await started(patientMs(500));
  await exitOf(timed);
  t.ok(await eventually(() => processesOf(uid).length === 0), 'timeout');
  const disposed = await started();
  await disposed[Symbol.asyncDispose]();
  t.ok(await eventually(() => processesOf(uid).length === 0), 'disposal');
});

t.test('SIGKILL of the service at any moment leaves no process', { skip }, async (t) => {
  const request = {
    ...isolated,
    ...bash('sleep 60 & exec sleep 61'),
    view: [{ tmpfs: '/tmp' }],
    stdio: 'ignore',
  };
  for (let i = 0; i < 15; i++) {
    const service = startService('spawn', request);
    const [ended, said] = [once(service, 'exit'), text(service.stderr)];
    await new Promise((resolve) => setTimeout(resolve, 30 + Math.random() * 150));
    service.kill('SIGKILL');
    t.same(await ended, [null, 'SIGKILL'], await said);
    if (!(await eventually(() => processesOf(uid).length === 0)))
      t.fail(`left: ${processesOf(uid).join(' ')}`);
  }
  // what was starting when its starter died gets its uid, and ends, a moment later
  t.ok(await eventually(() => processesOf(uid).length === 0));
});

// The status pipe of a launch has one reader, the service. Other children of the service have copies of it until they execute a program.
// The service dies before its launcher asks for the signal, and `beside` is called while somebody still reads the pipe.
async function closeLastReader(t: Test, beside: (init: number) => Promise<void>): Promise<void> {
  const request = { ...isolated, ...bash('trap "" IO; exec sleep 61'), stdio: 'ignore' };
  // in this time the service must be killed
  const delay = `inject=prctl:delay_enter=${patientMs(1000) * 1000}:when=1`;
  const wrapper = ['strace', '-f', '-qq', '-o', '/dev/null', '-e', delay];
  const strace = startService('spawn', request, { wrapper });
  const ended = once(strace, 'exit');
  const launcher = (): string | undefined =>
    readdirSync('/proc').find(
      (pid) =>
        statusOf(Number(pid), 'TracerPid') === String(strace.pid) &&
        statusOf(Number(pid), 'Name') === 'uchroot-launche',
    );
  t.ok(await eventually(() => launcher() !== undefined));
  const init = Number(launcher());
  const service = Number(statusOf(init, 'PPid'));
  const readers = readdirSync(`/proc/${service}/fd`).flatMap((fd) => {
    const path = `/proc/${service}/fd/${fd}`;
    try {
      const isReader = /^flags:\s*0[0-7]*0$/m.test(readFileSync(`/proc/${service}/fdinfo/${fd}`, 'utf8'));
      return isReader && readlinkSync(path).startsWith('pipe:')
        ? [openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)]
        : [];
    } catch {
      return []; // the service has closed it meanwhile
    }
  });
  t.ok(readers.length > 0);
  process.kill(service, 'SIGKILL');
  t.ok(await eventually(() => processesOf(uid).some((pid) => statusOf(pid, 'Name') === 'sleep')));
  await beside(init);
  for (const fd of readers) closeSync(fd);
  process.kill(init, 'SIGCONT');
  t.ok(await eventually(() => processesOf(uid).length === 0));
  await ended;
}

t.test(
  'a service that dies before its launcher asks for the signal takes the program along, when nobody reads the pipe any more',
  { skip: unlessRoot('strace') },
  async (t) => closeLastReader(t, () => Promise.resolve()),
);

t.test(
  'it does so too if somebody else has sent the signal by which the kernel tells that',
  { skip: unlessRoot('strace') },
  async (t) =>
    closeLastReader(t, async (init) => {
      process.kill(init, 'SIGSTOP');
      t.ok(await eventually(() => statusOf(init, 'State')?.toLowerCase().startsWith('t') === true));
      process.kill(init, 'SIGIO');
    }),
);

t.test('programs of an open jail share what it says, and only that', { skip }, async (t) => {
  const look =
    'cat /tmp/file 2>/dev/null; echo left > /tmp/file; for n in net mnt ipc pid; do ls -l /proc/self/ns/$n; done';
  const view = [{ tmpfs: '/tmp' }, { proc: '/proc' }];
  const idsOf = (text: string) =>
    Object.fromEntries([...text.matchAll(/(\w+):\[(\d+)\]/g)].map(([, k = '', id]) => [k, id]));
  for (const [share, shared, file] of [
    [undefined, ['net', 'ipc'], 'left'],
    ['net', ['net'], ''],
    ['none', [], ''],
  ] as const) {
    await using opened = await openJail(jail, { user, isolate: true, view, ...bash(look), share });
    // At once: the number of a namespace that has ended may be given to the next one.
    const waiting = await opened.spawn({ args: ['-c', `${look}; read -r; exit 0`] });
    let one = '';
    waiting.stdout?.on('data', (chunk: Buffer) => (one += chunk.toString()));
    t.ok(await eventually(() => one.includes('pid:')));
    const two = (await opened.run()).stdout;
    waiting.stdin?.end();
    t.same(await exitOf(waiting), [0, null]);
    t.equal(two.startsWith('left'), file === 'left', `${share}: files`);
    const [first, second] = [idsOf(one), idsOf(two)];
    t.same(
      ['net', 'ipc', 'pid'].filter((kind) => first[kind] === second[kind]),
      shared,
      `${share}: namespaces`,
    );
    const other = await opened.run({ user: 'mail' });
    t.notOk(other.stdout.startsWith('left'), `${share}: never with another user`);
  }
});

const spareNetworks = (): readonly string[] => linksOf(process.pid).filter(isSpareNetwork);

const networkOf = ({ pid = 0 }: { readonly pid?: number }): string => readlinkSync(`/proc/${pid}/ns/net`);

t.test(
  'a network namespace that was made before its launch is used once, and holds nothing but lo',
  { skip },
  async (t) => {
    const launch = () => spawnInJail({ ...isolated, program: '/bin/sleep', args: ['60'], stdio: 'ignore' });
    const seen = [readlinkSync('/proc/self/ns/net')];
    const children: JailedProcess[] = [];
    for (let i = 0; i < 4; i++) {
      const spares = spareNetworks();
      const child = await launch();
      children.push(child);
      const network = networkOf(child);
      if (i > 0) t.strictSame([network], spares);
      t.notOk(seen.includes(network), network);
      seen.push(network);
      t.ok(await eventually(() => spareNetworks().length === 1 && !seen.includes(spareNetworks()[0] ?? '')));
    }
    for (const child of await Promise.all([launch(), launch(), launch()])) {
      children.push(child);
      t.notOk(seen.includes(networkOf(child)));
      seen.push(networkOf(child));
    }
    t.ok(await eventually(() => spareNetworks().length === 1));
    const script = '(: >/dev/tcp/127.0.0.1/1); cat /proc/net/dev';
    const { stdout, stderr } = await runInJail({
      ...isolated,
      view: [{ proc: '/proc' }],
      ...bash(script),
    });
    t.match(stderr, /refused/, 'lo is up');
    t.strictSame(
      stdout.match(/\w+(?=:)/g)?.filter((name) => name !== 'face'),
      ['lo'],
    );
    for (const child of children) child.kill();
    await Promise.all(children.map(exitOf));
  },
);

t.test('proc shows each program its own processes', { skip }, async (t) => {
  await using opened = await openJail(jail, { user, isolate: true, view: [{ proc: '/proc' }] });
  const long = await opened.spawn({ program: '/bin/sleep', args: ['60'], stdio: 'ignore' });
  const { stdout } = await opened.run(bash('echo /proc/[0-9]*; read -r name < /proc/2/comm; echo $name'));
  t.equal(stdout, '/proc/1 /proc/2\nbash\n');
  long.kill();
  await exitOf(long);
});

t.test('an ephemeral jail is a new one for each program of an open jail', { skip }, async (t) => {
  await using opened = await openJail(jail, {
    user: 'root',
    allowRoot: true,
    isolate: true,
    ephemeral: true,
  });
  const script = 'cat /new 2>/dev/null; echo x > /new; cat /new';
  t.equal((await opened.run(bash(script))).stdout, 'x\n');
  t.equal((await opened.run(bash(script))).stdout, 'x\n');
});

t.test('a closed jail keeps no namespace and no descriptor', { skip }, async (t) => {
  const once = async () => {
    await using opened = await openJail(jail, { user, isolate: true, view: [{ tmpfs: '/tmp' }] });
    await Promise.all([opened.run(bash('exit 0')), opened.run(bash('exit 0'))]);
  };
  await once();
  const before = openFds();
  for (let i = 0; i < 5; i++) await once();
  t.ok(await eventually(() => openFds() <= before), `${openFds()} of ${before}`);
});

t.test('share is checked', { skip }, async (t) => {
  await t.rejects(openJail(jail, { user, share: 'some' as never }), {
    name: 'UsageError',
    message: /share must be/,
  });
});

t.test('mounts of the host cost an isolated launch nothing, and are not seen', { skip }, async (t) => {
  const { stdout } = await runInJail({ ...isolated, view: [{ proc: '/proc' }], ...bash('cat /proc/mounts') });
  const host = readFileSync('/proc/mounts', 'utf8').split('\n').length;
  t.notMatch(stdout, / \/sys | \/dev\/shm /);
  t.ok(stdout.split('\n').length < host + 20);
  t.equal(execFileSync('cat', ['/proc/self/mounts'], { env: {} }).includes(jail), false);
});
