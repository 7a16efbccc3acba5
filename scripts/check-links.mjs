// Fails if a link of a page leads to no file or to no heading, or if a page names a file of this repository that is not there.
// Nothing is fetched: links to the web are not looked at.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, resolve } from 'node:path';

const repository = resolve(import.meta.dirname, '..');
const pages = [
  ...readdirSync(repository).filter((name) => name.endsWith('.md')),
  ...readdirSync(join(repository, 'doc'), { recursive: true })
    .filter((name) => name.endsWith('.md'))
    .map((name) => `doc/${name}`),
];

/** The lines of a page outside of code blocks; the others are empty. */
function linesOf(page) {
  let fence;
  return readFileSync(join(repository, page), 'utf8')
    .split('\n')
    .map((line) => {
      const mark = /^ *(```+|~~~+)/.exec(line)?.[1];
      if (mark !== undefined && (fence === undefined || mark.startsWith(fence))) {
        fence = fence === undefined ? mark : undefined;
        return '';
      }
      return fence === undefined && !/^ {4}/.test(line) ? line : '';
    });
}

/** The anchors of a page's headings, as GitHub makes them. */
function anchorsOf(page) {
  const counts = new Map();
  return linesOf(page).flatMap((line) => {
    const heading = /^#{1,6} +(.*?) *#*$/.exec(line)?.[1];
    if (heading === undefined) return [];
    const words = heading.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase();
    const anchor = words.replace(/[^\p{L}\p{N}_ -]/gu, '').replaceAll(' ', '-');
    const times = counts.get(anchor) ?? 0;
    counts.set(anchor, times + 1);
    return [times === 0 ? anchor : `${anchor}-${times}`];
  });
}

/** What is wrong with a link to this target, or undefined. */
function problemOf(page, target) {
  if (/^[a-z][a-z0-9+.-]*:/i.test(target)) return undefined;
  const [path = '', anchor] = target.split('#');
  const file = path === '' ? page : normalize(join(dirname(page), decodeURIComponent(path)));
  if (!existsSync(join(repository, file))) return `${file} is not there`;
  if (anchor === undefined || !file.endsWith('.md') || anchorsOf(file).includes(anchor)) return undefined;
  return `${file} has no heading #${anchor}`;
}

const problems = [];
for (const page of pages)
  for (const [index, line] of linesOf(page).entries()) {
    const tell = (problem) => problems.push(`${page}:${index + 1}: ${problem}`);
    const prose = line.replace(/`[^`]*`/g, (code) => '`'.padEnd(code.length, '`'));
    const targets = [
      ...[...prose.matchAll(/\]\(<?([^()\s>]+)>?(?: +"[^"]*")?\)/g)].map(([, target]) => target),
      ...[...prose.matchAll(/^ {0,3}\[[^\]]+\]: +<?(\S+?)>?(?: |$)/g)].map(([, target]) => target),
      ...[...prose.matchAll(/<(?:img|a) [^>]*\b(?:src|href)="([^"]+)"/g)].map(([, target]) => target),
    ];
    for (const target of targets) {
      const problem = problemOf(page, target);
      if (problem !== undefined) tell(problem);
    }
    for (const [, path] of line.matchAll(/`((?:lib|native|test|scripts|doc|examples)\/[\w./-]+)`/g))
      if (page !== 'CHANGELOG.md' && !existsSync(join(repository, path))) tell(`${path} is not there`);
  }

for (const problem of problems) console.error(`check-links: ${problem}`);
process.exitCode = problems.length > 0 ? 1 : 0;
