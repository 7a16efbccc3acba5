// Compares the export of a jail with tar and gzip -1 of the same tree, each on one core, and a build of the image with umoci unpack, on all of
// them: a build has a process that unpacks and one that writes.
import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { buildJail } from '../../dist/lib/index.js';
import { inScratch } from './scratch.mjs';
import { median, row } from './table.mjs';

const command = fileURLToPath(new URL('../../dist/bin/uchroot-jail.cjs', import.meta.url));

const timedAlone = (...words) => timed('taskset', '-c', '0', ...words);

function timed(...words) {
  const start = performance.now();
  const { status, stderr } = spawnSync(words[0], words.slice(1), { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${words[0]}: ${stderr}`);
  return performance.now() - start;
}

/** The jail of node, 450 files and 119 MB, in the page cache. */
export async function image({ quick }) {
  return inScratch(async (base) => {
    const jail = `${base}/jail`;
    await buildJail({ directory: jail, programs: ['/usr/bin/node'] });
    const samples = { export: [], tar: [], build: [], unpack: [] };
    for (let round = -1; round < (quick ? 3 : 11); round++) {
      const exported = timedAlone(process.execPath, command, 'export', jail, `${base}/image.tar`);
      const packed = timedAlone(
        'sh',
        '-c',
        'tar -C "$1" -c . | gzip -1 >"$2"',
        'sh',
        jail,
        `${base}/tree.tar.gz`,
      );
      const layout = `${base}/layout:1`;
      if (round < 0)
        timed('skopeo', 'copy', '--insecure-policy', `oci-archive:${base}/image.tar`, `oci:${layout}`);
      for (const name of ['again', 'bundle']) rmSync(`${base}/${name}`, { recursive: true, force: true });
      const built = timed(process.execPath, command, 'build', `${base}/again`, '--image', layout);
      const unpacked = timed('umoci', 'unpack', '--image', layout, `${base}/bundle`);
      // the first round fills the page cache
      if (round < 0) continue;
      samples.export.push(exported);
      samples.tar.push(packed);
      samples.build.push(built);
      samples.unpack.push(unpacked);
    }
    return [
      row('export v tar | gzip -1', median(samples.export) / median(samples.tar), ['<=', 1.5]),
      row('build --image v umoci unpack', median(samples.build) / median(samples.unpack), ['<=', 0.7]),
    ];
  });
}
