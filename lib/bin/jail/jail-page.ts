// `uchroot-jail explain DIRECTORY --html FILE`: a page without scripts that shows what is in a jail, as areas, and why.
import { writeFileSync } from 'node:fs';

import { JailError } from '../../errors.ts';
import { absolute } from '../../jail/host/given-path.ts';
import { readBuilt } from '../../jail/listing.ts';
import type { Manifest, Recorded } from '../../jail/manifest/manifest.ts';
import { reasonChain, showReason, type Reason } from '../../jail/manifest/planned-entry.ts';
import { toJailError } from '../../jail/work/jail-error.ts';
import { type BytePath, bytePath, showPath } from '../../tree/path.ts';
import { quote } from '../../words/quote.ts';
import { commandLine } from '../../words/shell-word.ts';
import { megabytes } from '../progress-bar.ts';

interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

// Of the picture, in pixels; of a group's heading; of a letter.
const [WIDTH, HEIGHT, HEAD, LETTER] = [1100, 640, 16, 6.4];
// After the first ones of a group, a file with a smaller area is counted with the others.
const [LEAST_AREA, FIRST] = [40, 10];

/**
 * Rectangles of these sizes, the largest first, that fill a box and are nearly squares: a row grows as long as that makes its worst one
 * better (Bruls, Huizing, van Wijk: Squarified Treemaps, 2000).
 */
export function tiles(sizes: readonly number[], box: Box): readonly Box[] {
  const boxes: Box[] = [];
  let { x, y, width, height } = box;
  let left = sizes.reduce((sum, size) => sum + size, 0);
  for (let at = 0; at < sizes.length;) {
    const side = Math.min(width, height);
    const area = (width * height) / left;
    let [row, end, worst] = [0, at, Infinity];
    for (; end < sizes.length; end++) {
      const size = sizes[end] ?? 0;
      const square = (((row + size) * area) / side) ** 2;
      const ratio = Math.max(((sizes[at] ?? 0) * area) / square, square / (size * area));
      if (ratio > worst) break;
      [worst, row] = [ratio, row + size];
    }
    const depth = (row * area) / side;
    let along = 0;
    for (const size of sizes.slice(at, end)) {
      const length = (size * area) / depth;
      boxes.push(
        width > height
          ? { x, y: y + along, width: depth, height: length }
          : { x: x + along, y, width: length, height: depth },
      );
      along += length;
    }
    if (width > height) [x, width] = [x + depth, width - depth];
    else [y, height] = [y + depth, height - depth];
    [left, at] = [left - row, end];
  }
  return boxes;
}

// Names in a jail are bytes that anybody may have chosen.
const escaped = (text: string): string => text.replace(/[&<>"']/g, (letter) => `&#${letter.charCodeAt(0)};`);

const sizeOf = ({ sizeBytes = 0 }: Recorded): number => Math.max(1, sizeBytes);
const sumOf = (files: readonly Recorded[]): number => files.reduce((sum, file) => sum + sizeOf(file), 0);

const shown = (sizeBytes: number): string =>
  sizeBytes < 100_000 ? `${sizeBytes} bytes` : megabytes(sizeBytes);

interface Group {
  readonly name: string;
  readonly files: readonly Recorded[];
}

// What a user can name to have it, or to have it not.
const isCause = ({ how }: Reason): boolean =>
  ['asked', 'pack', 'package', 'learned', 'copied', 'state'].includes(how);

/** The files by the nearest cause; the largest group and the largest file first. */
function groupsOf({ entries }: Manifest, chainOf: (path: BytePath) => readonly Reason[]): readonly Group[] {
  const groups = new Map<string, Recorded[]>();
  for (const entry of entries) {
    if (entry.kind !== 'file') continue;
    const chain = chainOf(entry.path);
    const at = chain.findIndex(isCause);
    const [cause, needed] = [chain[at], chain[at - 1]];
    const own =
      cause?.how === 'pack' || cause?.how === 'package' ? `${cause.how} ${quote(cause.as ?? '')}` : '';
    const name =
      cause === undefined
        ? 'part of every jail'
        : own !== ''
          ? own
          : cause.how === 'asked'
            ? showPath(needed?.by ?? entry.path)
            : showReason(cause);
    const group = groups.get(name);
    if (group === undefined) groups.set(name, [entry]);
    else group.push(entry);
  }
  return Array.from(groups, ([name, files]) => ({
    name,
    files: files.toSorted((a, b) => sizeOf(b) - sizeOf(a)),
  })).toSorted((a, b) => sumOf(b.files) - sumOf(a.files));
}

const STYLE = `body{font:14px system-ui,sans-serif;margin:1em auto;max-width:${WIDTH}px;background:#fff;color:#1f2937}
svg{width:100%;height:auto}svg text{font-size:11px;fill:currentColor;pointer-events:none}rect{fill:hsl(var(--h) 55% 86%);stroke:#fff}
.group>rect{fill:hsl(var(--h) 45% 74%)}summary{cursor:pointer;padding:.2em;border-left:1em solid hsl(var(--h) 45% 74%)}
td{padding:.1em .6em;vertical-align:top;overflow-wrap:anywhere}td:nth-child(2){text-align:right;white-space:nowrap}:target{outline:2px solid}
@media(prefers-color-scheme:dark){body{background:#12161d;color:#e6eaf0}rect{fill:hsl(var(--h) 35% 28%);stroke:#12161d}
.group>rect{fill:hsl(var(--h) 35% 20%)}}`;

const place = ({ x, y, width, height }: Box): string =>
  `x="${x.toFixed(1)}" y="${y.toFixed(1)}" width="${width.toFixed(1)}" height="${height.toFixed(1)}"`;

function label(text: string, { x, y, width, height }: Box): string {
  const letters = Math.floor((width - 6) / LETTER);
  if (letters < 4 || height < 13) return '';
  const start = text.length <= letters ? text : `${text.slice(0, letters - 1)}…`;
  return `<text x="${(x + 3).toFixed(1)}" y="${(y + 12).toFixed(1)}">${escaped(start)}</text>`;
}

interface Shown extends Group {
  /** The files that have an area and a row of their own. */
  readonly large: readonly Recorded[];
  /** What is said of the others; empty if there are none. */
  readonly rest: string;
  readonly sizes: readonly number[];
  readonly summary: string;
  /** The beginning of the ids of its rows. */
  readonly id: string;
  readonly hue: string;
}

function toShown({ name, files }: Group, at: number, total: number): Shown {
  const large = files.filter(
    (file, index) => index < FIRST || (sizeOf(file) / total) * WIDTH * HEIGHT >= LEAST_AREA,
  );
  const small = files.slice(large.length);
  return {
    name,
    files,
    large,
    rest: small.length === 0 ? '' : `and ${small.length} smaller, ${shown(sumOf(small))}`,
    sizes: [...large.map(sizeOf), ...(small.length === 0 ? [] : [sumOf(small)])],
    summary: `${name}: ${files.length} ${files.length === 1 ? 'file' : 'files'}, ${shown(sumOf(files))}`,
    id: `f${at}-`,
    hue: `style="--h:${(at * 47) % 360}"`,
  };
}

function pictureOf({ name, large, rest, sizes, summary, id, hue }: Shown, box: Box): string {
  const head = box.height > 2 * HEAD ? HEAD : 0;
  const inner = { ...box, y: box.y + head, height: box.height - head };
  const areas = tiles(sizes, inner).map((tile, at) => {
    const file = large[at];
    const path = file === undefined ? rest : showPath(file.path);
    const title = file === undefined ? rest : `${path}, ${shown(sizeOf(file))}`;
    const words = label(path.slice(path.lastIndexOf('/') + 1), tile);
    return `<a href="#${id}${at}"><title>${escaped(title)}</title><rect ${place(tile)}/>${words}</a>`;
  });
  const heading = head === 0 ? '' : label(name, box);
  return `<g class="group" ${hue}><title>${escaped(summary)}</title><rect ${place(box)}/>${heading}${areas.join('')}</g>`;
}

/** The page for a manifest. */
export function jailPage(directory: Buffer, manifest: Manifest): string {
  const reasons = new Map(manifest.entries.map(({ path, reason }) => [path, reason]));
  const chainOf = (path: BytePath): readonly Reason[] => reasonChain(path, (at) => reasons.get(at));
  const all = groupsOf(manifest, chainOf);
  const total = all.reduce((sum, { files }) => sum + sumOf(files), 0);
  const groups = all.map((group, at) => toShown(group, at, total));
  const sizes = groups.map(({ files }) => sumOf(files));
  const boxes = tiles(sizes, { x: 0, y: 0, width: WIDTH, height: HEIGHT });
  const pictures = boxes.map((box, at) => pictureOf(groups[at] as Shown, box));
  const list = commandLine('uchroot-jail', 'list', bytePath(directory));
  const rowOf = (file: Recorded): string => {
    const version = manifest.packages[file.package ?? ''] ?? '';
    const why = chainOf(file.path).map(showReason).join(' ← ');
    const cells = [showPath(file.path), shown(sizeOf(file)), `${file.package ?? ''} ${version}`.trim(), why];
    return cells.map((cell) => `<td>${escaped(cell)}</td>`).join('');
  };
  const tables = groups.map(({ large, rest, summary, id, hue }) => {
    const last = rest === '' ? [] : [`<td colspan="4">${escaped(`${rest}: ${list}`)}</td>`];
    const rows = [...large.map(rowOf), ...last].map((row, at) => `<tr id="${id}${at}">${row}</tr>`);
    return `<details><summary ${hue}>${escaped(summary)}</summary><table>${rows.join('\n')}</table></details>`;
  });
  const count = groups.reduce((sum, { files }) => sum + files.length, 0);
  const title = `${escaped(quote(directory))}: ${count} files, ${shown(total)}`;
  return `<!DOCTYPE html>
<html lang="en"><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width"><title>${title}</title><style>${STYLE}</style>
<h1>${title}</h1>
<p>Each area is a file, as large as the file. Files with one cause have one colour: a program that was asked for with what it needs, a pack, a package.</p>
<svg viewBox="0 0 ${WIDTH} ${HEIGHT}">${pictures.join('\n')}</svg>
${tables.join('\n')}
</html>
`;
}

/** Writes the page to a new file that only the caller can read, as the manifest. @throws JailError EEXIST; as listJail */
export function writeJailPage(directory: Buffer, file: Buffer): void {
  const text = readBuilt(absolute(directory), (_, manifest) => jailPage(directory, manifest));
  try {
    writeFileSync(file, text, { flag: 'wx', mode: 0o600 });
  } catch (error) {
    const told = toJailError(error);
    if (!(told instanceof JailError) || told.code !== 'EEXIST') throw told;
    const hint = 'name a file that is not there';
    throw new JailError(`${quote(file)} is there already`, { code: 'EEXIST', path: quote(file), hint });
  }
}
