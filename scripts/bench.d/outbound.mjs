// Launches with a list of names that they may call, and what their connections cost, against the same without a list and against calls of the
// host's loopback.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { monitorEventLoopDelay } from 'node:perf_hooks';

import { runInJail } from '../../dist/lib/index.js';
import { median, row } from './table.mjs';

const uchroot = `${import.meta.dirname}/../../dist/bin/uchroot.cjs`;
const list = ['api.example.org:443', '192.0.2.0/24:*'];
const launches = { cold: 'listed', warmOwn: 'warmListed' };

const record = (times, key, values) => times.set(key, [...(times.get(key) ?? []), ...values]);

async function measureLaunches({ services, floors, rounds, warmUp, user, jail }, { ordinary, empty }, times) {
  const service = services.get(50);
  const order = (launcher, count) => ({ measure: 'spawnToExit', launcher, program: ordinary, count });
  const names = Object.entries(launches).flat();
  const isolated = [uchroot, '--isolate', user, jail, ordinary];
  const commands = {
    command: isolated,
    commandListed: isolated.toSpliced(2, 0, ...list.flatMap((entry) => ['--connect-to', entry])),
  };
  for (const name of names) await service.measure(order(name, warmUp / 5));
  for (let round = 0; round < rounds; round++) {
    for (const name of names) record(times, name, await service.measure({ ...order(name, 3), discard: 2 }));
    for (const [name, argv] of Object.entries(commands))
      record(times, name, await floors.get(empty).command(1, argv));
  }
}

const calls = 200;
const bytes = 1e9;

// This process is the service.
async function measureConnections({ binaries, user, jail, rounds }, times) {
  const server = spawn(`${binaries}/outbound`, ['serve'], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [port] = await once(server.stdout, 'data');
  const words = (what, host, count) => [what, host, String(port).trim(), String(count)];
  const direct = (what, count) =>
    Number(execFileSync(`${binaries}/outbound`, words(what, '127.0.0.1', count)));
  const jailed = async (what, count) => {
    const args = words(what, 'host-loopback', count);
    const connectTo = [`host-loopback:${args[2]}`];
    const { stdout } = await runInJail({
      user,
      jail,
      isolate: true,
      connectTo,
      program: '/bin/outbound',
      args,
    });
    return Number(stdout);
  };
  for (let round = 0; round < Math.ceil(rounds / 10); round++) {
    record(times, 'calls', [direct('calls', calls)]);
    record(times, 'jailed calls', [await jailed('calls', calls)]);
    record(times, 'bytes', [direct('bytes', bytes)]);
    const delay = monitorEventLoopDelay({ resolution: 1 });
    const before = process.cpuUsage();
    delay.enable();
    record(times, 'jailed bytes', [await jailed('bytes', bytes)]);
    delay.disable();
    const { user: own, system } = process.cpuUsage(before);
    record(times, 'processor', [(own + system) / 1e6]);
    record(times, 'late', [delay.percentile(99) / 1e6 - 1]);
  }
  server.kill();
}

export async function outbound(context, programs) {
  const times = new Map();
  await measureLaunches(context, programs, times);
  await measureConnections(context, times);
  const time = (key) => median(times.get(key));
  const ratio = (a, b) => time(a) / time(b);
  return [
    row('command with a list v isolated', ratio('commandListed', 'command'), ['<=', 1.2]),
    row('cold with a list v isolated', ratio('listed', 'cold'), ['<=', 1.2]),
    row('warm with a list v isolated', ratio('warmListed', 'warmOwn'), ['<=', 1.2]),
    row('a connection, more than direct', time('jailed calls') - time('calls'), ['<=', 100], 'us'),
    row('bytes each second v direct', ratio('bytes', 'jailed bytes'), ['>=', 0.45]),
    row('processor time of 1 GB, with its launch', time('processor') * 1000, ['<=', 150], 'ms'),
    row('turns of the event loop meanwhile, 99 of 100 at most late by', time('late'), ['<=', 2], 'ms'),
  ];
}
