import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmdirSync,
  writeFileSync,
} from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

import t, { type Test } from 'tap';

import { libraryUrl } from '../../support/child.ts';
import { patientMs } from '../../support/patience.ts';
import {
  ExitError,
  LaunchError,
  openJail,
  planLaunch,
  runInJail,
  spawnInJail,
  UsageError,
  type RunRequest,
} from '../../support/public-api.ts';
import { readHierarchies } from '../../../lib/launch/host/cgroup-layout.ts';
import { isolated } from '../../support/isolation.ts';
import { makeJail } from '../../support/programs.ts';
import { unlessInstalled, unlessRoot } from '../../support/root.ts';
import {
  childrenOf,
  eventually,
  plainEnv,
  processesOf,
  runs,
  fdsFallTo,
  settledFds,
  startService,
} from '../../support/service.ts';

const skip = unlessRoot('gcc');
const uid = 61_131;
const jail = skip === false ? makeJail(t, 'hog', 'actor') : '';
const base = { user: `${uid}:${uid}`, jail, program: '/hog' };

const hierarchies = readHierarchies(
  readFileSync('/proc/self/cgroup', 'latin1'),
  readFileSync('/proc/self/mountinfo', 'latin1'),
);
const directories = hierarchies.flatMap(({ directory }) => directory ?? []);

/** The cgroups of launches that exist; of this process, or of all. */
function cgroups(of: string | number = ''): readonly string[] {
  return directories.flatMap((directory) =>
    readdirSync(directory).filter((name) => name.startsWith('uchroot-') && name.includes(`-${of}`)),
  );
}

const own = `${process.pid}-`;

/** The longest time for which the event loop stood still while something ran. */
async function longestGapMs(work: Promise<unknown>): Promise<number> {
  const loop = { isOver: false };
  let longest = 0;
  let last = performance.now();
  const end = work.finally(() => (loop.isOver = true));
  while (!loop.isOver) {
    await sleep(1);
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
  }
  await end;
  return longest;
}

async function failure(t: Test, more: Partial<RunRequest>): Promise<ExitError> {
  try {
    await runInJail({ ...base, ...more });
  } catch (error) {
    if (error instanceof ExitError) return error;
    throw error;
  }
  t.fail('the program has not failed');
  throw new Error('the program has not failed');
}

t.test('a program that needs more memory ends with that reason', { skip }, async (t) => {
  const error = await failure(t, { args: ['memory'], memory: '64M' });
  t.match(error, { limit: 'memory', signal: 'SIGKILL', code: 'ERR_SIGNAL' });
  t.match(error.message, /it needed more memory than 64M \(memory\)/);
  const { peakMemoryBytes = 0, totalCpuMs = 0 } = error.usage;
  t.ok(peakMemoryBytes > 60 * 2 ** 20 && peakMemoryBytes <= 64 * 2 ** 20, `peak ${peakMemoryBytes}`);
  t.ok(totalCpuMs > 0);
  t.same(cgroups(own), []);
});

t.test('what waits in TCP connections is limited by memory, and ends nothing', { skip }, async (t) => {
  const ended = await runInJail({ ...base, args: ['connections'], memory: '32M', reject: false });
  t.match(ended, { exitCode: 0, limit: undefined });
});

t.test('a program that needs more processes ends with that reason, and so do they', { skip }, async (t) => {
  const error = await failure(t, { args: ['fork'], pids: 20 });
  t.match(error, { limit: 'pids', exitCode: 1 });
  t.match(error.message, /it needed more processes than 20 \(pids\)/);
  t.ok(await eventually(() => processesOf(uid).length === 0 && cgroups(own).length === 0));
});

t.test('a fork bomb ends with the timeout, and the service stays responsive', { skip }, async (t) => {
  const bomb = failure(t, { args: ['bomb'], pids: 50, timeoutMs: 500, forceKillAfterMs: 100 });
  const gapMs = await longestGapMs(bomb);
  // it waits once forks are refused: that is the reason, and the time only ends the wait
  t.equal((await bomb).limit, 'pids');
  t.ok(gapMs < patientMs(1000), `the loop stood still for ${gapMs} ms`);
  t.ok(await eventually(() => processesOf(uid).length === 0 && cgroups(own).length === 0));
});

t.test('a CPU spinner ends with its reason, even if it ignores SIGXCPU', { skip }, async (t) => {
  const [spin, stubborn] = await Promise.all([
    failure(t, { args: ['spin'], cpuTime: 1 }),
    failure(t, { args: ['stubborn'], cpuTime: 1 }),
  ]);
  t.match(spin, { limit: 'cpu time', signal: 'SIGXCPU' });
  t.match(spin.message, /more CPU time than 1 s \(cpuTime\)/);
  t.match(stubborn, { limit: 'cpu time', signal: 'SIGKILL' });
});

t.test('the CPU time of all processes is counted together, in fractions of a second', { skip }, async (t) => {
  const [team, spin, stubborn] = await Promise.all([
    failure(t, { args: ['team'], cpuTime: 0.3 }),
    failure(t, { args: ['spin'], cpuTime: 0.25, pids: 5 }),
    failure(t, { args: ['stubborn'], cpuTime: 0.25 }),
  ]);
  t.match(team, { limit: 'cpu time', code: 'ERR_SIGNAL', message: /more CPU time than 0.3 s \(cpuTime\)/ });
  t.match(spin, { limit: 'cpu time', signal: 'SIGXCPU' });
  t.match(stubborn, { limit: 'cpu time', signal: 'SIGKILL' });
  for (const { usage } of [team, spin, stubborn])
    t.ok((usage.totalCpuMs ?? 0) >= 250, String(usage.totalCpuMs));
  t.match(await runInJail({ ...base, args: [], cpuTime: 1.5 }), { exitCode: 0, limit: undefined });
  t.ok(await eventually(() => processesOf(uid).length === 0 && cgroups(own).length === 0));
});

t.test('a program that sends SIGXCPU to itself was not ended by a limit', { skip }, async (t) => {
  for (const limits of [{ cpuTime: 1 }, {}]) {
    const ended = await runInJail({ ...base, args: ['liar'], ...limits, reject: false });
    t.same([ended.signal, ended.limit], ['SIGXCPU', undefined]);
  }
});

t.test(
  'a limit of memory below the need of the launch itself does not end the service',
  { skip },
  async (t) => {
    // the child shares the memory of this process until the launcher is executed
    for (const memory of [4096, 16_384, '64K', '128K', '256K', '512K']) {
      const ended = await runInJail({ ...base, memory, reject: false }).catch((error: unknown) => error);
      t.ok(ended instanceof Error || (ended as { limit?: string }).limit !== 'time', String(memory));
      // which of the others are too small depends on how many pages the kernel charges at once
      if (memory !== 4096 && !(ended instanceof LaunchError)) continue;
      t.match(
        ended,
        { step: 'cgroup', code: 'ENOMEM', message: /less memory than it takes/ },
        String(memory),
      );
    }
    t.ok(await eventually(() => cgroups(own).length === 0));
  },
);

t.test(
  'a program that the service ends has met no limit, even if forks were refused',
  { skip },
  async (t) => {
    const request = { ...base, program: '/hog', args: ['bomb'], stdio: 'ignore', pids: 5 } as const;
    for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
      await using child = await spawnInJail(request);
      await sleep(300);
      child.kill(signal);
      t.match(await child.exited, { signal, limit: undefined });
    }
  },
);

t.test('a part of a CPU is all that a spinner gets', { skip }, async (t) => {
  const error = await failure(t, { args: ['spin'], cpu: 0.2, timeoutMs: 2000 });
  t.equal(error.limit, 'time');
  const { totalCpuMs = 0 } = error.usage;
  const { durationMs } = error;
  t.ok(totalCpuMs > 0 && totalCpuMs < 0.4 * durationMs, `${totalCpuMs} ms of CPU in ${durationMs} ms`);
});

t.test('endless output and endless files end with their reasons', { skip }, async (t) => {
  const error = failure(t, { args: ['flood'], memory: '32M', maxBufferBytes: 2 ** 24 });
  const gapMs = await longestGapMs(error);
  t.match(await error, { limit: 'output', code: 'ERR_MAX_BUFFER' });
  t.ok(gapMs < patientMs(1000), `the loop stood still for ${gapMs} ms`);
  t.match(await failure(t, { args: ['file'], rlimits: { fsize: 2 ** 20 } }), { limit: 'file size' });
});

t.test('a file system in memory that is full is the reason, cold and in a warm jail', { skip }, async (t) => {
  const view = [{ tmpfs: '/tmp', size: 2 ** 21, inodes: 100 }] as const;
  const isolated = { isolate: true, insecurePath: true, view } as const;
  const disk = await failure(t, { ...isolated, args: ['file'] });
  t.match(disk, { limit: 'disk', exitCode: 4, message: /its file system in memory was full/ });
  const inodes = await failure(t, { ...isolated, args: ['files'] });
  t.match(inodes, { limit: 'inodes', exitCode: 5, message: /no room for more files/ });
  t.match(await failure(t, { isolate: true, insecurePath: true, ephemeral: true, args: ['files'] }), {
    limit: 'inodes',
  });
  await using warm = await openJail(jail, { ...isolated, user: base.user, program: '/hog' });
  t.match(await warm.run({ args: ['leave'] }), { exitCode: 0, limit: undefined });
  t.match(await warm.run({ args: ['file'], reject: false }), { exitCode: 4, limit: 'disk' });
});

t.test('`time` is `timeoutMs` in seconds', { skip }, async (t) => {
  t.match(await failure(t, { args: ['spin'], time: 0.2 }), {
    limit: 'time',
    code: 'ETIMEDOUT',
    timedOut: true,
  });
  await t.rejects(runInJail({ ...base, time: 1, timeoutMs: 1000 }), /choose one/);
  // `time` counts seconds: no hint about milliseconds. On a busy machine it is over before the program runs.
  const ended = async (): Promise<ExitError> => {
    const error: unknown = await runInJail({ ...base, args: ['spin'], time: 0.06 }).catch(
      (why: unknown) => why,
    );
    return error instanceof ExitError ? error : ended();
  };
  t.match(await ended(), { limit: 'time', hint: undefined });
});

t.test('a program that ends well has met no limit, and tells what it used', { skip }, async (t) => {
  await using opened = await openJail(jail, { user: base.user, program: '/hog', memory: '32M', pids: 10 });
  const result = await opened.run();
  t.equal(result.limit, undefined);
  t.ok((result.usage.peakMemoryBytes ?? 0) > 0);
  await using child = await opened.spawn();
  t.match(await child.exited, { exitCode: 0, limit: undefined });
});

t.test('all that is in the cgroup ends with the program', { skip }, async (t) => {
  // out of reach of the process group
  await using child = await spawnInJail({ ...base, args: ['leave'], stdio: 'ignore', pids: 10 });
  await child.exited;
  t.ok(await eventually(() => processesOf(uid).length === 0 && cgroups(own).length === 0));
  await t.rejects(runInJail({ ...base, pids: 10, leaveDescendants: true }), UsageError);
});

t.test('SIGKILL by kill() reaches what has left the process group', { skip }, async (t) => {
  const request = { ...base, program: '/actor', args: ['daemon=60000', 'sleep=60000'], pids: 10 };
  await using child = await spawnInJail({ ...request, stdio: 'ignore' });
  t.ok(await eventually(() => processesOf(uid).length === (isolated ? 3 : 2)));
  t.ok(child.kill('SIGKILL'));
  t.ok(await eventually(() => processesOf(uid).length === 0));
});

t.test('nice value, CPUs and OOM score are set, and only tightened', { skip }, async (t) => {
  const request = { ...base, program: '/actor', args: ['sleep=60000'], stdio: 'ignore' } as const;
  await using child = await spawnInJail({ ...request, nice: 5, affinity: [0, 5000], oomScoreAdj: 300 });
  // the child of an isolated program's init
  const program = isolated ? childrenOf(child.pid)[0] : child.pid;
  const read = (name: string) => readFileSync(`/proc/${program}/${name}`, 'latin1');
  t.equal(read('stat').split(' ')[18], '5');
  t.equal(read('oom_score_adj'), '300\n');
  t.match(read('status'), /^Cpus_allowed_list:\s0$/m);
  const error = await spawnInJail({ ...request, affinity: [5000] }).then(
    String,
    (reason: unknown) => reason as Error,
  );
  t.match(error, { step: 'sched_setaffinity', code: 'EINVAL', message: /may use none of these CPUs/ });
});

t.test('bad values are refused', { skip }, async (t) => {
  for (const wrong of [
    { memory: '64X' },
    { memory: 100 },
    { memory: -1 },
    { memory: '1.5G' },
    { swap: '1M' },
    { pids: 0 },
    { pids: 1.5 },
    { cpu: 0 },
    { cpu: Number.NaN },
    { ioWeight: 10_001 },
    { cpuTime: 0 },
    { cpuTime: 1, rlimits: { cpu: 5 } },
    { nice: -1 },
    { nice: 20 },
    { time: 0 },
    { time: Number.NaN },
    { affinity: [] },
    { affinity: [-1] },
    { oomScoreAdj: -1 },
  ])
    await t.rejects(runInJail({ ...base, ...wrong }), UsageError, JSON.stringify(wrong));
});

t.test('500 launches leave no cgroup and no descriptor', { skip }, async (t) => {
  const request = { ...base, memory: '32M', pids: 10 };
  await runInJail(request);
  const before = await settledFds();
  for (let i = 0; i < 50; i++) await Promise.all(Array.from({ length: 10 }, () => runInJail(request)));
  t.same(cgroups(own), []);
  // fewer, if an earlier test's were closed late
  t.ok(await fdsFallTo(before));
});

t.test('what a killed service has left is gone after the next start', { skip }, async (t) => {
  const request = {
    ...base,
    program: '/actor',
    args: ['sleep=60000'],
    stdio: 'ignore',
    memory: '32M',
    pids: 9,
  };
  const service = startService('spawn', request);
  t.ok(await eventually(() => processesOf(uid).length === (isolated ? 2 : 1)));
  t.not(cgroups(`${service.pid}-`).length, 0);
  service.kill('SIGKILL');
  await new Promise((resolve) => service.once('close', resolve));
  const script = `import { runInJail } from ${JSON.stringify(libraryUrl('public-api.js'))};
    await runInJail(${JSON.stringify({ ...base, pids: 5 })});`;
  const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    env: plainEnv(),
  });
  t.equal(status, 0, stderr.toString());
  t.same(cgroups(`${service.pid}-`), []);
  t.same(processesOf(uid), []);
});

t.test('without a next start, its cgroups go when its programs have ended', { skip }, async (t) => {
  const request = {
    ...base,
    program: '/actor',
    args: ['sleep=1500'],
    stdio: 'ignore',
    memory: '32M',
    pids: 9,
  };
  const service = startService('spawn', request);
  t.ok(await eventually(() => processesOf(uid).length === (isolated ? 2 : 1)));
  service.kill('SIGKILL');
  await new Promise((resolve) => service.once('close', resolve));
  if (!isolated) t.not(cgroups(`${service.pid}-`).length, 0, 'the program goes on with its limits');
  t.ok(await eventually(() => cgroups(`${service.pid}-`).length === 0, 10_000));
  t.same(processesOf(uid), [], 'it has ended by itself');
});

t.test('a cgroup of another pid namespace or of a live process is left alone', { skip }, async (t) => {
  const directory = directories[0] ?? '';
  const names = [`uchroot-1-${process.pid}-1-1`, 'uchroot-other'].map((name) => `${directory}/${name}`);
  for (const name of names) mkdirSync(name);
  t.teardown(() => names.forEach((name) => rmdirSync(name)));
  const script = `import { runInJail } from ${JSON.stringify(libraryUrl('public-api.js'))};
    await runInJail(${JSON.stringify({ ...base, pids: 5 })});`;
  t.equal(spawnSync(process.execPath, ['--input-type=module', '-e', script], { env: plainEnv() }).status, 0);
  for (const name of names) t.ok(existsSync(name));
});

// Runs a limited launch in a mount namespace that was changed before; what it answers.
function launchAfter(
  setUp: string,
  more: object = {},
): { code?: string; message: string; hint?: string; exitCode?: number } {
  const script = `import { runInJail } from ${JSON.stringify(libraryUrl('public-api.js'))};
    const tell = (value) => process.stdout.write(JSON.stringify(value));
    await runInJail(${JSON.stringify({ ...base, memory: '32M', ...more })}).then(
      ({ exitCode }) => tell({ exitCode, message: '' }), ({ code, message, hint }) => tell({ code, message, hint }));`;
  const run = spawnSync(
    'unshare',
    ['-m', 'sh', '-ec', `${setUp}\nexec "$0" --input-type=module -e "$1"`, process.execPath, script],
    { env: plainEnv(), encoding: 'utf8' },
  );
  if (run.status !== 0) throw new Error(`${run.status} ${run.stderr}`);
  return JSON.parse(run.stdout) as ReturnType<typeof launchAfter>;
}

const skipMounts = skip === false ? unlessInstalled('unshare', 'mount', 'awk') : skip;

t.test('so is one of a live process that /proc does not show', { skip: skipMounts }, async (t) => {
  const live = spawn('sleep', ['60'], { stdio: 'ignore' });
  const ended = once(live, 'close');
  const start = readFileSync(`/proc/${live.pid}/stat`, 'latin1').split(' ')[21];
  const namespace = /\d+/.exec(readlinkSync('/proc/self/ns/pid'))?.[0];
  const name = `${directories[0]}/uchroot-${namespace}-${live.pid}-${start}-1`;
  mkdirSync(name);
  const hide = 'mount -t proc -o hidepid=2,gid=1 proc /proc; exec setpriv --bounding-set -sys_ptrace';
  t.match(launchAfter(`${hide} "$0" --input-type=module -e "$1"`), { exitCode: 0 });
  t.ok(existsSync(name));
  live.kill();
  await ended;
  t.match(launchAfter(''), { exitCode: 0 });
  t.notOk(existsSync(name), 'once it has ended, it is gone');
});

const unmountAll = `awk '$3 ~ /^cgroup/ {print $2}' /proc/mounts | sort -r | while read m; do umount "$m"; done`;

const hasV1 = ['memory', 'pids'].every((name) =>
  hierarchies.some(({ controllers }) => controllers.includes(name)),
);
const unlessV1 = hasV1 ? false : 'the controllers are not in cgroup v1 here';

// Other services sweep only what is of their own pid namespace.
const besideStuck = `
left=$1/uchroot-$(readlink /proc/self/ns/pid | tr -dc 0-9)-1073741824-1-1
mkdir -p "$left/stuck"
mount -t tmpfs none "$left/stuck"
trap 'umount "$left/stuck"; rmdir "$left/stuck" "$left"' EXIT
"$2" --input-type=module -e "$3"
`;

t.test(
  'a cgroup that cannot be removed holds a launch no longer than its time',
  { skip: skipMounts },
  async (t) => {
    const script = `import { runInJail } from ${JSON.stringify(libraryUrl('public-api.js'))};
    let warned = false;
    process.on('warning', () => (warned = true));
    const answer = await runInJail(${JSON.stringify({ ...base, pids: 5, timeoutMs: 500 })}).catch(({ code }) => code);
    process.stdout.write(JSON.stringify({ answer, warned }));`;
    const shell = ['sh', '-ec', besideStuck, 'sh', directories[0] ?? '', process.execPath, script];
    const { stdout, stderr } = spawnSync('unshare', ['-pf', '--mount-proc', ...shell], {
      env: plainEnv(),
      encoding: 'utf8',
    });
    t.match(stderr, 'cannot be removed', 'it is told after two seconds');
    t.same(JSON.parse(stdout), { answer: 'ETIMEDOUT', warned: false });
  },
);

t.test('without a mounted hierarchy the launch is refused by name', { skip: skipMounts }, async (t) => {
  t.match(launchAfter(unmountAll), {
    code: 'ENOENT',
    message: /no cgroup hierarchy is mounted/,
    hint: /mount -t cgroup2/,
  });
});

t.test('read-only hierarchies are refused by name', { skip: skipMounts }, async (t) => {
  const setUp = `awk '$3 ~ /^cgroup/ {print $2}' /proc/mounts | while read m; do mount -o remount,bind,ro "$m"; done`;
  t.match(launchAfter(setUp), { code: 'EROFS', message: /read-only/, hint: /--privileged/ });
});

t.test(
  'a threaded cgroup, and one that may have none below it, are refused by name',
  { skip: skipMounts },
  async (t) => {
    const v2 = hierarchies.find(({ version }) => version === 2);
    if (v2 === undefined) {
      t.pass('cgroup v2 is not mounted here');
      return;
    }
    const above = `${v2.directory ?? v2.mountPoint}/uchroot-test-${process.pid}`;
    t.teardown(() => execFileSync('find', [above, '-depth', '-type', 'd', '-exec', 'rmdir', '{}', ';']));
    for (const name of ['flat', 'all/threads']) mkdirSync(`${above}/${name}`, { recursive: true });
    writeFileSync(`${above}/flat/cgroup.max.depth`, '0');
    writeFileSync(`${above}/all/threads/cgroup.type`, 'threaded');
    for (const more of [{}, { isolate: true }]) {
      const inside = (name: string) => launchAfter(`echo $$ >${above}/${name}/cgroup.procs`, more);
      t.match(inside('flat'), { code: 'EAGAIN', message: /^cgroup: /, hint: /cgroup.max.depth/ });
      t.match(inside('all/threads'), {
        code: 'ENOTSUP',
        message: /^cgroup: .*no process can enter/,
        hint: /"domain"/,
      });
    }
  },
);

t.test('a controller that is nowhere is refused by name', { skip: skipMounts }, async (t) => {
  const v1 = hierarchies.find(({ controllers }) => controllers.includes('memory'));
  const expected = { code: 'EOPNOTSUPP', message: /the controller memory is missing/ };
  if (v1 === undefined) t.pass('the memory controller is not in cgroup v1 here');
  else t.match(launchAfter(`umount ${v1.mountPoint}`), expected);
});

t.test(
  'with cgroup v1 alone the limits hold too, and all ends as a whole',
  { skip: skipMounts || unlessV1 },
  async (t) => {
    const v2 = `awk '$3 == "cgroup2" {print $2}' /proc/mounts | while read m; do umount "$m"; done`;
    const before = cgroups();
    t.match(launchAfter(v2), { exitCode: 0 });
    t.match(launchAfter(v2, { args: ['memory'] }), { code: 'ERR_SIGNAL', message: /more memory than 32M/ });
    t.match(
      launchAfter(v2, { args: ['bomb'], memory: '512M', pids: 40, timeoutMs: 500, forceKillAfterMs: 50 }),
      {
        code: 'ETIMEDOUT',
      },
    );
    t.ok(await eventually(() => processesOf(uid).length === 0));
    // a service beside this test has cgroups of its own as long as it runs
    const isLeft = (name: string): boolean => !before.includes(name) && !runs(Number(name.split('-')[2]));
    t.ok(await eventually(() => !cgroups().some(isLeft)), cgroups().join(' '));
  },
);

t.test(
  'an isolated launch has limits too, cold and in a warm jail, and its init counts as none',
  { skip },
  async (t) => {
    const isolated = { isolate: true, insecurePath: true } as const;
    t.match(await failure(t, { ...isolated, args: ['memory'], memory: '32M' }), {
      limit: 'memory',
      signal: 'SIGKILL',
    });
    t.match(await failure(t, { ...isolated, args: ['fork'], pids: 10 }), { limit: 'pids', exitCode: 1 });
    t.match(await runInJail({ ...base, ...isolated, pids: 1 }), { exitCode: 0 });
    await using warm = await openJail(jail, { ...isolated, user: base.user, program: '/hog', memory: '32M' });
    t.match(await warm.run(), { exitCode: 0, limit: undefined });
    const error = await warm.run({ args: ['memory'] }).then(String, (reason: unknown) => reason as ExitError);
    t.match(error, { limit: 'memory' });
    t.ok(await eventually(() => processesOf(uid).length === 0 && cgroups(own).length === 0));
  },
);

t.test('the plan shows the limits', { skip }, async (t) => {
  const request = {
    ...base,
    memory: '64M',
    pids: 5,
    cpu: 1.5,
    nice: 3,
    affinity: [0],
    oomScoreAdj: 20,
    cpuTime: 3,
  };
  const { steps } = await planLaunch(request);
  t.match(steps[0], { op: 'cgroup', limits: { memory: 64 * 2 ** 20, pids: 5, cpu: 1.5, cpuTime: 3 } });
  for (const step of [
    { op: 'setpriority', least: 3 },
    { op: 'oom_score_adj', least: 20 },
    { op: 'sched_setaffinity', cpus: [0] },
    { op: 'setrlimit', resource: 'cpu', limit: { soft: 4, hard: 5 } },
  ])
    t.ok(
      steps.some((one) => one.op === step.op && JSON.stringify({ ...one, ...step }) === JSON.stringify(one)),
      step.op,
    );
});
