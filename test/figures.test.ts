// The figures of README.md, and its numbers: what they say is what was measured.
import { readFileSync } from 'node:fs';

import t from 'tap';

import { stepTable } from '../lib/launch/plan/table.ts';
import { packageDirectory } from './support/launch.ts';

interface Launch {
  readonly stages: readonly { readonly title: string; readonly steps: readonly (readonly string[])[] }[];
}

const read = (path: string): string => readFileSync(`${packageDirectory}/${path}`, 'utf8');
const readme = read('README.md');

t.test('the committed figures are what the script makes of the committed data', async (t) => {
  const script = `${packageDirectory}/scripts/bench.d/figures.mjs`;
  const { drawFigures } = (await import(script)) as { drawFigures: () => [string, string][] };
  const figures = drawFigures();
  t.equal(figures.length, 2);
  for (const [path, svg] of figures) {
    t.equal(readFileSync(path, 'utf8'), svg, `${path}: node scripts/bench.d/figures.mjs draws it again`);
    t.ok(readme.includes(`](${path.slice(packageDirectory.length + 1)})`), path);
  }
});

t.test('the steps of the picture are steps of the plan', async (t) => {
  const { stages } = JSON.parse(read('scripts/bench.d/figures/launch.json')) as Launch;
  const steps = stages.flatMap((stage) => stage.steps.flat());
  t.ok(steps.length > 5);
  t.same(
    steps.filter((step) => !Object.hasOwn(stepTable, step)),
    [],
  );
});

// A row of README.md, and the rows of doc/benchmarks.md that have its numbers.
const numbers: readonly (readonly [row: string, ...sources: readonly (readonly [string, string])[]])[] = [
  ['longest time that a launch holds', ['longest gap, 4 GB, v child_process', '1/8251']],
  ['launches a second, service of 1 GB', ['spawnInJail v child_process, 1 GB', '149']],
  ['from the call to the end of', ['spawnInJail v C floor', '1.42']],
  ['an isolated launch, from a Node service', ['cold v child_process of bwrap --unshare-all', '0.31']],
  [
    'memory of the service for each',
    ['resident set, each live program', '0.8 KB'],
    ['resident set, child_process', '1.5 KB'],
  ],
  ['a launch compiled to one static file', ['size', '47 KB']],
];

t.test('the numbers of README.md are those of doc/benchmarks.md', async (t) => {
  const measured = read('doc/benchmarks.md').split('\n');
  for (const [row, ...sources] of numbers) {
    const said = readme.split('\n').find((line) => line.startsWith(`| ${row}`)) ?? '';
    for (const [name, number] of sources) {
      t.match(said, number, row);
      t.ok(
        measured.some((line) => line.startsWith(`| ${name} `) && line.includes(`| ${number} `)),
        `${name}: ${number}`,
      );
    }
  }
});
