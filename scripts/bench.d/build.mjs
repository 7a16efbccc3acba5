// The jail builder against `cp -a` of the jail that it makes, and against another version of itself.
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, statfsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { buildJail } from '../../dist/lib/index.js';
import { inScratch } from './scratch.mjs';
import { median, row } from './table.mjs';

const EXT4_SUPER_MAGIC = 0xef53;
/** The first one is for the measurement of copies: 2,300 files, 50 MB. */
const PROGRAMS = ['perl', 'git', 'nginx', 'python3'];
const here = fileURLToPath(new URL('../..', import.meta.url));

function run(program, ...args) {
  const { status, signal, stderr, error } = spawnSync(program, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${program}: ${error?.message ?? signal ?? stderr.trim()}`);
}

function timed(program, ...args) {
  const start = performance.now();
  run(program, ...args);
  return performance.now() - start;
}

/** The command of a checkout. */
const jailOf = (checkout) => `${checkout}/dist/bin/uchroot-jail.cjs`;

/** The ratio of the medians. Each of the two works first equally often. The first round does not count. */
async function compare(rounds, ours, theirs) {
  const samples = [[], []];
  const works = [ours, theirs].map((work, index) => [work, samples[index]]);
  for (let round = -1; round < rounds; round++) {
    for (const [work, kept] of round % 2 === 0 ? works : works.toReversed()) {
      const ms = await work();
      if (round >= 0) kept.push(ms);
    }
  }
  return median(samples[0]) / median(samples[1]);
}

/** The time from the first file until all are copied and hashed, before any is renamed into place. */
async function copyMs(directory, program) {
  const times = new Map();
  const onProgress = ({ phase }) => times.has(phase) || times.set(phase, performance.now());
  await buildJail({ directory, programs: [program], onProgress });
  return times.get('commit') - times.get('copy');
}

/**
 * Nothing is removed between two rounds: ext4 gives no inode a second time that was freed in the last minutes, and searches
 * for another one at each new file (recently_deleted in fs/ext4/ialloc.c).
 */
async function copying(point, name, rounds, program) {
  const base = mkdtempSync(`${point}/copies-`);
  chmodSync(base, 0o755);
  const model = `${base}/model`;
  let next = 0;
  await buildJail({ directory: model, programs: [program] });
  const ratio = await compare(
    rounds,
    () => copyMs(`${base}/${next++}`, program),
    () => timed('cp', '-a', model, `${base}/${next++}`),
  );
  rmSync(base, { recursive: true });
  return row(`copying with hashes v cp -a, ${name}`, ratio, ['<=', 1.5]);
}

async function planning(base, rounds, name, program, against) {
  const plan = (checkout) => () =>
    timed(process.execPath, jailOf(checkout), 'build', `${base}/none`, program, '--plan');
  const ratio = await compare(rounds, plan(here), plan(against));
  return row(`planning ${name} v the other version`, ratio, ['<=', 0.6]);
}

/** Each version updates a jail that it has built itself. */
async function updating(base, rounds, name, program, against) {
  const update = (checkout, jail) => {
    run(process.execPath, jailOf(checkout), 'build', jail, program);
    return () => timed(process.execPath, jailOf(checkout), 'update', jail);
  };
  const ours = update(here, `${base}/ours`);
  const ratio = await compare(rounds, ours, update(against, `${base}/theirs`));
  return row(`update with nothing to do, ${name}, v the other version`, ratio, ['<=', 0.3]);
}

const found = (name) =>
  ['/usr/bin', '/usr/sbin'].map((directory) => `${directory}/${name}`).find((path) => existsSync(path));

/** Jails of programs of Debian. `against` is another checkout, already built. */
export async function build({ quick, note, against }) {
  const programs = PROGRAMS.flatMap((name) => (found(name) === undefined ? [] : [[name, found(name)]]));
  for (const name of PROGRAMS) if (found(name) === undefined) note(`${name} is not installed: left out`);
  const [[first, program] = []] = programs;
  if (program === undefined) return [];
  return inScratch(async (base, closing) => {
    const rounds = quick ? 3 : 15;
    mkdirSync(`${base}/tmpfs`, { mode: 0o755 });
    run('mount', '-t', 'tmpfs', '-o', 'size=4g,mode=755', 'tmpfs', `${base}/tmpfs`);
    closing.push(() => run('umount', `${base}/tmpfs`));
    const disk = statfsSync(base).type === EXT4_SUPER_MAGIC ? 'ext4' : 'the disk';
    const rows = [
      await copying(base, `${first}, ${disk}`, rounds, program),
      await copying(`${base}/tmpfs`, `${first}, tmpfs`, rounds, program),
    ];
    if (against === undefined) {
      note('no other version to compare with (--against DIRECTORY): only copying is measured');
      return rows;
    }
    for (const [name, path] of programs) rows.push(await planning(base, rounds, name, path, against));
    return [...rows, await updating(base, rounds, first, program, against)];
  });
}
