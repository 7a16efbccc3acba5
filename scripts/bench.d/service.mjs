// A service of a given size. It launches programs on order, each with the same few lines, and answers with its measurements:
// node service.mjs SETUP, with an IPC channel (see fleet.mjs).
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';

import { openJail, spawnInJail } from '../../dist/lib/index.js';
import { profile } from './profile.mjs';
import { takeOrders } from './orders.mjs';

const setup = JSON.parse(process.argv[2]);
const { jail, user, original, isRootless = false } = setup;
const opened = isRootless ? undefined : await openJail(jail, { user });

/** Ways to start a program; `await` gives a ChildProcess or an object like one. */
const launchers = {
  spawnInJail: (program, stdio) => spawnInJail({ user, jail, program, stdio }),
  'jail.spawn': (program, stdio) => opened.spawn({ program, stdio }),
  child_process: (program, stdio) => spawn(original, [user, jail, program], { stdio }),
  bwrap: (program, stdio) =>
    spawn('bwrap', ['--bind', jail, '/', '--unshare-all', '--uid', '65534', '--gid', '65534', program], {
      stdio,
    }),
};

// with the mounts of `untrusted`
const bound = [
  '--ro-bind',
  jail,
  '/',
  '--tmpfs',
  '/tmp',
  '--proc',
  '/proc',
  '--dev',
  '/dev',
  '--unshare-all',
];
const alone = ['--new-session', '--die-with-parent', '--uid', '65534', '--gid', '65534'];
launchers.bwrapUntrusted = (program, stdio) => spawn('bwrap', [...bound, ...alone, program], { stdio });
launchers.untrustedCold = (program, stdio) =>
  spawnInJail({ user: 'auto', untrusted: true, jail, program, stdio });

const isolate = true;
const tmpfs = { tmpfs: '/tmp' };
const full = { view: [{ proc: '/proc' }, { dev: '/dev' }, tmpfs] };
const forms = {
  hostNet: { net: 'host' },
  cold: {},
  full,
  everything: { ...full, landlock: true, seccomp: profile },
  ephemeral: { net: 'host', ephemeral: true },
};
for (const [name, form] of Object.entries(forms))
  launchers[name] = (program, stdio) => spawnInJail({ user, jail, program, stdio, isolate, ...form });
for (const [name, form] of [
  ['rootless', forms.cold],
  ['rootlessFull', forms.full],
])
  launchers[name] = (program, stdio) => spawnInJail({ user, jail, program, stdio, rootless: true, ...form });
const connectTo = ['api.example.org:443', '192.0.2.0/24:*'];
launchers.listed = (program, stdio) => spawnInJail({ user, jail, program, stdio, isolate, connectTo });
launchers.memory = (program, stdio) => spawnInJail({ user, jail, program, stdio, memory: '64M' });
const shared = [
  ['warm', 'all'],
  ['shared', 'net'],
];
if (!isRootless)
  for (const [name, share] of [
    ['untrusted', 'none'],
    ['untrustedShared', 'all'],
  ]) {
    const kept = await openJail(jail, { untrusted: true, share });
    launchers[name] = (program, stdio) => kept.spawn({ program, stdio });
  }
// A service starts the same program again and again.
const preparedIn = (opened) => {
  const launches = new Map();
  return (program, stdio) => {
    if (!launches.has(program)) launches.set(program, opened.prepare({ program }));
    return launches.get(program).spawn({ stdio });
  };
};
for (const [name, share] of isRootless ? [['rootlessWarm', 'all']] : shared) {
  const kept = await openJail(jail, { user, share, ...(isRootless ? { rootless: true } : { isolate }) });
  launchers[name] = (program, stdio) => kept.spawn({ program, stdio });
  launchers[`${name}Prepared`] = preparedIn(kept);
  if (name === 'warm') launchers.listedWarm = (program, stdio) => kept.spawn({ program, stdio, connectTo });
}

if (!isRootless) {
  const own = await openJail(jail, { user, isolate, share: 'none' });
  launchers.warmOwn = (program, stdio) => own.spawn({ program, stdio });
  launchers.warmListed = (program, stdio) => own.spawn({ program, stdio, connectTo });
}

/** Resolves when a program has ended with the expected status or signal. A wrong status must never become a good time. */
function ended(child, event = 'exit', expected = 0) {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once(event, (exitCode, signal) => {
      if ((signal ?? exitCode) === expected) resolve();
      else reject(new Error(`${child.spawnfile} ended with ${signal ?? exitCode}, not ${expected}`));
    });
  });
}

/** The time of the call itself, and the longest time between two turns of the event loop before the program ended. */
async function held({ launcher, program }) {
  let running = true;
  let last = performance.now();
  let gapMs = 0;
  const tick = () => {
    const now = performance.now();
    gapMs = Math.max(gapMs, now - last);
    last = now;
    if (running) setImmediate(tick);
  };
  setImmediate(tick);
  // the first turns still handle the order that has just arrived
  for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
  gapMs = 0;
  const before = performance.now();
  const launched = launchers[launcher](program, 'ignore');
  const callMs = performance.now() - before;
  await ended(await launched);
  running = false;
  return { callMs, gapMs };
}

/** The time from the call to the collected status. */
async function spawnToExit({ launcher, program }) {
  const before = performance.now();
  await ended(await launchers[launcher](program, 'ignore'));
  return performance.now() - before;
}

const input = Buffer.alloc(4096, 'x');

/** Three pipes, and the data of a small request through them. */
async function throughCat({ launcher, program }) {
  const before = performance.now();
  const child = await launchers[launcher](program, 'pipe');
  const closed = ended(child, 'close');
  let bytes = 0;
  child.stdout.on('data', (chunk) => (bytes += chunk.length));
  child.stderr.resume();
  child.stdin.end(input);
  await closed;
  if (bytes !== input.length) throw new Error(`${bytes} of ${input.length} bytes came back`);
  return performance.now() - before;
}

/** Launches per second, with so many programs at once. */
async function throughput({ launcher, program, concurrency, durationMs }) {
  const before = performance.now();
  let count = 0;
  const lane = async () => {
    while (performance.now() - before < durationMs) {
      await ended(await launchers[launcher](program, 'ignore'));
      count++;
    }
  };
  await Promise.all(Array.from({ length: concurrency }, lane));
  return (count * 1000) / (performance.now() - before);
}

// Exact: the counter behind process.memoryUsage.rss() is wrong by some pages for each CPU.
function residentBytes() {
  return Number(/^Rss: +(\d+) kB/m.exec(readFileSync('/proc/self/smaps_rollup', 'latin1'))[1]) * 1024;
}

async function settled() {
  await new Promise((resolve) => setTimeout(resolve, 300));
  for (let i = 0; i < 3; i++) globalThis.gc();
  const { heapUsed, external } = process.memoryUsage();
  return { resident: residentBytes(), heap: heapUsed + external };
}

/** The memory that each live child adds to this process; the first ones pay for code and tables. */
async function memory({ launcher, program, counts }) {
  const live = [];
  const grow = async (count) => {
    while (live.length < count) live.push(await launchers[launcher](program, 'ignore'));
  };
  const stopAll = async () => {
    const all = live.splice(0).map((child) => {
      const end = ended(child, 'exit', 'SIGKILL');
      child.kill('SIGKILL');
      return end;
    });
    await Promise.all(all);
  };
  await grow(counts[0]);
  await stopAll();
  await grow(counts[0]);
  const few = await settled();
  await grow(counts[1]);
  const many = await settled();
  await stopAll();
  const each = (name) => (many[name] - few[name]) / (counts[1] - counts[0]);
  return { residentBytes: each('resident'), heapBytes: each('heap') };
}

const measures = { held, spawnToExit, throughCat, throughput, memory };

/** The first `discard` do not count: after a fork, pages of the service are copied when it writes to them. */
async function answer({ measure, count = 1, discard = 0, ...order }) {
  const results = [];
  for (let i = 0; i < discard; i++) await measures[measure](order);
  for (let i = 0; i < count; i++) results.push(await measures[measure](order));
  return results;
}

takeOrders(answer);

// Touches every page, so that a fork must copy as many page tables as in a service of that size.
// Global, so that it is not garbage-collected.
globalThis.ballast = [];
while (residentBytes() < setup.sizeMb * 2 ** 20) globalThis.ballast.push(Buffer.alloc(16 * 2 ** 20, 1));
process.send('ready');
