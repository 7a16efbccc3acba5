// Copies of a template against `cp -a`, on file systems with and without reflinks.
import { spawnSync } from 'node:child_process';
import { randomFillSync } from 'node:crypto';
import {
  chmodSync,
  linkSync,
  mkdirSync,
  statfsSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

import { cloneJail } from '../../dist/lib/index.js';
import { writeManifest } from '../../dist/lib/jail/manifest/manifest.js';
import { EMPTY_RECIPE } from '../../dist/lib/jail/manifest/recipe.js';
import { inScratch } from './scratch.mjs';
import { median, row } from './table.mjs';

const FILES = 1000;
const FILE_BYTES = 200_000;
const EXT4_SUPER_MAGIC = 0xef53;

function run(program, ...args) {
  const { status, stderr, error } = spawnSync(program, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${program}: ${error?.message ?? stderr.trim()}`);
}

/** 1,000 files of random bytes in 25 directories of 4, 15 symbolic and 15 hard links, and a manifest that lists them. */
function makeTemplate(directory) {
  mkdirSync(directory, { mode: 0o755 });
  const entries = [];
  const data = Buffer.alloc(FILE_BYTES);
  for (let i = 0; i < FILES; i++) {
    const parent = `/d${i % 25}/s${Math.floor(i / 25) % 4}`;
    const path = `${parent}/f${i}`;
    mkdirSync(directory + parent, { recursive: true });
    writeFileSync(directory + path, randomFillSync(data), { mode: i % 3 === 0 ? 0o755 : 0o644 });
    const recorded = { path, kind: 'file', mode: 0o644, uid: 0, gid: 0, reason: { how: 'asked' } };
    entries.push({
      ...recorded,
      sizeBytes: FILE_BYTES,
      sha256: i.toString(16).padStart(64, '0'),
      mtimeMs: i,
    });
  }
  for (let i = 0; i < 15; i++) {
    symlinkSync(`d${i}/s0/f${i}`, `${directory}/symbolic${i}`);
    linkSync(`${directory}/d${i}/s0/f${i}`, `${directory}/hard${i}`);
  }
  mkdirSync(`${directory}/.uchroot`, { mode: 0o700 });
  const manifest = writeManifest({ recipe: EMPTY_RECIPE, packs: [], packages: {}, entries });
  writeFileSync(`${directory}/.uchroot/manifest.json.gz`, manifest, { mode: 0o600 });
}

/** Name and directory of each file system that can be made here; `closing` gets the functions that undo it. */
function fileSystems(base, closing, note) {
  const found = [[statfsSync(base).type === EXT4_SUPER_MAGIC ? 'ext4' : 'the disk', `${base}/disk`]];
  mkdirSync(`${base}/disk`, { mode: 0o755 });
  const mounted = {
    tmpfs: (point) => run('mount', '-t', 'tmpfs', '-o', 'size=2g,mode=755', 'tmpfs', point),
    xfs: (point) => mountImage('mkfs.xfs', ['-q', '-m', 'reflink=1'], point),
    btrfs: (point) => mountImage('mkfs.btrfs', ['-q'], point),
  };
  for (const [name, mount] of Object.entries(mounted)) {
    const point = `${base}/${name}`;
    mkdirSync(point, { mode: 0o755 });
    try {
      mount(point);
    } catch (error) {
      note(`no ${name} here: left out. ${error.message}`);
      continue;
    }
    closing.push(() => run('umount', point));
    found.push([name, point]);
  }
  return found;
}

function mountImage(mkfs, options, point) {
  const image = `${point}.image`;
  writeFileSync(image, '');
  truncateSync(image, 4 * 2 ** 30);
  run(mkfs, ...options, image);
  run('mount', '-o', 'loop', image, point);
  chmodSync(point, 0o755);
}

async function timed(work) {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

async function measure(point, rounds) {
  const template = `${point}/template`;
  makeTemplate(template);
  run('sync', '-f', point);
  const [ours, theirs] = [`${point}/ours`, `${point}/theirs`];
  const samples = { clone: [], cp: [] };
  const works = [
    ['clone', () => cloneJail({ template, directory: ours })],
    ['cp', () => run('cp', '-a', template, theirs)],
  ];
  for (let round = -1; round < rounds; round++) {
    // each comes first equally often
    for (const [name, work] of round % 2 === 0 ? works : works.toReversed()) {
      const ms = await timed(work);
      if (round >= 0) samples[name].push(ms);
    }
    run('rm', '-rf', ours, theirs);
    // xfs frees inodes in the background, at the cost of whoever comes first
    await sleep(100);
  }
  // its start included: the alternative is to run this command
  return median(samples.clone) / median(samples.cp);
}

/** A template of 1,000 files and 200 MB, with all metadata. */
export async function clone({ quick, note }) {
  return inScratch(async (base, closing) => {
    const rows = [];
    for (const [name, point] of fileSystems(base, closing, note)) {
      const ratio = await measure(point, quick ? 5 : 25);
      rows.push(row(`cloneJail v cp -a, ${name}`, ratio, ['<=', 1.15]));
    }
    return rows;
  });
}
