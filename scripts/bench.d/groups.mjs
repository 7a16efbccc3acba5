// The groups of figures. Each asks all competitors in turn, round after round, and returns rows of the table.
import { spawnSync } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { against } from './against.mjs';
import { build } from './build.mjs';
import { check } from './check.mjs';
import { clone } from './clone.mjs';
import { closure } from './closure.mjs';
import { Service } from './fleet.mjs';
import { image } from './image.mjs';
import { inetd } from './inetd.mjs';
import { isolate } from './isolate.mjs';
import { outbound } from './outbound.mjs';
import { rootless } from './rootless.mjs';
import { median, row } from './table.mjs';
import { tcpwrappers } from './wrappers.mjs';

/** Paths in the jail: a program without libc (program.cc), one with libc in it, and the host's /bin/true with its libraries. */
export const empty = '/bin/empty';
const linked = '/bin/static';
export const ordinary = '/bin/true';
const cat = '/bin/cat';

/** The command. */
const uchroot = fileURLToPath(new URL('../../dist/bin/uchroot.cjs', import.meta.url));

/** Samples by key: `record(key, values)`, and the median of a key. */
class Samples {
  #values = new Map();

  record(key, values) {
    this.#values.set(key, [...(this.#values.get(key) ?? []), ...values]);
  }

  median(key) {
    return median(this.#values.get(key));
  }
}

const sizeName = (sizeMb) => (sizeMb < 1024 ? `${sizeMb} MB` : `${sizeMb / 1024} GB`);

/** How long one launch holds the event loop, in services of growing size. */
async function loop({ services, rounds, warmUp, keep }) {
  const goals = { 50: 1 / 20, 1024: 1 / 300, 4096: 1 / 1000 };
  const goalOf = (sizeMb) => goals[sizeMb] && ['<=', goals[sizeMb]];
  const samples = new Samples();
  // compile and warm up before it counts
  for (const service of services.values()) {
    await service.measure({ measure: 'held', launcher: 'spawnInJail', program: empty, count: warmUp });
  }
  for (let round = 0; round < rounds; round++) {
    for (const [sizeMb, service] of services) {
      // The fork of child_process leaves pages of the service to be copied, by the launches that follow. Those do not count.
      for (const [launcher, discard, count] of [
        ['spawnInJail', 50, 5],
        ['child_process', 1, 1],
      ]) {
        const order = { measure: 'held', launcher, program: empty };
        const results = await service.measure({ ...order, discard, count });
        samples.record(
          `${launcher} ${sizeMb} call`,
          results.map(({ callMs }) => callMs),
        );
        samples.record(
          `${launcher} ${sizeMb} gap`,
          results.map(({ gapMs }) => gapMs),
        );
      }
    }
  }
  const ratio = (part, sizeMb) =>
    samples.median(`spawnInJail ${sizeMb} ${part}`) / samples.median(`child_process ${sizeMb} ${part}`);
  const sizes = [...services.keys()];
  const gapMs = (launcher) => sizes.map((sizeMb) => samples.median(`${launcher} ${sizeMb} gap`));
  keep({ rounds, sizesMb: sizes, uchrootMs: gapMs('spawnInJail'), childProcessMs: gapMs('child_process') });
  const largest = sizes.at(-1);
  const growth = samples.median(`spawnInJail ${largest} gap`) / samples.median(`spawnInJail ${sizes[0]} gap`);
  return [
    ...sizes.map((sizeMb) =>
      row(`longest gap, ${sizeName(sizeMb)}, v child_process`, ratio('gap', sizeMb), goalOf(sizeMb)),
    ),
    row(`longest gap, ${sizeName(largest)} v ${sizeName(sizes[0])}`, growth, ['<=', 1.5]),
    ...sizes.map((sizeMb) =>
      row(`the call alone, ${sizeName(sizeMb)}, v child_process`, ratio('call', sizeMb), goalOf(sizeMb)),
    ),
  ];
}

/** The time from the call to the collected status. */
async function latency({ services, floors, rounds, warmUp }) {
  const service = services.get(50);
  const samples = new Samples();
  const launchers = ['spawnInJail', 'jail.spawn', 'child_process'];
  const programs = [
    ['ordinary', ordinary],
    ['empty', empty],
  ];
  for (const launcher of launchers) {
    await service.measure({ measure: 'spawnToExit', launcher, program: empty, count: warmUp });
    await service.measure({ measure: 'throughCat', launcher, program: cat, count: warmUp / 2 });
  }
  for (let round = 0; round < rounds; round++) {
    for (const [name, program] of programs) {
      samples.record(`floor ${name}`, await floors.get(program).latency(5));
      for (const launcher of launchers) {
        const order = { measure: 'spawnToExit', launcher, program };
        samples.record(`${launcher} ${name}`, await service.measure({ ...order, discard: 5, count: 5 }));
      }
    }
    for (const launcher of launchers) {
      const order = { measure: 'throughCat', launcher, program: cat };
      samples.record(`${launcher} cat`, await service.measure({ ...order, discard: 5, count: 5 }));
    }
  }
  const ratio = (launcher, peer, name) =>
    samples.median(`${launcher} ${name}`) / samples.median(`${peer} ${name}`);
  const ours = launchers.slice(0, 2);
  // spawnInJail looks users, groups and the path to the jail up each time
  const floorGoals = { spawnInJail: 1.6, 'jail.spawn': 1.5 };
  return [
    ...ours.map((launcher) =>
      row(`${launcher} v C floor`, ratio(launcher, 'floor', 'ordinary'), ['<=', floorGoals[launcher]]),
    ),
    ...ours.map((launcher) =>
      row(`${launcher} v child_process`, ratio(launcher, 'child_process', 'ordinary'), ['<=', 0.4]),
    ),
    ...ours.map((launcher) => row(`${launcher} v C floor, empty program`, ratio(launcher, 'floor', 'empty'))),
    ...ours.map((launcher) =>
      row(`${launcher} v child_process, empty program`, ratio(launcher, 'child_process', 'empty')),
    ),
    ...ours.map((launcher) =>
      row(`${launcher} v child_process, 4 KB through cat`, ratio(launcher, 'child_process', 'cat'), [
        '<=',
        0.65,
      ]),
    ),
  ];
}

/** Launches per second with eight programs at once. */
async function throughput({ services, floors, rounds, windowMs }) {
  const goals = { 50: 3, 1024: 50, 4096: 200 };
  const samples = new Samples();
  const concurrency = 8;
  for (let round = 0; round < Math.ceil(rounds / 10); round++) {
    samples.record('floor', [await floors.get(ordinary).throughput(concurrency, windowMs)]);
    samples.record('floor empty', [await floors.get(empty).throughput(concurrency, windowMs)]);
    for (const [sizeMb, service] of services) {
      for (const launcher of ['spawnInJail', 'child_process']) {
        const order = { measure: 'throughput', launcher, concurrency, durationMs: windowMs };
        samples.record(`${launcher} ${sizeMb}`, await service.measure({ ...order, program: ordinary }));
      }
    }
    for (const launcher of ['spawnInJail', 'jail.spawn']) {
      const order = { measure: 'throughput', launcher, concurrency, durationMs: windowMs };
      samples.record(`${launcher} empty`, await services.get(50).measure({ ...order, program: empty }));
    }
    const opened = {
      measure: 'throughput',
      launcher: 'jail.spawn',
      concurrency,
      durationMs: windowMs,
      program: ordinary,
    };
    samples.record('jail.spawn 50', await services.get(50).measure(opened));
  }
  const ratio = (a, b) => samples.median(a) / samples.median(b);
  return [
    row('spawnInJail v C floor', ratio('spawnInJail 50', 'floor'), ['>=', 0.67]),
    row('jail.spawn v C floor', ratio('jail.spawn 50', 'floor'), ['>=', 0.75]),
    ...[...services.keys()].map((sizeMb) =>
      row(
        `spawnInJail v child_process, ${sizeName(sizeMb)}`,
        ratio(`spawnInJail ${sizeMb}`, `child_process ${sizeMb}`),
        ['>=', goals[sizeMb]],
      ),
    ),
    row('spawnInJail v C floor, empty program', ratio('spawnInJail empty', 'floor empty')),
    row('jail.spawn v C floor, empty program', ratio('jail.spawn empty', 'floor empty')),
  ];
}

function installed(name) {
  const directories = [...(process.env.PATH ?? '').split(':'), '/usr/local/sbin', '/usr/sbin', '/sbin'];
  for (const directory of directories) {
    try {
      accessSync(`${directory}/${name}`, constants.X_OK);
      return `${directory}/${name}`;
    } catch {
      // the next one
    }
  }
  return undefined;
}

/** The command against node itself and against other commands that do the same. */
async function command({ jail, uid, gid, user, original, floors, rounds, note }) {
  const commands = new Map([
    ['uchroot', [uchroot, user, jail, ordinary]],
    ['node uchroot.cjs', [process.execPath, uchroot, user, jail, ordinary]],
    ['node -e 0', [process.execPath, '-e', '0']],
    ['the C original', [original, user, jail, ordinary]],
  ]);
  const peers = {
    chroot: [`--userspec=${uid}:${gid}`, '--groups=', jail, ordinary],
    jk_chrootlaunch: ['-j', jail, '-u', user, '-x', ordinary],
    bwrap: ['--bind', jail, '/', '--unshare-user', '--uid', String(uid), '--gid', String(gid), ordinary],
  };
  for (const [name, args] of Object.entries(peers)) {
    const path = installed(name);
    if (path === undefined) {
      note(`${name} is not installed: left out`);
      continue;
    }
    const { status, stderr } = spawnSync(path, args, { encoding: 'utf8' });
    if (status === 0) commands.set(name, [path, ...args]);
    else note(`${name} does not work here (status ${status}): left out. ${stderr.trim()}`);
  }
  const samples = new Samples();
  for (let round = 0; round < rounds; round++) {
    for (const [name, argv] of commands) samples.record(name, await floors.get(empty).command(1, argv));
  }
  const ratio = (name, peer) => samples.median(name) / samples.median(peer);
  const others = [...commands.keys()].slice(3);
  return [
    row('uchroot v node -e 0', ratio('uchroot', 'node -e 0'), ['<=', 1.65]),
    row('node uchroot.cjs v node -e 0', ratio('node uchroot.cjs', 'node -e 0')),
    ...others.map((peer) => row(`uchroot v ${peer}`, ratio('uchroot', peer))),
  ];
}

/** A launcher that uchroot --compile has written, against the C original and the program alone. */
async function compiled({ jail, user, uid, original, binaries, floors, rounds }) {
  const launchers = new Map();
  for (const program of [ordinary, empty]) {
    const file = `${binaries}/compiled-${launchers.size}`;
    const { status, stderr } = spawnSync(uchroot, ['--compile', file, user, jail, program], {
      encoding: 'utf8',
    });
    if (status !== 0) throw new Error(`uchroot --compile: ${stderr}`);
    launchers.set(program, file);
  }
  const commands = new Map([
    ['compiled', [launchers.get(ordinary)]],
    ['the C original', [original, user, jail, ordinary]],
    ['bare', [`${binaries}/bare`, jail, String(uid), ordinary]],
    ['alone', [ordinary]],
    ['compiled empty', [launchers.get(empty)]],
    ['the C original empty', [original, user, jail, empty]],
  ]);
  const samples = new Samples();
  for (let round = 0; round < rounds; round++) {
    for (const [name, argv] of commands)
      samples.record(name, (await floors.get(empty).command(2, argv)).slice(1));
    samples.record('floor', (await floors.get(ordinary).latency(2)).slice(1));
  }
  const ratio = (name, peer) => samples.median(name) / samples.median(peer);
  return [
    row('compiled v the C original', ratio('compiled', 'the C original'), ['<=', 0.75]),
    row('compiled v the program alone', ratio('compiled', 'alone'), ['<=', 1.45]),
    row('bare calls v the C original', ratio('bare', 'the C original')),
    row('bare calls v the program alone', ratio('bare', 'alone')),
    row('compiled v C floor', ratio('compiled', 'floor')),
    row('compiled v the C original, empty program', ratio('compiled empty', 'the C original empty')),
    row('size', statSync(launchers.get(ordinary)).size / 1024, ['<=', 100], 'KB'),
  ];
}

/** Memory of a service for each live program. */
async function memory({ jail, user, original, quick }) {
  const samples = new Samples();
  const counts = quick ? [50, 150] : [100, 500];
  for (let round = 0; round < (quick ? 1 : 5); round++) {
    for (const launcher of ['spawnInJail', 'child_process']) {
      const service = await Service.start({ jail, user, original, sizeMb: 0 });
      const [each] = await service.measure({ measure: 'memory', launcher, program: '/bin/sleep', counts });
      await service.stop();
      samples.record(`${launcher} resident`, [each.residentBytes / 1024]);
      samples.record(`${launcher} heap`, [each.heapBytes / 1024]);
    }
  }
  return [
    row('resident set, each live program', samples.median('spawnInJail resident'), ['<=', 40], 'KB'),
    row('heap and external, each live program', samples.median('spawnInJail heap'), ['<=', 40], 'KB'),
    row('resident set, child_process', samples.median('child_process resident'), undefined, 'KB'),
    row('heap and external, child_process', samples.median('child_process heap'), undefined, 'KB'),
  ];
}

/** In the order of the run. */
export const groups = {
  loop,
  latency,
  throughput,
  isolate: (context) => isolate(context, { ordinary, linked, empty }),
  rootless: (context) => rootless(context, { ordinary }),
  outbound: (context) => outbound(context, { ordinary, empty }),
  command,
  compiled,
  memory,
  closure,
  clone,
  image,
  build,
  check,
  tcpwrappers,
  inetd,
  against: (context) => against(context, { ordinary }),
};
