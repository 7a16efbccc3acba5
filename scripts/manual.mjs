// Writes the manual pages that package.json names, from the pages in doc/. lowdown(1) makes a man page of Markdown. Before, this
// script changes what has another form in a man page than on the web: a table becomes a list, a link becomes a reference such as
// uchroot(8), and the name of a section is in capitals (man-pages(7)).
//   node scripts/manual.mjs [DIRECTORY]   to DIRECTORY/man, by default to man/
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { gzipSync } from 'node:zlib';

const root = join(import.meta.dirname, '..');
const { man, version, files: packaged } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

const pages = man.map((file) => {
  const [, name, section] = /^man\/(.+)\.(\d)\.gz$/.exec(file);
  const source = section === '3' ? 'library.md' : `${name}.md`;
  return { file, name, section, source };
});
const volumes = { 3: 'Library Functions Manual', 8: "System Administrator's Manual" };

const upper = (heading) => heading.replaceAll('`', '').toUpperCase();

// A link to a manual page becomes its name, a link to a place in it the name and the section. Other pages keep their file names:
// SEE ALSO tells where they are.
function reference(text, target, headings, others) {
  const [file, anchor] = target.split('#');
  if (/^https?:/.test(target)) return `[${text}](${target})`;
  if (file === '')
    return upper(text) === headings.get(anchor) ? upper(text) : `${text} (${headings.get(anchor)})`;
  const name = basename(file);
  const page = pages.find(({ source }) => source === name);
  if (page === undefined) {
    others.add(join('doc', file));
    return text.includes(name) ? `*${name}*` : `${text} (*${name}*)`;
  }
  const place = anchor === undefined ? '' : `, ${upper(anchor.replaceAll('-', ' '))}`;
  const title = `**${page.name}**(${page.section})${place}`;
  return text === name || text.startsWith(`${page.name}(`) ? title : `${text} (${title})`;
}

const pieces =
  /(?<code>(`+)[^`][\s\S]*?\2)|\[(?<words>[^\]]+)\]\((?<target>[^)\s]+)\)|(?<![\w*./-])(?<page>[a-z][\w.+-]*)(?<section>\([1-8][a-z]*\))|(?<=\w)_/g;

// What of a text is no code: links, names of manual pages, and underscores, which emphasise nothing.
function inline(text, headings, others) {
  return text.replace(pieces, (whole, ...rest) => {
    const { code, words, target, page, section } = rest.at(-1);
    if (code !== undefined) return code;
    if (target !== undefined) return reference(words, target, headings, others);
    return page === undefined ? String.raw`\_` : `**${page.replaceAll('_', String.raw`\_`)}**${section}`;
  });
}

// What is defined is bold, and the value of an option is in italics, as man-pages(7) asks.
const defined = (term) =>
  term.replaceAll(/`([^\s`*]+)( [^`*]+)?`/g, (_, word, value = '') =>
    value === '' ? `**${word}**` : `**${word}** *${value.trim()}*`,
  );

const cellsOf = (line) =>
  line
    .slice(1, line.trimEnd().length - 1)
    .split(/(?<!\\)\|/)
    .map((cell) => cell.trim().replaceAll(String.raw`\|`, '|'));

const labelled = ([label, text]) => (label === '' ? text : `${label}: ${text}`);
const lengthOf = (texts) => texts.reduce((sum, text) => sum + text.length, 0) / texts.length;

// A row becomes a term with its definition. A column of long texts is the definition, and the others stand behind the term.
function listOf(lines) {
  const [heads, , ...rows] = lines.map(cellsOf);
  const columns = heads.slice(1).map((_, at) => lengthOf(rows.map((row) => row[at + 1] ?? '')));
  const long = columns.filter((length) => length > 25);
  const main = long.length === 1 ? columns.indexOf(long[0]) + 1 : columns.length === 1 ? 1 : 0;
  return rows.flatMap((row) => {
    const rest = row.map((text, at) => [heads[at], text, at]).filter(([, text, at]) => at > 0 && text !== '');
    const aside = rest.filter(([, , at]) => main > 0 && at !== main).map(labelled);
    const texts = rest.filter(([, , at]) => main === 0 || at === main);
    // a line each
    const body = main > 0 ? (texts[0]?.[1] ?? '') : texts.map(labelled).join('  \n    ');
    // a definition cannot be empty
    return [
      '',
      `${defined(row[0])}${aside.length === 0 ? '' : ` (${aside.join('; ')})`}`,
      `:   ${body || '–'}`,
    ];
  });
}

// `# uchroot(8)` is the page's title, which lowdown gets apart; sections are then one level higher.
function heading(line) {
  const [, marks, text] = /^#(#+) (.*)$/.exec(line);
  return `${marks} ${marks === '#' ? upper(text) : text.replaceAll('`', '')}`;
}

const anchorOf = (text) =>
  text
    .toLowerCase()
    .replaceAll(/[^\w\s-]/g, '')
    .trim()
    .replaceAll(/\s/g, '-');

function headingsOf(lines) {
  const found = lines.flatMap((line) => /^##+ (.*)$/.exec(line)?.[1] ?? []);
  return new Map(found.map((text) => [anchorOf(text), upper(text)]));
}

// Parts of a page: code is passed on as it is, and a table as a whole.
function convert(text) {
  const lines = text.split('\n');
  const others = new Set();
  const headings = headingsOf(lines);
  const out = [];
  let isFenced = false;
  let isItem = false;
  let prose = [];
  const flush = () => {
    if (prose.length > 0) out.push(inline(prose.join('\n'), headings, others));
    prose = [];
  };
  for (let at = 1; at < lines.length; at++) {
    const line = lines[at];
    // who runs the block below it: CONTRIBUTING.md, "Pages"
    if (line.startsWith('<!-- ')) continue;
    if (line.startsWith('```')) {
      isFenced = !isFenced;
      flush();
      out.push('');
    } else if (isFenced) out.push(`    ${line}`);
    else if (line.startsWith('## ') || line.startsWith('### ')) {
      flush();
      isItem = false;
      out.push(heading(line));
    } else if (line.startsWith('|')) {
      const end = lines.findIndex((one, index) => index > at && !one.startsWith('|'));
      flush();
      out.push(inline(listOf(lines.slice(at, end)).join('\n'), headings, others), '');
      at = end - 1;
    } else {
      if (/^(?::   |[-*] |\d+\. )/.test(line)) isItem = true;
      else if (/^\S/.test(line)) isItem = false;
      const isCode = line.startsWith(isItem ? '        ' : '    ');
      if (isCode) flush();
      if (isCode) out.push(line);
      else prose.push(lines[at + 1]?.startsWith(':   ') ? defined(line) : line);
    }
  }
  flush();
  return { text: out.join('\n'), others: [...others].toSorted((one, other) => (one < other ? -1 : 1)) };
}

// lowdown does not indent examples, ends lines with blanks, and begins a paragraph below each heading.
function finish(roff) {
  const [synopsis, rest] = roff.split(/(?=^\.SH DESCRIPTION$)/m);
  const indented = rest.replaceAll(/^\.EX$/gm, '.in +4n\n.EX').replaceAll(/^\.EE$/gm, '.EE\n.in');
  return `${synopsis}${indented}`
    .replaceAll(/^\.TP 3$/gm, '.TP')
    .replaceAll(/^(\.S[HS](?: .*|\n.*))\n\.[LP]P$/gm, '$1')
    .replaceAll(/ +$/gm, '');
}

/** The output of a program. */
function outputOf(program, args, input) {
  const { status, stdout, stderr, error } = spawnSync(program, args, { cwd: root, input, encoding: 'utf8' });
  if (error?.code === 'ENOENT') throw new Error(`${program} is missing: apt-get install ${program}`);
  if (status !== 0) throw new Error(`${program}: ${error?.message ?? stderr}`);
  return stdout;
}

function render({ name, section, source }) {
  const { text, others } = convert(readFileSync(join(root, 'doc', source), 'utf8'));
  const places = [
    ['In the sources of uchroot and in its npm package', others.filter((file) => packaged.includes(file))],
    ['In the sources alone', others.filter((file) => !packaged.includes(file))],
  ];
  const where = places
    .filter(([, files]) => files.length > 0)
    .map(([place, files]) => `\n\n${place}: ${files.join(', ')}.\n`)
    .join('');
  const metadata = {
    title: name.toUpperCase(),
    section,
    // of the last change; an export of the repository has no dates
    date: existsSync(join(root, '.git'))
      ? outputOf('git', ['log', '-1', '--format=%cs', '--', `doc/${source}`]).trim()
      : '',
    source: `uchroot ${version}`,
    volume: volumes[section],
  };
  const given = Object.entries(metadata).flatMap(([key, value]) => ['-M', `${key}=${value}`]);
  const page = others.length === 0 ? text : `${text.trimEnd()}${where}`;
  return finish(outputOf('lowdown', ['-s', '-tman', '--out-no-smarty', ...given], page));
}

const [directory = root] = process.argv.slice(2);
rmSync(join(directory, 'man'), { recursive: true, force: true });
mkdirSync(join(directory, 'man'));
for (const page of pages) writeFileSync(join(directory, page.file), gzipSync(render(page), { level: 9 }));
