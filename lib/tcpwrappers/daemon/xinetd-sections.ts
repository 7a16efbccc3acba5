// The sections of xinetd.conf(5), over all files that include each other. Pure.
import { quote } from '../../words/quote.ts';

/** A file that has been read. */
export interface TextFile {
  readonly path: string;
  readonly text: string;
}

/** Whether `includedir` reads a file of this name: not those of editors and packages (xinetd.conf(5)). */
export const isIncluded = (name: string): boolean => !/\.|~$/.test(name);

/** Reads what `include` and `includedir` name, if it has not been read before. @param path as it is written in `from` */
export type Include = (path: string, from: string) => readonly TextFile[];

/** An attribute with its words, and where it was set. */
export interface Attribute {
  readonly words: readonly string[];
  readonly file: string;
  readonly line: number;
}

export type Attributes = ReadonlyMap<string, Attribute>;

interface Assignment extends Attribute {
  readonly name: string;
  readonly operator: string;
}

export interface Section {
  readonly file: string;
  readonly name: string;
  readonly line: number;
  readonly assignments: readonly Assignment[];
}

interface OpenSection extends Section {
  readonly assignments: Assignment[];
}

// Attributes whose value is a set. All others can be set only once.
const SETS = new Set(
  'only_from no_access log_on_success log_on_failure passenv env disabled enabled'.split(' '),
);

const BEGIN = /^(?:service\s+(\S+)|(defaults))\s*(\{)?$/;
const IN_ONE_LINE = /^(?:service\s+\S+|defaults)\s*\{\s*\S/;
const INCLUDE = /^include(?:dir)?\s+(\S+)$/;

// The lines of a text, without surrounding blanks and without comments.
const linesOf = (text: string): readonly string[] =>
  text
    .replace(/^\ufeff/, '')
    .split('\n')
    .map((line) => line.replace(/^\s*#.*$/, '').trim());

/** Whether a text has a section or an `include`. It goes line by line, because one expression for the whole text would be slow. */
export function isXinetdText(text: string): boolean {
  const lines = linesOf(text);
  const hasSection = text.includes('{') && lines.some((line) => BEGIN.test(line) || IN_ONE_LINE.test(line));
  return hasSection || lines.some((line) => INCLUDE.test(line));
}

/** Why a file is read no further. */
export interface SectionFault {
  readonly file: string;
  readonly line: number;
  readonly message: string;
  readonly hint: string;
}

/** Adds the sections of files, and of those that they include, to `found`. @returns why not all of them can be read */
export function readSections(
  files: readonly TextFile[],
  include: Include,
  found: Section[],
): SectionFault | undefined {
  for (const { path, text } of files) {
    let open: OpenSection | undefined;
    for (const [index, content] of linesOf(text).entries()) {
      const line = index + 1;
      const fail = (message: string, hint: string): SectionFault => ({ file: path, line, message, hint });
      const begin = BEGIN.exec(content);
      const [, included] = INCLUDE.exec(content) ?? [];
      if (IN_ONE_LINE.test(content))
        return fail(
          'the section is in one line (xinetd.conf(5))',
          'write the {, each NAME = VALUE and the } in lines of their own',
        );
      if (begin !== null && open !== undefined) return notClosed(open);
      if (begin !== null) open = { file: path, name: begin[1] ?? 'defaults', line, assignments: [] };
      else if (included !== undefined && open === undefined) {
        const fault = readSections(include(included, path), include, found);
        if (fault !== undefined) return fault;
      } else if (content === '}' && open !== undefined) {
        found.push(open);
        open = undefined;
      } else if (content !== '' && content !== '{') {
        const [, name, operator = '', value = ''] = /^(\w+)\s*([-+]?)=\s*(.*)$/.exec(content) ?? [];
        if (name === undefined || open === undefined)
          return fail(
            `'${quote(content)}' is no attribute of a section`,
            open === undefined ? 'write service NAME and { above it' : 'write NAME = VALUE',
          );
        const words = value.split(/\s+/).filter((word) => word !== '');
        open.assignments.push({ name, operator, words, file: path, line });
      }
    }
    if (open !== undefined) return notClosed(open);
  }
  return undefined;
}

function notClosed({ file, name, line }: Section): SectionFault {
  const hint = 'end it with a line that has only a }';
  return { file, line, message: `the section ${quote(name)} is not closed`, hint };
}

function assign(before: Attribute | undefined, { name, operator, words, file, line }: Assignment): Attribute {
  const old = before?.words ?? [];
  if (operator === '-') return { words: old.filter((word) => !words.includes(word)), file, line };
  return { words: operator === '+' || name === 'env' ? [...old, ...words] : words, file, line };
}

/** The attributes of `defaults` sections. Each line adds to a set. @param mayStand whether an attribute may stand there */
export function defaultsOf(sections: readonly Section[], mayStand: (name: string) => boolean): Attributes {
  const attributes = new Map<string, Attribute>();
  for (const one of sections.flatMap(({ assignments }) => assignments)) {
    if (!mayStand(one.name)) continue;
    const before = attributes.get(one.name);
    if (before === undefined || SETS.has(one.name))
      attributes.set(one.name, assign(before, { ...one, operator: one.operator || '+' }));
  }
  return attributes;
}

/** The attributes of a service: its own, over the defaults. */
export function attributesOf({ assignments }: Section, defaults: Attributes = new Map()): Attributes {
  const attributes = new Map(defaults);
  const own = new Set<string>();
  for (const one of assignments) {
    // a second line for the same attribute is ignored, as by xinetd
    if (own.has(one.name) && !SETS.has(one.name)) continue;
    own.add(one.name);
    attributes.set(one.name, assign(attributes.get(one.name), one));
  }
  return attributes;
}
