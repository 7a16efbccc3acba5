// Launches of this version against those of another checkout, which is already built. Each has a service of its own; they take turns.
import { fileURLToPath } from 'node:url';

import { Service } from './fleet.mjs';
import { median, row } from './table.mjs';

const here = fileURLToPath(new URL('../..', import.meta.url));
/** By launch in version.mjs: which time of it, its name, and its goal. */
const figures = [
  ['bare', 'callMs', 'the call of spawnInJail', 1.05],
  ['bare', 'wholeMs', 'spawnInJail', 1.03],
  ['bare', 'cpuMs', 'processor time of spawnInJail', 1.03],
  ['isolated', 'wholeMs', 'spawnInJail, isolated', 1.03],
  ['open', 'callMs', 'the call of jail.spawn', 1.05],
  ['open', 'wholeMs', 'jail.spawn', 1.03],
  ['open', 'cpuMs', 'processor time of jail.spawn', 1.03],
];

/** The median of the ratios of each turn to the other version's turn beside it, for the times of a launch. */
async function compare(launch, [ours, theirs], { turns, warmUp }) {
  const ratios = { callMs: [], wholeMs: [], cpuMs: [] };
  const turn = async (service, count) => service.measure({ measure: launch, launch, count });
  for (const service of [ours, theirs]) if ((await turn(service, warmUp)).length === 0) return undefined;
  for (let round = 0; round < turns; round++) {
    // each is first equally often
    const order = round % 2 === 0 ? [ours, theirs] : [theirs, ours];
    const times = new Map();
    for (const service of order) times.set(service, await turn(service, 5));
    for (const [key, list] of Object.entries(ratios)) {
      const of = (service) => median(times.get(service).map((each) => each[key]));
      list.push(of(ours) / of(theirs));
    }
  }
  return Object.fromEntries(Object.entries(ratios).map(([key, list]) => [key, median(list)]));
}

export async function against({ jail, user, quick, note, against: other }, { ordinary }) {
  if (other === undefined) {
    note('no other version to compare with (--against COMMIT): left out');
    return [];
  }
  const setup = { jail, user, program: ordinary, script: 'version.mjs' };
  const services = [];
  for (const checkout of [here, other]) services.push(await Service.start({ ...setup, checkout }));
  const amount = quick ? { turns: 120, warmUp: 300 } : { turns: 600, warmUp: 1000 };
  const rows = [];
  const known = new Map();
  for (const [launch, key, name, goal] of figures) {
    if (!known.has(launch)) known.set(launch, await compare(launch, services, amount));
    const ratios = known.get(launch);
    if (ratios === undefined) note(`${name}: not in the other version, left out`);
    else rows.push(row(`${name} v the other version`, ratios[key], ['<=', goal]));
  }
  for (const service of services) await service.stop();
  return rows;
}
