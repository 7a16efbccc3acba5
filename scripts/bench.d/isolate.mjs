// Isolated launches against plain ones in the same service, against bubblewrap started by child_process, and with many mounts
// on the host.
import { spawnSync } from 'node:child_process';

import { Service } from './fleet.mjs';
import { profile } from './profile.mjs';
import { median, row } from './table.mjs';

// By name of the launcher in service.mjs; the unit is a plain spawnInJail.
const goals = {
  warm: ['from a warm jail', 1.4],
  shared: ['from a warm jail that shares its network', 1.8],
  hostNet: ['cold, without a network of its own', 1.8],
  cold: ['cold, with a network of its own', 2.5],
  full: ['cold, with /proc, /dev and /tmp', 3],
  everything: ['cold, with /proc, /dev, /tmp, a profile of system calls and Landlock', 3],
  ephemeral: ['cold, ephemeral, without a network of its own', 1.8],
  memory: ['not isolated, with a limit of memory', 1.5],
};

// The whole word, limits included. bubblewrap gets the same mounts, and has no limits.
const word = {
  untrusted: 'untrusted, from a warm jail',
  untrustedShared: 'untrusted, from a warm jail that shares its namespaces',
  untrustedCold: 'untrusted, cold',
};

const plain = 'spawnInJail';

async function measureAll(service, launchers, { rounds, warmUp, program }) {
  const times = new Map(launchers.map((launcher) => [launcher, []]));
  for (const launcher of launchers)
    await service.measure({ measure: 'spawnToExit', launcher, program, count: warmUp / 5 });
  for (let round = 0; round < rounds; round++)
    for (const launcher of launchers) {
      const order = { measure: 'spawnToExit', launcher, program, discard: 2, count: 3 };
      times.get(launcher).push(...(await service.measure(order)));
    }
  return (launcher) => median(times.get(launcher));
}

const together = {
  warmPrepared: ['warm, prepared', 0.7],
  warm: ['warm'],
  hostNet: ['cold, without a network of its own'],
  cold: ['cold', 0.3],
};

/** Rows of launches each second with eight at a time. */
async function throughput(service, program, windowMs, suffix) {
  const rates = new Map([plain, ...Object.keys(together)].map((launcher) => [launcher, []]));
  const order = { measure: 'throughput', program, concurrency: 8, durationMs: windowMs };
  for (let round = 0; round < 5; round++)
    for (const [launcher, list] of rates) list.push(...(await service.measure({ ...order, launcher })));
  return Object.entries(together).map(([launcher, [name, least]]) =>
    row(
      `throughput at 8, ${name} v spawnInJail${suffix}`,
      median(rates.get(launcher)) / median(rates.get(plain)),
      suffix === '' && least !== undefined ? ['>=', least] : undefined,
    ),
  );
}

const hasBubblewrap = () => spawnSync('bwrap', ['--version']).status === 0;

export async function isolate(context, { ordinary, linked, empty }) {
  const { services, rounds, warmUp, windowMs, note } = context;
  const service = services.get(50);
  const names = Object.keys(goals).filter((name) => name !== 'everything' || profile !== undefined);
  if (profile === undefined) note('no profile of system calls is there: left out (BENCH_PROFILE=FILE)');
  const peers = hasBubblewrap() ? ['bwrap'] : [];
  const wordPeers = peers.map((peer) => `${peer}Untrusted`);
  if (peers.length === 0) note('bubblewrap is not installed: left out');
  const order = { rounds, warmUp, program: ordinary };
  const time = await measureAll(
    service,
    [plain, ...names, ...Object.keys(word), ...peers, ...wordPeers],
    order,
  );
  const setup = { ...context, services: undefined, floors: undefined, sizeMb: 50 };
  const crowded = await Service.start(setup, 300);
  const crowdedTime = await measureAll(crowded, [plain, ...names], { ...order, rounds: rounds / 2 });
  await crowded.stop();
  const ratios = (of) => Object.fromEntries(names.map((name) => [name, of(name) / of(plain)]));
  const [usual, many] = [ratios(time), ratios(crowdedTime)];
  const rates = [
    ...(await throughput(service, linked, windowMs, '')),
    ...(await throughput(service, empty, windowMs, ', empty program')),
  ];
  return [
    ...names.map((name) => row(`${goals[name][0]} v spawnInJail`, usual[name], ['<=', goals[name][1]])),
    ...names.map((name) =>
      row(`${goals[name][0]}, 300 more mounts on the host`, many[name] / usual[name], ['<=', 1.2]),
    ),
    ...peers.flatMap((peer) => [
      row(`cold v child_process of ${peer} --unshare-all`, time('cold') / time(peer), ['<=', 0.35]),
    ]),
    ...Object.entries(word).map(([name, figure]) => row(`${figure} v spawnInJail`, time(name) / time(plain))),
    ...wordPeers.flatMap((peer) =>
      Object.entries(word).map(([name, figure]) =>
        row(`${figure} v child_process of bwrap with its mounts`, time(name) / time(peer), ['<=', 0.5]),
      ),
    ),
    ...rates,
  ];
}
