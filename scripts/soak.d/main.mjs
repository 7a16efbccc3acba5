// Starts uchroot-inetd, sends the clients, and checks the figures: node main.mjs DIRECTORY CONNECTIONS AT_ONCE, see scripts/soak-inetd.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { kinds, rare } from './clients.mjs';
import { checkLog } from './log.mjs';
import { startSurroundings } from './surroundings.mjs';

const [directory, connections, atOnce] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4])];
const UID = 47_311;
const ports = { echo: 7101, source: 7102, rate: 7103 };
const root = fileURLToPath(new URL('../../', import.meta.url));
const [logFile, figuresFile] = [`${directory}/log`, `${directory}/figures`];

/** Limits of the services, which checkLog() compares with the log. */
const limits = { echo: { instances: 150 }, source: { perSource: 2 }, rate: { rate: 100, burst: 50 } };

const service = (name, more) => `[services.${name}]
listen = "127.0.0.1:${ports[name]}"
user = "+${UID}:+${UID}"
directory = "${directory}/jail"
program = "/server"
arguments = ["copy"]
hosts-allow = "${directory}/allow"
hosts-deny = "${directory}/deny"
log = "json"
${more}
`;

function configure() {
  writeFileSync(
    `${directory}/allow`,
    'ALL: 127.1.\nALL: 127.3.: deny\nALL: 127.2.: rfc931 1\nALL: .slow.test\n',
  );
  writeFileSync(`${directory}/deny`, 'ALL: ALL\n');
  writeFileSync(
    `${directory}/soak.toml`,
    [
      service('echo', `instances = ${limits.echo.instances}\ntimeout = 60`),
      service('source', `per-source = ${limits.source.perSource}`),
      service('rate', `rate = "${limits.rate.rate}/1:${limits.rate.burst}"`),
    ].join('\n'),
  );
}

async function start() {
  const child = spawn(
    process.execPath,
    [
      '--expose-gc',
      '--require',
      `${root}scripts/soak.d/figures.cjs`,
      `${root}dist/bin/uchroot-inetd.cjs`,
      '--config',
      `${directory}/soak.toml`,
      '--status-socket',
      `${directory}/status`,
    ],
    {
      env: { PATH: process.env.PATH, SOAK_FIGURES: figuresFile },
      stdio: ['ignore', 'ignore', openSync(logFile, 'w')],
    },
  );
  while (!readFileSync(logFile, 'utf8').includes('listening: ')) {
    if (child.exitCode !== null) throw new Error(readFileSync(logFile, 'utf8'));
    await new Promise((done) => setTimeout(done, 20));
  }
  return child;
}

const pause = (ms) => new Promise((done) => setTimeout(done, ms));
const fieldOf = (pid, name) =>
  Number(new RegExp(`^${name}:\\s*([0-9]+)`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);

function programs() {
  return readdirSync('/proc').filter((pid) => {
    try {
      return /^[0-9]+$/.test(pid) && fieldOf(pid, 'Uid') === UID;
    } catch {
      return false; // it has ended meanwhile
    }
  }).length;
}

const countsOf = ({ pid }) => ({
  descriptors: readdirSync(`/proc/${pid}/fd`).length,
  threads: fieldOf(pid, 'Threads'),
});

/** So many clients of the kinds, mixed by their shares in an order that is the same in each run. */
function mix(count) {
  const cards = Object.entries(kinds).flatMap(([name, [share]]) => Array.from({ length: share }, () => name));
  let seed = 1;
  return Array.from({ length: count }, () => cards[(seed = (seed * 48_271) % 2_147_483_647) % cards.length]);
}

const problems = [];
const times = {};
let resets = 0;

async function one(name, run) {
  const { wrong, ms, isReset } = await run(ports);
  if (wrong !== undefined) problems.push(`${name}: ${wrong}`);
  if (isReset) resets++;
  (times[name] ??= []).push(ms);
}

async function send(names) {
  let next = 0;
  const lane = async () => {
    while (next < names.length) {
      const name = names[next++];
      await one(name, kinds[name][1]);
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, names.length) }, lane));
}

async function settled(child, wanted) {
  for (let i = 0; i < 200; i++) {
    const counts = countsOf(child);
    if (programs() === 0 && (wanted === undefined || counts.descriptors <= wanted.descriptors)) return counts;
    await pause(50);
  }
  return countsOf(child);
}

configure();
await startSurroundings();
const child = await start();
// the first ones pay for code, threads and tables
await send(mix(Math.min(2000, connections / 2)));
const before = await settled(child);
const beforeKb = fieldOf(child.pid, 'VmRSS');
child.kill('SIGUSR2');
let most = 0;
const sampling = setInterval(() => (most = Math.max(most, programs())), 100);
const begin = performance.now();
const isLong = connections >= 10_000;
const extra = isLong
  ? Object.entries(rare).flatMap(([name, run]) => Array.from({ length: 4 }, () => one(name, run)))
  : [one('deniedGigabyte', rare.deniedGigabyte)];
await Promise.all([send(mix(connections / 2)), ...extra]);
await settled(child, before);
child.kill('SIGUSR2');
const halfKb = fieldOf(child.pid, 'VmRSS');
await send(mix(connections / 2));
const seconds = (performance.now() - begin) / 1000;
clearInterval(sampling);
const after = await settled(child, before);
const afterKb = fieldOf(child.pid, 'VmRSS');
const left = programs();
child.kill('SIGUSR2');
await pause(500); // signals keep no order
child.kill('SIGTERM');
await once(child, 'exit');
const { computedMs, heldMs, gapMs, objectsKb } = JSON.parse(readFileSync(figuresFile, 'utf8'));
const { counts, problems: logged } = checkLog(readFileSync(logFile, 'utf8'), limits);

const slowest = Math.max(...times.echo);
const figures = {
  connections: `${connections} in ${seconds.toFixed(0)} s, ${(connections / seconds).toFixed(0)}/s`,
  ends: JSON.stringify(counts),
  'denied clients that were reset with their bytes unread': resets,
  'programs at once, at most': most,
  'time of an echo': `median ${times.echo.toSorted((a, b) => a - b)[times.echo.length >> 1].toFixed(0)} ms, longest ${slowest.toFixed(0)} ms`,
  'longest turn of the loop': `${computedMs.toFixed(1)} ms of CPU, ${heldMs.toFixed(1)} ms with waits for locks and devices, ${gapMs.toFixed(1)} ms with waits for a CPU`,
  descriptors: `${before.descriptors}, then ${after.descriptors}`,
  threads: `${before.threads}, then ${after.threads}`,
  objects: `${objectsKb.map((size) => (size / 1024).toFixed(1)).join(', ')} MB at the begin, after the half, and at the end`,
  memory: `${[beforeKb, halfKb, afterKb].map((size) => (size / 1024).toFixed(0)).join(', ')} MB at the begin, after the half, and at the end`,
};
for (const [name, value] of Object.entries(figures)) console.log(`${name}: ${value}`);

const expect = (isRight, what) => isRight || problems.push(what);
expect(after.descriptors <= before.descriptors, 'descriptors are left');
expect(after.threads <= before.threads, 'threads are left');
expect(left === 0, `${left} programs are left`);
expect(objectsKb.length === 3 && objectsKb[2] - objectsKb[1] < 1024, 'objects are left');
// V8 lets its heap grow at first, so the process as a whole counts in a long run only
if (isLong) expect(afterKb - halfKb < 8 * 1024, 'memory has grown');
// Other load of the machine counts in the other two times. A short run is over before V8 has compiled everything.
expect(computedMs <= (isLong ? 10 : 25), 'the loop was held');
expect(slowest < 20_000, 'a client has starved');
problems.push(...logged);
for (const problem of problems.slice(0, 20)) console.log(`wrong: ${problem}`);
if (problems.length > 20) console.log(`wrong: ${problems.length - 20} more`);
process.exit(problems.length > 0 ? 1 : 0);
