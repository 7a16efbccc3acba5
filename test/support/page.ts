// The code blocks of a page, and what is done with each of them. CONTRIBUTING.md, "Pages", has the rules for authors.
import { readdirSync, readFileSync } from 'node:fs';

import { packageDirectory } from './launch.ts';

/** A code block of a page. */
export interface Block {
  /** The path of the page in the package. */
  readonly page: string;
  /** The number of the block's first line. */
  readonly line: number;
  /** The heading above it. */
  readonly section: string;
  /** The word after the fence; empty for an indented block. */
  readonly language: string;
  readonly text: string;
  /** The HTML comment that stands before the block. */
  readonly note: string | undefined;
}

/** A command of a block `console`, and the lines that the page shows after it. */
export interface Command {
  /** `#` is root's prompt, `$` an ordinary user's. */
  readonly prompt: '#' | '$';
  readonly line: string;
  readonly shown: readonly string[];
}

/** The paths of all pages of the package. */
export function pagePaths(): readonly string[] {
  const list = (directory: string): readonly string[] =>
    readdirSync(`${packageDirectory}/${directory}`, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.md'))
      .toSorted()
      .map((name) => (directory === '.' ? name : `${directory}/${name}`));
  const top = readdirSync(packageDirectory).filter((name) => name.endsWith('.md'));
  return [...top.toSorted(), ...list('doc'), ...list('examples')];
}

const widthOf = (line: string): number => line.length - line.trimStart().length;

// The column where the text of a list item or of a definition begins, or undefined.
function itemColumn(line: string): number | undefined {
  const [mark] = /^ *(?:[-*:]|\d+\.) +(?=\S)/.exec(line) ?? [];
  return mark?.length;
}

/** The code blocks of a page, in order: fences, and text that is indented as code (CommonMark, 4.4 and 4.5). */
export function readBlocks(page: string): readonly Block[] {
  const lines = readFileSync(`${packageDirectory}/${page}`, 'utf8').split('\n');
  const blocks: Block[] = [];
  let section = '';
  let note: string | undefined;
  let columns: number[] = [];
  let isAfterBlank = true;
  for (let index = 0; index < lines.length; index++) {
    const line = lines[index] ?? '';
    if (line.trim() === '') {
      isAfterBlank = true;
      continue;
    }
    const width = widthOf(line);
    columns = columns.filter((column) => width >= column || !isAfterBlank);
    const [, language] = /^ *```(\w*)$/.exec(line) ?? [];
    const isIndented = isAfterBlank && width >= (columns.at(-1) ?? 0) + 4;
    if (language !== undefined || isIndented) {
      const first = language === undefined ? index : index + 1;
      const isEnd =
        language === undefined
          ? (each: string): boolean => each.trim() !== '' && widthOf(each) < width
          : (each: string): boolean => each.trim() === '```';
      let end = first;
      while (end < lines.length && !isEnd(lines[end] ?? '')) end++;
      const text = lines
        .slice(first, end)
        .map((each) => each.slice(width))
        .join('\n')
        .trimEnd();
      blocks.push({ page, line: first + 1, section, language: language ?? '', text: `${text}\n`, note });
      index = language === undefined ? end - 1 : end;
      note = undefined;
      isAfterBlank = true;
      continue;
    }
    note = /^ *<!-- (.*) -->$/.exec(line)?.[1];
    section = /^#+ (.*)$/.exec(line)?.[1] ?? section;
    if (line.startsWith('#')) columns = [];
    const column = itemColumn(line);
    if (column !== undefined) columns = [...columns.filter((each) => each < column), column];
    isAfterBlank = false;
  }
  return blocks;
}

/** The commands of a block `console`. A line that ends in a backslash goes on in the next. */
export function readCommands(text: string): readonly Command[] {
  const commands: { prompt: '#' | '$'; line: string; shown: string[] }[] = [];
  for (const line of text.trimEnd().replaceAll('\\\n', '').split('\n')) {
    const [, prompt, typed = ''] = /^([#$]) (.*)$/.exec(line) ?? [];
    if (prompt === '#' || prompt === '$') commands.push({ prompt, line: typed, shown: [] });
    else commands.at(-1)?.shown.push(line);
  }
  return commands;
}

/** What a command has to print. `...` alone on a line stands for any lines, elsewhere for anything in its line. */
export function toPattern(shown: readonly string[]): RegExp {
  const lines = shown.map((line) =>
    line === '...'
      ? '(?:.*\n)*?'
      : `${line
          .split('...')
          .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
          .join('.*')}\n`,
  );
  return new RegExp(`^${lines.join('')}$`);
}
