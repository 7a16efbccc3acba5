// Reads files in TOML whose keys are options of a command. An error names the line of the key.
import { parse, TomlError, type TomlTable, type TomlValue } from 'smol-toml';

import { UsageError } from '../errors.ts';
import { didYouMean } from '../words/nearest.ts';
import { quote } from '../words/quote.ts';
import type { Argument, Option } from './command-option.ts';

/** An option with the line where it stands. */
export interface ConfiguredOption {
  readonly name: string;
  readonly word: Argument;
  /** The file, if it is another one than that of the service. */
  readonly file?: string;
  readonly line: number | undefined;
}

/** A word of the command line. */
export const toWord = (text: string): Argument => ({ text, bytes: Buffer.from(text) });

/** A place in a file, as errors begin with it. */
export function placeOf(file: string, line: number | undefined): string {
  return `${quote(file)}${line === undefined ? '' : `:${line}`}`;
}

/** An error with its place in a file. */
export function errorAt(file: string, line: number | undefined, message: string, hint?: string): UsageError {
  return new UsageError(`${placeOf(file, line)}: ${message}`, { hint });
}

type Path = readonly string[];

// The names of a dotted key: bare, or in quotes.
function namesOf(text: string): Path {
  return (text.match(/"[^"]*"|'[^']*'|[\w-]+/g) ?? []).map((name) => name.replace(/["']/g, ''));
}

// Where a key stands. The parser gives no places, so the text is searched for its tables and keys. A key in an
// inline table gets the line of that table.
class Places {
  // The first line of each table and key.
  readonly #lines = new Map<string, number>();

  constructor(text: string) {
    let table: Path = [];
    for (const [index, line] of text.split('\n').entries()) {
      const header = /^\s*\[{1,2}([^\]]+)\]/.exec(line)?.[1];
      const key = /^\s*((?:"[^"]*"|'[^']*'|[\w-]+)(?:\s*\.\s*(?:"[^"]*"|'[^']*'|[\w-]+))*)\s*=/.exec(
        line,
      )?.[1];
      if (header !== undefined) this.#add((table = namesOf(header)), index + 1);
      else if (key !== undefined) this.#add([...table, ...namesOf(key)], index + 1);
    }
  }

  // A line counts for the key and for all tables around it.
  #add(path: Path, line: number): void {
    for (let length = 0; length <= path.length; length++) {
      const name = JSON.stringify(path.slice(0, length));
      if (!this.#lines.has(name)) this.#lines.set(name, line);
    }
  }

  /** The first line of a table: its header, or a dotted key in it. */
  table(path: Path): number | undefined {
    return this.#lines.get(JSON.stringify(path));
  }

  /** The line of a key, or of the table that it is in. */
  key(path: Path, key: string): number | undefined {
    return this.table([...path, key]) ?? (path.length === 0 ? undefined : this.table(path));
  }
}

export const isTable = (value: unknown): value is TomlTable =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);

/** The keys of a table. */
export interface Vocabulary<Known extends Option> {
  readonly options: readonly Known[];
  /** Keys that are no options: they are left to the caller. */
  readonly others: readonly string[];
  /** Whether each of these words of an option counts, and not only the last one. */
  readonly takesSeveral: (option: Known, words: readonly string[]) => boolean;
  /** The hint for an unknown key that has another name here. */
  readonly hint: (key: string) => string | undefined;
}

// Options that take one list with commas.
const LISTS = new Set(['groups', 'affinity']);

/** A file in TOML. @throws UsageError with the line of what is wrong */
export class TomlFile {
  readonly file: string;
  readonly document: TomlTable;
  readonly #places: Places;

  /** @param form what to write, for a text that is no TOML */
  constructor(file: string, text: string, form: string) {
    this.file = file;
    this.#places = new Places(text);
    try {
      this.document = parse(text);
    } catch (error) {
      if (!(error instanceof TomlError)) throw error;
      const [message = ''] = error.message.split('\n', 1);
      const hint = `write ${form}, with a text in quotes, and each key and table once (toml.io)`;
      throw errorAt(file, error.line, `no TOML: ${message.replace(/^Invalid TOML document: /, '')}`, hint);
    }
  }

  /** The first line of a table. */
  lineOf(path: Path): number | undefined {
    return this.#places.table(path);
  }

  fail(path: Path, key: string, message: string, hint?: string): never {
    throw errorAt(this.file, this.#places.key(path, key), message, hint);
  }

  word(path: Path, key: string, value: unknown): string {
    if (typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint')
      return String(value);
    return this.fail(path, key, `${key} takes a text or a number`);
  }

  // The words of an option: `true` for one without a value, one for each element of an array, NAME=VALUE of a table. `false` is
  // an option that is not given: it takes back a default.
  #words<Known extends Option>(
    path: Path,
    value: TomlValue,
    option: Known,
    takesSeveral: Vocabulary<Known>['takesSeveral'],
  ): readonly string[] {
    const { name: key, metavar } = option;
    if (value === false) return [];
    if (metavar === undefined) {
      if (value === true) return [''];
      return this.fail(path, key, `${key} is true or false`, 'write it without quotes');
    }
    // for the parser, 0o27 is the number 23: as text it would be another mode
    if (metavar === 'MODE' && typeof value !== 'string')
      return this.fail(path, key, `${key} is a text with an octal mode`, `in quotes, such as ${key} = "640"`);
    if (Array.isArray(value)) {
      const words = value.map((one) => this.word(path, key, one));
      if (LISTS.has(key)) return [words.join(',')];
      if (words.length < 2 || takesSeveral(option, words)) return words;
      return this.fail(path, key, `${key} takes one value`, 'write one without brackets');
    }
    if (isTable(value) && metavar.startsWith('NAME='))
      return Object.entries(value).map(([name, one]) => {
        if (name.includes('=')) return this.fail(path, key, `${key}: ${quote(name)} is no name`);
        return `${name}=${this.word(path, key, one)}`;
      });
    return [this.word(path, key, value)];
  }

  /** The options of a table. */
  options<Known extends Option>(
    path: Path,
    table: TomlTable,
    { options, others, takesSeveral, hint }: Vocabulary<Known>,
  ): readonly ConfiguredOption[] {
    return Object.entries(table).flatMap(([key, value]) => {
      if (others.includes(key)) return [];
      const option = options.find(({ name }) => name === key);
      if (option === undefined) {
        const names = [...options.map(({ name }) => name), ...others];
        return this.fail(path, key, `unknown key ${quote(key)}`, hint(key) ?? didYouMean(key, names));
      }
      const line = this.#places.key(path, key);
      return this.#words(path, value, option, takesSeveral).map((word) => ({
        name: key,
        word: toWord(word),
        line,
      }));
    });
  }
}

// `false` takes back a default.
const off = { const: false } as const;
const text = { type: ['string', 'number'] } as const;

/** The JSON schema of the keys that are options. Draft 2020-12; editors check a file with it (taplo, Even Better TOML). */
export const optionProperties = (options: readonly Option[]): Readonly<Record<string, object>> =>
  Object.fromEntries(options.map((option) => [option.name, { ...typeOf(option), description: option.help }]));

function typeOf({ metavar }: Option): object {
  if (metavar === undefined) return { type: 'boolean' };
  if (metavar === 'MODE') return { anyOf: [{ type: 'string' }, off] };
  const one = [text, { type: 'array', items: text }, off];
  if (!metavar.startsWith('NAME=')) return { anyOf: one };
  return { anyOf: [...one, { type: 'object', additionalProperties: text }] };
}
