// Compares the check of a whole jail with a command that only reads and hashes the same files.
import { spawnSync } from 'node:child_process';
import { createHash, randomFillSync } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { buildJail } from '../../dist/lib/index.js';
import { parseManifest, writeManifest } from '../../dist/lib/jail/manifest/manifest.js';
import { inScratch } from './scratch.mjs';
import { median, row } from './table.mjs';

const FILE_BYTES = 20_000;
const FILES_A_DIRECTORY = 100;

const command = fileURLToPath(new URL('../../dist/bin/uchroot-jail.cjs', import.meta.url));

/** Adds files of random bytes to a jail, and to its manifest. */
function addFiles(jail, count) {
  const name = `${jail}/.uchroot/manifest.json.gz`;
  const manifest = parseManifest(readFileSync(name));
  const entries = [...manifest.entries];
  const data = Buffer.alloc(FILE_BYTES);
  const common = { uid: 0, gid: 0, reason: { how: 'copied' } };
  const addDirectory = (path) => {
    mkdirSync(jail + path, { mode: 0o755 });
    entries.push({ ...common, path, kind: 'directory', mode: 0o755 });
  };
  addDirectory('/usr/data');
  for (let i = 0; i < count; i++) {
    const directory = `/usr/data/${Math.floor(i / FILES_A_DIRECTORY)}`;
    if (i % FILES_A_DIRECTORY === 0) addDirectory(directory);
    const path = `${directory}/${i}`;
    writeFileSync(jail + path, randomFillSync(data), { mode: 0o644 });
    const sha256 = createHash('sha256').update(data).digest('hex');
    entries.push({ ...common, path, kind: 'file', mode: 0o644, sizeBytes: FILE_BYTES, sha256 });
  }
  writeFileSync(name, writeManifest({ ...manifest, entries }));
}

function timed(program, args, isRight) {
  const start = performance.now();
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8', maxBuffer: 1 << 30 });
  const ms = performance.now() - start;
  if (status !== 0 || !isRight(stdout)) throw new Error(`${program}: ${stderr || stdout.slice(-500)}`);
  return ms;
}

const isClean = (stdout) => stdout.endsWith(': 0 errors, 0 warnings, 0 notes\n');

/** 50,000 files with 1 GB, all in the page cache. */
export async function check({ quick }) {
  return inScratch(async (base) => {
    const jail = `${base}/jail`;
    const count = quick ? 5000 : 50_000;
    await buildJail({ directory: jail, programs: ['/bin/true'] });
    addFiles(jail, count);
    const isWhole = (stdout) => stdout.split('\n').length > count;
    const works = [
      ['check', () => timed(command, ['check', jail], isClean)],
      ['find', () => timed('find', [jail, '-type', 'f', '-exec', 'sha256sum', '{}', '+'], isWhole)],
    ];
    const samples = { check: [], find: [] };
    for (let round = -1; round < (quick ? 3 : 9); round++) {
      // each comes first equally often
      for (const [name, work] of round % 2 === 0 ? works : works.toReversed()) {
        const ms = work();
        if (round >= 0) samples[name].push(ms);
      }
    }
    return [
      row('uchroot-jail check v find … sha256sum', median(samples.check) / median(samples.find), ['<=', 1.5]),
    ];
  });
}
