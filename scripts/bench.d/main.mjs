// Runs the groups and prints their ratios: node main.mjs JAIL BINARIES [--quick] [--against DIRECTORY] [--data FILE] [GROUP], see
// scripts/bench.
import { writeFileSync } from 'node:fs';
import { availableParallelism, freemem, loadavg, release } from 'node:os';
import { parseArgs } from 'node:util';

import { Floor, Service } from './fleet.mjs';
import { empty, groups, ordinary } from './groups.mjs';
import { misses, toTable } from './table.mjs';

const { values, positionals } = parseArgs({
  options: { quick: { type: 'boolean' }, against: { type: 'string' }, data: { type: 'string' } },
  allowPositionals: true,
});
const [jail, binaries, wanted] = positionals;
const quick = values.quick ?? false;
const names = Object.keys(groups);
if (wanted !== undefined && !names.includes(wanted)) {
  console.error(`bench: no group ${wanted}; there are ${names.join(', ')}`);
  process.exit(2);
}

if (values.data !== undefined && wanted !== 'loop') {
  console.error('bench: --data is for the group loop');
  process.exit(2);
}

const note = (line) => console.error(`bench: ${line}`);

function sizesMb() {
  // the figure has one size more
  if (values.data !== undefined) return [50, 250, 1024, 4096];
  if (quick) return [50, 1024];
  if (freemem() > 7 * 2 ** 30) return [50, 1024, 4096];
  note('less than 7 GB of memory are free: no service of 4 GB');
  return [50, 1024];
}

const context = {
  jail,
  binaries,
  // The C original takes only a name; the ids are those of the host's nobody.
  user: 'nobody',
  uid: 65534,
  gid: 65534,
  original: `${binaries}/uchroot`,
  hostsAccess: `${binaries}/hosts_access`,
  quick,
  against: values.against,
  rounds: quick ? 30 : 100,
  warmUp: quick ? 200 : 500,
  windowMs: quick ? 300 : 1500,
  services: new Map(),
  floors: new Map(),
  note,
  /** What the figure of the group loop is made of (figures.mjs). */
  keep: (data) => {
    if (values.data === undefined) return;
    const machine = `Linux ${release().split('.', 2).join('.')}, Node ${process.versions.node}, ${availableParallelism()} CPUs`;
    writeFileSync(values.data, `${JSON.stringify({ machine, ...data }, undefined, 2)}\n`);
  },
};

async function open(sizes) {
  for (const program of [empty, ordinary]) {
    context.floors.set(program, new Floor(`${binaries}/floor`, jail, context.uid, context.gid, program));
  }
  for (const sizeMb of sizes) {
    context.services.set(
      sizeMb,
      await Service.start({ ...context, services: undefined, floors: undefined, sizeMb }),
    );
  }
}

async function close() {
  for (const each of [...context.services.values(), ...context.floors.values()]) await each.stop();
}

// Other load affects every row alike, but every row varies more.
if (loadavg()[0] > availableParallelism() / 2) note(`the machine is busy (load ${loadavg()[0].toFixed(1)})`);

const needsSizes = wanted === undefined || wanted === 'loop' || wanted === 'throughput';
await open(needsSizes ? sizesMb() : [50]);
const rows = [];
for (const name of wanted === undefined ? names : [wanted]) {
  note(name);
  const measured = await groups[name](context);
  console.log(`${toTable(name, measured)}\n`);
  rows.push(...measured);
}
await close();

// On a shared CI machine a ratio may be off, but three times off is no noise.
const missed = misses(rows, quick ? 3 : 1);
for (const { figure } of missed) note(`missed: ${figure}`);
process.exitCode = missed.length > 0 ? 1 : 0;
