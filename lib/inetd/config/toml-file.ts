// Services in TOML: `[services.NAME]` tables, whose keys are the options of the command, and `[defaults]` for all of them.
import { isDeepStrictEqual } from 'node:util';

import { parse, TomlError, type TomlTable, type TomlValue } from 'smol-toml';

import type { Argument } from '../../values/command-option.ts';
import type { LaunchOption } from '../../launch/request/launch-option.ts';
import { didYouMean } from '../../words/nearest.ts';
import { quote } from '../../words/quote.ts';
import { serveOptions } from '../serve-options.ts';
import { serveRows } from '../serve-request.ts';
import {
  errorAt,
  toServiceName,
  toWord,
  type ConfiguredOption,
  type ConfiguredService,
  type ConfiguredServices,
} from './configured-service.ts';

// Keys of a service that are operands of the command.
const OPERAND_KEYS = ['user', 'directory', 'program', 'arguments'] as const;
// Values of those that must be there.
const EXAMPLES: Readonly<Record<string, string>> = {
  user: 'nobody',
  directory: '/srv/jail',
  program: '/bin/cat',
};
const TOP_KEYS: readonly string[] = ['defaults', 'services'];

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

// Options that take one list with commas.
const LISTS = new Set(['groups', 'affinity']);

// Whether each word of an option is added to the words before it. For any other option, only the last word counts.
function takesSeveral({ metavar = '', parse }: LaunchOption, words: readonly string[]): boolean {
  if (metavar.startsWith('NAME=')) return true;
  const [first, second] = words.slice(0, 2).map(toWord);
  if (first === undefined || second === undefined) return false;
  try {
    const after = (one: Argument, other: Argument): boolean =>
      !isDeepStrictEqual(
        parse(other, parse(one, undefined as never) as never),
        parse(other, undefined as never),
      );
    return after(first, second) || after(second, first);
  } catch {
    return true; // the value is wrong; this is reported when it is read
  }
}

// Keys of serveInJail(), xinetd.conf(5) and others that have another name here.
const OTHERS: Readonly<Record<string, string>> = {
  jail: 'directory',
  root: 'directory',
  args: 'arguments',
  server_args: 'arguments',
  server: 'program',
  command: 'program',
  port: 'listen',
  address: 'listen',
  bind: 'listen',
  per_source: 'per-source',
  cps: 'rate',
  env: 'setenv',
  // other words for the same thing, of configurations of Docker and systemd
  group: 'user = "USER:GROUP"',
  exec: 'program',
  cmd: 'program',
  path: 'program',
  argv: 'arguments',
  cwd: 'chdir',
};

function ofOthers(key: string): string | undefined {
  if (Object.hasOwn(OTHERS, key)) return `write ${OTHERS[key]}`;
  const [option] = Object.hasOwn(serveRows, key) ? (serveRows[key]?.options?.() ?? []) : [];
  return option && `write ${option.name}`;
}

const isTable = (value: unknown): value is TomlTable =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);

/** Reads one file. */
class TomlFile {
  readonly #file: string;
  readonly #places: Places;

  constructor(file: string, text: string) {
    this.#file = file;
    this.#places = new Places(text);
  }

  fail(path: Path, key: string, message: string, hint?: string): never {
    throw errorAt(this.#file, this.#places.key(path, key), message, hint);
  }

  #word(path: Path, key: string, value: unknown): string {
    if (typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint')
      return String(value);
    return this.fail(path, key, `${key} takes a text or a number`);
  }

  // The words of an option: `true` for one without a value, one for each element of an array, NAME=VALUE of a table. `false` is
  // an option that is not given: it takes back a default.
  #words(path: Path, value: TomlValue, option: LaunchOption): readonly string[] {
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
      const words = value.map((one) => this.#word(path, key, one));
      if (LISTS.has(key)) return [words.join(',')];
      if (words.length < 2 || takesSeveral(option, words)) return words;
      return this.fail(path, key, `${key} takes one value`, 'write one without brackets');
    }
    if (isTable(value) && metavar.startsWith('NAME='))
      return Object.entries(value).map(([name, one]) => {
        if (name.includes('=')) return this.fail(path, key, `${key}: ${quote(name)} is no name`);
        return `${name}=${this.#word(path, key, one)}`;
      });
    return [this.#word(path, key, value)];
  }

  options(path: Path, table: TomlTable): readonly ConfiguredOption[] {
    const known = serveOptions();
    return Object.entries(table).flatMap(([key, value]) => {
      if ((OPERAND_KEYS as readonly string[]).includes(key)) return [];
      const option = known.find(({ name }) => name === key);
      if (option === undefined) {
        const names = [...known.map(({ name }) => name), ...OPERAND_KEYS];
        return this.fail(path, key, `unknown key ${quote(key)}`, ofOthers(key) ?? didYouMean(key, names));
      }
      const line = this.#places.key(path, key);
      return this.#words(path, value, option).map((word) => ({
        name: key,
        word: toWord(word),
        line,
      }));
    });
  }

  #operand(name: string, table: TomlTable, defaults: TomlTable, key: string): string {
    const path = ['services', name];
    const value = table[key] ?? defaults[key];
    if (value === undefined) {
      throw errorAt(
        this.#file,
        this.#places.table(path),
        `${quote(name)}: ${key} is missing`,
        `write ${key} = "${EXAMPLES[key]}"`,
      );
    }
    const word = this.#word(path, key, value);
    if (key !== 'directory' || word.startsWith('/')) return word;
    return this.fail(path, key, 'directory is an absolute path', 'for example directory = "/srv/jail"');
  }

  service(name: string, table: TomlTable, defaults: TomlTable): ConfiguredService {
    const path = ['services', name];
    const args = table.arguments ?? defaults.arguments ?? [];
    if (!Array.isArray(args))
      return this.fail(path, 'arguments', 'arguments is an array', 'for example arguments = ["-l"]');
    const own = this.options(path, table);
    const inherited = this.options(['defaults'], defaults).filter(({ name }) => !Object.hasOwn(table, name));
    return {
      name,
      file: this.#file,
      line: this.#places.table(path),
      user: this.#operand(name, table, defaults, 'user'),
      directory: this.#operand(name, table, defaults, 'directory'),
      program: this.#operand(name, table, defaults, 'program'),
      arguments: args.map((one) => this.#word(path, 'arguments', one)),
      options: [...inherited, ...own],
      off: Object.entries({ ...defaults, ...table }).flatMap(([key, value]) =>
        value === false || (Array.isArray(value) && value.length === 0) ? [key] : [],
      ),
    };
  }
}

/** The services of a text in TOML. @throws UsageError with the line of what is wrong */
export function readToml(file: string, text: string): ConfiguredServices {
  let document: TomlTable;
  try {
    document = parse(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const [message = ''] = error.message.split('\n', 1);
    const hint =
      'write KEY = VALUE below [services.NAME], with a text in quotes, and each key and table once (toml.io)';
    throw errorAt(file, error.line, `no TOML: ${message.replace(/^Invalid TOML document: /, '')}`, hint);
  }
  const reader = new TomlFile(file, text);
  for (const key of Object.keys(document))
    if (!TOP_KEYS.includes(key))
      reader.fail(
        [],
        key,
        `unknown key ${quote(key)}`,
        didYouMean(key, TOP_KEYS) ??
          (isTable(document[key])
            ? `write [services.${key}]`
            : 'write [services.NAME] above it, with a name for the service'),
      );
  const { defaults = {}, services = {} } = document;
  if (!isTable(defaults)) return reader.fail([], 'defaults', 'defaults is a table', 'write [defaults]');
  if (!isTable(services))
    return reader.fail(
      [],
      'services',
      'services is a table of tables',
      'write [services.NAME], with a name for the service',
    );
  reader.options(['defaults'], defaults);
  return {
    services: Object.entries(services).map(([name, table]) => {
      if (!/^[A-Za-z0-9][\w.@+-]*$/.test(name))
        return reader.fail(
          ['services', name],
          name,
          `${quote(name)} is no name`,
          `write [services.${toServiceName(name)}]`,
        );
      if (!isTable(table))
        return reader.fail(['services'], name, `${quote(name)} is a table`, `write [services.${name}]`);
      return reader.service(name, table, defaults);
    }),
    notCarried: [],
  };
}
