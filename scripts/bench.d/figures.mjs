// Draws the figures of README.md and doc/outbound.md from figures/*.json: node scripts/bench.d/figures.mjs
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

// The width of a text at most, in px: system-ui at 13 px, and a monospaced letter at 11 px.
const widthOf = (words) => Math.ceil(words.length * 7.1);
const codeWidth = (words) => Math.ceil(words.length * 6.7);

/** Boxes from left to right, as wide as their texts, and a sentence below them. */
export function drawStages({ label, stages, below }) {
  const [gap, left, top] = [18, 14, 16];
  const height =
    54 +
    17 * Math.max(...stages.map(({ lines }) => lines.length)) +
    14 * Math.max(...stages.map(({ code }) => code.length));
  let x = left - gap;
  let end = left;
  const parts = stages.flatMap(({ title, where = '', lines, code }, index) => {
    x = end + (index === 0 ? 0 : gap);
    const width =
      20 + Math.max(...lines.map(widthOf), ...code.map(codeWidth), widthOf(`${title}  ${where}`) + 10);
    end = x + width;
    const arrow = `<path class="good-line" d="M${x - gap + 2} ${top + 60} h${gap - 5} m-5 -5 l5 5 l-5 5"/>`;
    return [
      `<rect class="box" x="${x}" y="${top}" width="${width}" height="${height}" rx="6"/>`,
      ...(index === 0 ? [] : [arrow]),
      text(x + 10, top + 24, title, { as: 'title good' }),
      ...(where === '' ? [] : [text(end - 10, top + 24, where, { as: 'faint', anchor: 'end' })]),
      ...lines.map((line, at) => text(x + 10, top + 46 + at * 17, line)),
      ...code.map((line, at) =>
        text(x + 10, top + height - 10 - (code.length - 1 - at) * 14, line, { as: 'code faint' }),
      ),
    ];
  });
  const all = end + left;
  return figure(all, height + 62, `${label}: ${stages.map(({ title }) => title).join(', ')}`, [
    ...parts,
    `<path class="bad-line" d="M${left} ${height + 30} h${all - left * 2}" stroke-dasharray="2 4"/>`,
    text(all / 2, height + 50, below, { as: 'bad', anchor: 'middle' }),
  ]);
}

/** Which level shuts what: a row for each subject of --plan, a column for each level. */
export function drawLevels({ levels, subjects }) {
  const [left, top, column, line] = [20, 62, 104, 22];
  const first = left + Math.max(...Object.keys(subjects).map(widthOf)) + 20;
  const height = top + Object.keys(subjects).length * line + 34;
  const width = first + levels.length * column + 8;
  const centre = (at) => first + at * column + column / 2;
  return figure(width, height, 'Which level stops what', [
    text(left, 28, 'Which level stops what', { as: 'title' }),
    ...levels.flatMap(({ name, option }, at) => [
      text(centre(at), 28, name, { as: 'title good', anchor: 'middle' }),
      text(centre(at), 46, option, { as: 'code faint', anchor: 'middle' }),
    ]),
    ...Object.entries(subjects).map(([subject, cells], row) => {
      const y = top + row * line;
      const dots = cells.replace(/[-x]/g, (cell, at) => {
        const [as, radius] = cell === 'x' ? ['good', 6] : ['bad-line', 5];
        return `\n<circle class="${as}" cx="${centre(at)}" cy="${y + 6}" r="${radius}"/>`;
      });
      return `<path class="grid" d="M${left} ${y - 5} H${width - left}"/>\n${text(left, y + 11, subject)}${dots}`;
    }),
    `<circle class="good" cx="${left + 6}" cy="${height - 18}" r="6"/>`,
    text(left + 18, height - 14, 'stopped'),
    `<circle class="bad-line" cx="${left + 92}" cy="${height - 18}" r="5"/>`,
    text(left + 104, height - 14, 'open, in part or as a whole: uchroot --plan says what would stop it'),
  ]);
}

/** Which command does which job. */
export function drawJobs({ jobs }) {
  const [left, top, line] = [14, 48, 40];
  const middle = left + Math.max(...jobs.map(({ job }) => widthOf(job))) + 34;
  const width = middle + Math.max(...jobs.map(({ command }) => codeWidth(command))) + 34;
  return figure(width, top + jobs.length * line + 8, 'Which command for which job', [
    text(left + 6, 28, 'Which command for which job', { as: 'title' }),
    ...jobs.flatMap(({ job, command }, at) => {
      const y = top + at * line;
      return [
        text(left + 6, y + 20, job),
        `<path class="good-line" d="M${middle - 24} ${y + 16} h13 m-5 -5 l5 5 l-5 5"/>`,
        `<rect class="box" x="${middle}" y="${y}" width="${width - middle - left}" height="32" rx="6"/>`,
        text(middle + 10, y + 20, command, { as: 'code' }),
      ];
    }),
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

const draw = { launch: drawStages, outbound: drawStages, levels: drawLevels, jobs: drawJobs, loop: drawLoop };

/** The figures by the paths of their files: what the committed data make. */
export function drawFigures() {
  return Object.entries(draw).map(([name, drawOne]) => [
    fileURLToPath(new URL(`../../doc/figures/${name}.svg`, import.meta.url)),
    drawOne(JSON.parse(readFileSync(new URL(`figures/${name}.json`, import.meta.url), 'utf8'))),
  ]);
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  for (const [path, svg] of drawFigures()) writeFileSync(path, svg);
