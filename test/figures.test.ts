// The figures of README.md, and its numbers: what they say is what was measured.
import { readFileSync } from 'node:fs';

import t from 'tap';

import { stepTable } from '../lib/launch/plan/table.ts';
import { normalize, type LaunchRequest } from '../lib/launch/request/request.ts';
import { threatAnswers } from '../lib/launch/tell/threats.ts';
import { packageDirectory, start } from './support/launch.ts';

interface Launch {
  readonly stages: readonly { readonly code: readonly string[] }[];
}

const read = (path: string): string => readFileSync(`${packageDirectory}/${path}`, 'utf8');
const readme = read('README.md');

t.test('the committed figures are what the script makes of the committed data', async (t) => {
  const script = `${packageDirectory}/scripts/bench.d/figures.mjs`;
  const { drawFigures } = (await import(script)) as { drawFigures: () => [string, string][] };
  const figures = drawFigures();
  t.equal(figures.length, 5);
  for (const [path, svg] of figures) {
    t.equal(readFileSync(path, 'utf8'), svg, `${path}: node scripts/bench.d/figures.mjs draws it again`);
    const name = path.slice(packageDirectory.length + 1);
    t.ok(readme.includes(`](${name})`) || read('doc/outbound.md').includes(`](${name.slice(4)})`), path);
    t.match(
      svg,
      /^<svg [^>]*>\n<style>[^<]*<\/style>\n(?:<(?:rect|path|circle|polyline) [^<>]*\/>\n|<text [^<>]*>[^<>]*<\/text>\n)+<\/svg>\n$/,
    );
  }
});

// Half of the letters of a font without serifs are wider than 0.53 of its size, and few words on average.
t.test('no text of a picture is wider than its box', async (t) => {
  for (const name of ['launch', 'outbound', 'jobs']) {
    const svg = read(`doc/figures/${name}.svg`);
    const boxes = [
      ...svg.matchAll(/<rect class="box" x="([\d.]+)" y="([\d.]+)" width="([\d.]+)" height="([\d.]+)"/g),
    ].map((found) => found.slice(1).map(Number) as [number, number, number, number]);
    const texts = [
      ...svg.matchAll(/<text x="([\d.]+)" y="([\d.]+)" class="([^"]*)" text-anchor="start">([^<]*)</g),
    ];
    const within = texts.flatMap(([, x, y, as = '', words = '']) => {
      const [left, base] = [Number(x), Number(y)];
      const box = boxes.find(([bx, by, w, h]) => left >= bx && left < bx + w && base >= by && base < by + h);
      const width = words.length * (as.includes('code') ? 6.62 : as.includes('title') ? 8 : 6.6);
      if (box === undefined) return [];
      t.ok(left + width <= box[0] + box[2], `${name}: ${words}`);
      t.ok(base <= box[1] + box[3] - 4, `${name}: ${words}`);
      return [words];
    });
    t.ok(within.length >= 8, name);
  }
});

t.test('the levels of the picture stop what --plan says', async (t) => {
  const { levels, subjects } = JSON.parse(read('scripts/bench.d/figures/levels.json')) as {
    readonly levels: readonly { readonly option: string }[];
    readonly subjects: Readonly<Record<string, string>>;
  };
  const proc = { view: [{ proc: '/proc' }] };
  const requests: Readonly<Record<string, Partial<LaunchRequest>>> = {
    'no option': {},
    '--landlock': { landlock: true },
    '--isolate': { isolate: true, ...proc },
    '--rootless': { rootless: true, ...proc },
    // the kernel may have no Landlock
    '--untrusted': { untrusted: true, user: 'auto', landlockAbi: undefined },
  };
  const shown: Record<string, string> = {};
  for (const { option } of levels) {
    const request = { ...normalize({ user: 'sam', jail: '/srv/jail', ...requests[option] }) };
    const answers = threatAnswers({
      request: option === '--untrusted' ? { ...request, landlock: false } : request,
      account: { uid: 1001 },
    });
    for (const subject of new Set(answers.map((answer) => answer.subject))) {
      const isStopped = answers.every((answer) => answer.subject !== subject || answer.stopped);
      shown[subject] = `${shown[subject] ?? ''}${isStopped ? 'x' : '-'}`;
    }
  }
  t.same(subjects, shown);
});

t.test('the options and commands of the picture exist', async (t) => {
  const { jobs } = JSON.parse(read('scripts/bench.d/figures/jobs.json')) as {
    readonly jobs: readonly { readonly command: string }[];
  };
  const lines = jobs.flatMap(({ command }) => command.split('; '));
  const helps = new Map<string, string>();
  for (const line of lines) {
    const [name = '', word = ''] = line.split(' ');
    const asked = name === 'uchroot' ? ['--help=all'] : word.startsWith('-') ? ['--help'] : [word, '--help'];
    const key = [name, ...asked].join(' ');
    if (!helps.has(key))
      helps.set(key, start([process.execPath, `${packageDirectory}/dist/bin/${name}.cjs`, ...asked]).stdout);
    const help = helps.get(key) ?? '';
    t.match(help, `Usage: ${name} ${word.startsWith('-') || name === 'uchroot' ? '' : word}`, line);
    for (const option of line.match(/--[a-z-]+/g) ?? []) t.match(help, `  ${option}`, line);
  }
});

t.test('the steps of the picture are steps of the plan', async (t) => {
  const { stages } = JSON.parse(read('scripts/bench.d/figures/launch.json')) as Launch;
  const steps = stages.flatMap(({ code }) => code.flatMap((line) => line.split(' ')));
  t.ok(steps.length > 5);
  t.same(
    steps.filter((step) => !Object.hasOwn(stepTable, step)),
    [],
  );
});

// A row of README.md, and the rows of doc/benchmarks.md that have its numbers.
const numbers: readonly (readonly [row: string, ...sources: readonly (readonly [string, string])[]])[] = [
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

t.test('the number beside the figure is that of the figure', async (t) => {
  const { sizesMb, uchrootMs, childProcessMs } = JSON.parse(
    read('scripts/bench.d/figures/loop.json'),
  ) as Readonly<Record<'sizesMb' | 'uchrootMs' | 'childProcessMs', readonly number[]>>;
  const at = sizesMb.indexOf(4096);
  const ratio = Math.round((childProcessMs[at] ?? 0) / (uchrootMs[at] ?? 0));
  t.match(
    readme,
    new RegExp(
      `^\\| how long a launch holds the event loop of a service of 4 GB \\| 1/${ratio} of child_process`,
      'm',
    ),
  );
});

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
