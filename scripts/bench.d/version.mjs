// A service with 50 MB of live objects that launches with the library of one checkout: node version.mjs SETUP, with an IPC channel
// (see fleet.mjs). An order is the name of a launch and a count; the answer has three times a launch, or none if that version lacks it.
import { once } from 'node:events';
import { createRequire } from 'node:module';

import { takeOrders } from './orders.mjs';

const LIVE_BYTES = 50 * 2 ** 20;
const { jail, user, program, checkout } = JSON.parse(process.argv[2]);
// what `import 'uchroot'` means there
const library = await import(createRequire(`${checkout}/package.json`).resolve('uchroot'));
// a bundle of CommonJS names its exports only when it runs
const { openJail, spawnInJail } = library.default ?? library;
const opened = await openJail(jail, { user });
const plain = { user, jail, program, stdio: 'ignore' };
const launches = {
  bare: () => spawnInJail(plain),
  isolated: () => spawnInJail({ ...plain, isolate: true }),
  open: () => opened.spawn({ program, stdio: 'ignore' }),
};

// Of all threads of this process.
function cpuMs() {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** The time of the call itself, that until the collected status, and the processor time of both processes, in ms. */
async function timed(launch) {
  const cpuBefore = cpuMs();
  const before = performance.now();
  const launched = launch();
  const callMs = performance.now() - before;
  const child = await launched;
  const [exitCode] = await once(child, 'exit');
  const wholeMs = performance.now() - before;
  const ownMs = cpuMs() - cpuBefore;
  if (exitCode !== 0) throw new Error(`${program} ended with ${exitCode} (${checkout})`);
  const { usage } = await child.exited;
  return { callMs, wholeMs, cpuMs: ownMs + usage.userCpuMs + usage.systemCpuMs };
}

async function answer({ launch, count }) {
  const results = [];
  try {
    for (let i = 0; i < count; i++) results.push(await timed(launches[launch]));
  } catch (error) {
    // a version before isolation does not know the key
    if (error.name !== 'UsageError') throw error;
  }
  return results;
}

takeOrders(answer);

// Global, so that it is not garbage-collected.
globalThis.live = [];
while (process.memoryUsage().heapUsed < LIVE_BYTES)
  globalThis.live.push(Array.from({ length: 1000 }, (_, index) => ({ index, name: `${index}` })));
process.send('ready');
