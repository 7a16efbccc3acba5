// Services in TOML: `[services.NAME]` tables, whose keys are the options of the command, and `[defaults]` for all of them.
import { isDeepStrictEqual } from 'node:util';

import type { TomlTable } from 'smol-toml';

import type { Argument } from '../../values/command-option.ts';
import { errorAt, isTable, TomlFile, toWord, type Vocabulary } from '../../values/toml-options.ts';
import type { LaunchOption } from '../../launch/request/launch-option.ts';
import { didYouMean, pairs } from '../../words/nearest.ts';
import { quote } from '../../words/quote.ts';
import { serveOptions } from '../serve-options.ts';
import { serveRows } from '../serve-request.ts';
import { toServiceName, type ConfiguredService, type ConfiguredServices } from './configured-service.ts';

// Keys of a service that are operands of the command.
const OPERAND_KEYS = ['user', 'directory', 'program', 'arguments'] as const;
// Values of those that must be there.
const EXAMPLES = pairs('user:nobody directory:/srv/jail program:/bin/cat');
const TOP_KEYS: readonly string[] = ['defaults', 'services'];

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
  ...pairs(`jail:directory root:directory args:arguments server_args:arguments server:program
    command:program port:listen address:listen bind:listen per_source:per-source cps:rate env:setenv`),
  // other words for the same thing, of configurations of Docker and systemd
  group: 'user = "USER:GROUP"',
  ...pairs('exec:program cmd:program path:program argv:arguments cwd:chdir'),
};

function ofOthers(key: string): string | undefined {
  if (Object.hasOwn(OTHERS, key)) return `write ${OTHERS[key]}`;
  const [option] = Object.hasOwn(serveRows, key) ? (serveRows[key]?.options?.() ?? []) : [];
  return option && `write ${option.name}`;
}

const vocabulary = (): Vocabulary<LaunchOption> => ({
  options: serveOptions(),
  others: OPERAND_KEYS,
  takesSeveral,
  hint: ofOthers,
});

/** Reads one file. */
class InetdFile extends TomlFile {
  #operand(name: string, table: TomlTable, defaults: TomlTable, key: string): string {
    const path = ['services', name];
    const value = table[key] ?? defaults[key];
    if (value === undefined) {
      throw errorAt(
        this.file,
        this.lineOf(path),
        `${quote(name)}: ${key} is missing`,
        `write ${key} = "${EXAMPLES[key]}"`,
      );
    }
    const word = this.word(path, key, value);
    if (key !== 'directory' || word.startsWith('/')) return word;
    return this.fail(path, key, 'directory is an absolute path', 'for example directory = "/srv/jail"');
  }

  service(name: string, table: TomlTable, defaults: TomlTable): ConfiguredService {
    const path = ['services', name];
    const args = table.arguments ?? defaults.arguments ?? [];
    if (!Array.isArray(args))
      return this.fail(path, 'arguments', 'arguments is an array', 'for example arguments = ["-l"]');
    const own = this.options(path, table, vocabulary());
    const inherited = this.options(['defaults'], defaults, vocabulary()).filter(
      ({ name }) => !Object.hasOwn(table, name),
    );
    return {
      name,
      file: this.file,
      line: this.lineOf(path),
      user: this.#operand(name, table, defaults, 'user'),
      directory: this.#operand(name, table, defaults, 'directory'),
      program: this.#operand(name, table, defaults, 'program'),
      arguments: args.map((one) => this.word(path, 'arguments', one)),
      options: [...inherited, ...own],
      off: Object.entries({ ...defaults, ...table }).flatMap(([key, value]) =>
        value === false || (Array.isArray(value) && value.length === 0) ? [key] : [],
      ),
    };
  }
}

/** The services of a text in TOML. @throws UsageError with the line of what is wrong */
export function readToml(file: string, text: string): ConfiguredServices {
  const reader = new InetdFile(file, text, 'KEY = VALUE below [services.NAME]');
  const { document } = reader;
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
  reader.options(['defaults'], defaults, vocabulary());
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
