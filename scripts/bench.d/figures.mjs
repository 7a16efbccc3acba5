// Draws the figures of README.md from figures/*.json: node scripts/bench.d/figures.mjs
// `scripts/bench loop --data scripts/bench.d/figures/loop.json` measures the data of loop.svg.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

// Each figure has a ground of its own, because a page can be dark where the system is light.
const style = `<style>
  .ground { fill: #fff } .box { fill: #f3f5f8; stroke: #9aa4b2 } .grid { stroke: #d8dde4 } text { fill: #1f2937 }
  .faint { fill: #5b6675 } .good { fill: #0f6fc5 } .good-line { stroke: #0f6fc5 } .bad { fill: #b93815 } .bad-line { stroke: #b93815 }
  @media (prefers-color-scheme: dark) {
    .ground { fill: #12161d } .box { fill: #1d242f; stroke: #566274 } .grid { stroke: #2f3947 } text { fill: #e6eaf0 }
    .faint { fill: #a3adbb } .good { fill: #6db6ff } .good-line { stroke: #6db6ff } .bad { fill: #ff9a76 } .bad-line { stroke: #ff9a76 }
  }
  text { font: 13px system-ui, sans-serif } .title { font-weight: 600; font-size: 15px } .code { font: 11px ui-monospace, monospace }
  .good-line, .bad-line { fill: none; stroke-width: 2.5 }
</style>`;

const figure = (width, height, label, parts) =>
  `${[
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${label}">`,
    style,
    `<rect class="ground" width="${width}" height="${height}" rx="8"/>`,
    ...parts,
    '</svg>',
  ].join('\n')}\n`;

const text = (x, y, words, { as = '', anchor = 'start' } = {}) =>
  `<text x="${x}" y="${y}" class="${as}" text-anchor="${anchor}">${words}</text>`;

/** How a launch goes: a box for each stage, and what happens if one fails. */
export function drawLaunch({ stages, failure }) {
  const [width, gap, left, top] = [158, 18, 14, 16];
  const parts = stages.flatMap(({ title, lines, steps }, index) => {
    const x = left + index * (width + gap);
    const arrow = `<path class="good-line" d="M${x - gap + 2} ${top + 60} h${gap - 5} m-5 -5 l5 5 l-5 5"/>`;
    return [
      `<rect class="box" x="${x}" y="${top}" width="${width}" height="120" rx="6"/>`,
      ...(index === 0 ? [] : [arrow]),
      text(x + 10, top + 24, title, { as: 'title good' }),
      ...lines.map((line, at) => text(x + 10, top + 46 + at * 17, line)),
      ...steps.map((some, at) => text(x + 10, top + 97 + at * 14, some.join(' '), { as: 'code faint' })),
    ];
  });
  const all = left * 2 + stages.length * width + (stages.length - 1) * gap;
  const label = stages.map(({ title }) => title).join(', ');
  return figure(all, 182, `How a launch goes: ${label}`, [
    ...parts,
    `<path class="bad-line" d="M${left} 150 h${all - left * 2}" stroke-dasharray="2 4"/>`,
    text(all / 2, 170, failure, { as: 'bad', anchor: 'middle' }),
  ]);
}

const round = (value) => Math.round(value * 10) / 10;
const sizeName = (sizeMb) => (sizeMb < 1024 ? `${sizeMb} MB` : `${sizeMb / 1024} GB`);
const timeName = (ms) => (ms >= 1000 ? `${ms / 1000} s` : `${ms} ms`);

/** How long one launch holds the event loop of a Node service, against the memory of the service; both axes logarithmic. */
export function drawLoop({ machine, rounds, sizesMb, uchrootMs, childProcessMs }) {
  const [left, right, top, bottom] = [74, 740, 50, 250];
  const all = [...uchrootMs, ...childProcessMs];
  const [low, high] = [Math.floor(Math.log10(Math.min(...all))), Math.ceil(Math.log10(Math.max(...all)))];
  const decades = Array.from({ length: high - low + 1 }, (_, at) => low + at);
  const xOf = (sizeMb) =>
    left + 20 + ((right - left - 40) * Math.log(sizeMb / sizesMb[0])) / Math.log(sizesMb.at(-1) / sizesMb[0]);
  const yOf = (ms) => bottom - ((bottom - top) * (Math.log10(ms) - low)) / (high - low);
  const curve = (values, as, name) => {
    const points = values.map((ms, at) => [round(xOf(sizesMb[at])), round(yOf(ms))]);
    const [x, y] = points.at(-1);
    return [
      `<polyline class="${as}-line" points="${points.map((point) => point.join(',')).join(' ')}"/>`,
      ...points.map(([cx, cy]) => `<circle class="${as}" cx="${cx}" cy="${cy}" r="4"/>`),
      text(x, y - 12, name, { as: `title ${as}`, anchor: 'end' }),
    ];
  };
  return figure(770, 312, 'How long one launch holds the event loop, against the memory of the service', [
    text(20, 28, 'How long one launch holds the event loop', { as: 'title' }),
    ...decades.flatMap((decade) => [
      `<path class="grid" d="M${left} ${round(yOf(10 ** decade))} H${right}"/>`,
      text(left - 8, round(yOf(10 ** decade)) + 4, timeName(Number((10 ** decade).toPrecision(1))), {
        as: 'faint',
        anchor: 'end',
      }),
    ]),
    ...sizesMb.map((sizeMb) =>
      text(round(xOf(sizeMb)), bottom + 20, sizeName(sizeMb), { as: 'faint', anchor: 'middle' }),
    ),
    text((left + right) / 2, bottom + 38, 'memory of the service', { anchor: 'middle' }),
    ...curve(childProcessMs, 'bad', 'child_process'),
    ...curve(uchrootMs, 'good', 'uchroot'),
    text(20, 304, `Medians of ${rounds} rounds in turns; both axes logarithmic. ${machine}`, {
      as: 'code faint',
    }),
  ]);
}

const draw = { launch: drawLaunch, loop: drawLoop };

/** The figures by the paths of their files: what the committed data make. */
export function drawFigures() {
  return Object.entries(draw).map(([name, drawOne]) => [
    fileURLToPath(new URL(`../../doc/figures/${name}.svg`, import.meta.url)),
    drawOne(JSON.parse(readFileSync(new URL(`figures/${name}.json`, import.meta.url), 'utf8'))),
  ]);
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  for (const [path, svg] of drawFigures()) writeFileSync(path, svg);
