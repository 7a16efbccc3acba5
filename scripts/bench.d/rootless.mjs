// Launches by a service without root, against a plain launch of root's service and against bubblewrap started by child_process.
import { spawnSync } from 'node:child_process';

import { Service } from './fleet.mjs';
import { median, row } from './table.mjs';

const plain = 'spawnInJail';
const warm = { rootlessWarm: 'warm', rootlessWarmPrepared: 'warm, prepared' };
const cold = { rootless: 'cold', rootlessFull: 'cold, with /proc, /dev and /tmp' };
const names = { ...warm, ...cold };

const hasBubblewrap = () => spawnSync('bwrap', ['--version']).status === 0;

export async function rootless(context, { ordinary }) {
  const { services, rounds, warmUp, uid, gid, note } = context;
  const setup = { ...context, services: undefined, floors: undefined, sizeMb: 50, isRootless: true };
  const service = await Service.start(setup, 0, { uid, gid });
  const peers = hasBubblewrap() ? ['bwrap'] : [];
  if (peers.length === 0) note('bubblewrap is not installed: left out');
  const of = new Map([
    [plain, services.get(50)],
    ...[...Object.keys(names), ...peers].map((name) => [name, service]),
  ]);
  const order = (launcher, count) => ({ measure: 'spawnToExit', launcher, program: ordinary, count });
  const times = new Map();
  for (const [launcher, one] of of) await one.measure(order(launcher, warmUp / 5));
  for (let round = 0; round < rounds; round++)
    for (const [launcher, one] of of)
      times.set(launcher, [
        ...(times.get(launcher) ?? []),
        ...(await one.measure({ ...order(launcher, 3), discard: 2 })),
      ]);
  const held = await heldBy(service, rounds, ordinary);
  await service.stop();
  const time = (launcher) => median(times.get(launcher));
  return [
    ...Object.entries(names).map(([name, what]) =>
      row(
        `${what} v spawnInJail of root`,
        time(name) / time(plain),
        name === 'rootlessWarm' ? ['<=', 2] : undefined,
      ),
    ),
    ...peers.flatMap((peer) =>
      Object.entries(cold).map(([name, what]) =>
        row(
          `${what} v child_process of ${peer} --unshare-all`,
          time(name) / time(peer),
          name === 'rootless' ? ['<=', 0.5] : undefined,
        ),
      ),
    ),
    row('longest gap of the event loop', held, ['<=', 5], 'ms'),
  ];
}

async function heldBy(service, rounds, program) {
  const gaps = [];
  for (let round = 0; round < rounds / 5; round++)
    for (const { gapMs } of await service.measure({
      measure: 'held',
      launcher: 'rootless',
      program,
      count: 3,
    }))
      gaps.push(gapMs);
  return median(gaps);
}
