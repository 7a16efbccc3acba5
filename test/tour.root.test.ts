import { readFileSync } from 'node:fs';

import t from 'tap';

import { packageDirectory, start } from './support/launch.ts';
import { unlessRoot } from './support/root.ts';

interface Station {
  readonly file: string;
  readonly names: readonly string[];
  readonly entries: number;
}

// At most so many files of lib and of native, and so many of them that are entered again. Each may only become smaller.
const bounds: Readonly<Record<string, readonly [lib: number, native: number, again: number]>> = {
  user: [25, 3, 10],
  args: [14, 5, 4],
  bind: [32, 6, 16],
  memory: [21, 4, 8],
  rule: [12, 0, 6],
  adopt: [39, 1, 28],
};

t.test(
  'the walks of CONTRIBUTING are those of a run, and not longer than they were',
  { skip: unlessRoot() },
  async (t) => {
    const { status, stdout, stderr } = start([
      process.execPath,
      `${packageDirectory}/scripts/tour.mjs`,
      '--json',
    ]);
    t.equal(stderr, '');
    t.equal(status, 0);
    const walks = Object.entries(JSON.parse(stdout) as Readonly<Record<string, readonly Station[]>>);
    t.same(
      walks.map(([name]) => name),
      Object.keys(bounds),
    );
    const page = readFileSync(`${packageDirectory}/CONTRIBUTING.md`, 'utf8');
    const [, lists = ''] = page.split(/<!-- (?:end of )?walks -->/);
    t.same(
      [...lists.matchAll(/^\d+\. `([^`]+)`/gm)].map(([, file]) => file),
      walks.flatMap(([, stations]) => stations.map(({ file }) => file)),
      'node scripts/tour.mjs --page writes them',
    );
    for (const [name, stations] of walks) {
      const [lib = 0, native = 0, again = 0] = bounds[name] ?? [];
      const count = (is: (station: Station) => boolean): number => stations.filter(is).length;
      t.ok(count(({ file }) => file.startsWith('lib/')) <= lib, `${name}: at most ${lib} files of lib`);
      t.ok(count(({ file }) => file.startsWith('native/')) <= native, `${name}: at most ${native} of native`);
      t.ok(count(({ entries }) => entries > 1) <= again, `${name}: at most ${again} entered again`);
    }
  },
);
