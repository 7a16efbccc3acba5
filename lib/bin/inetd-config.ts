// uchroot-inetd check, import and schema: what configuration files say, and how they look in TOML.
import { printedJson } from '../json.ts';
import { readConfiguration, showNotCarried, toServices } from '../inetd/config/configuration.ts';
import { configurationSchema } from '../inetd/config/schema.ts';
import { tomlText } from '../inetd/config/toml-text.ts';
import { showListenAddress } from '../inetd/listen-address.ts';
import type { Command, Outcome } from './dispatch.ts';
import { directoryOf, ofConfiguration } from './inetd-serve.ts';
import type { ReadArguments } from './arguments.ts';
import { absolute } from './uchroot-options.ts';

const LEFT = 3;

function read(read: ReadArguments, files: readonly Buffer[]): ReturnType<typeof readConfiguration> {
  const found = readConfiguration(
    files.map((file) => absolute(file).toString()),
    directoryOf(read),
  );
  for (const one of found.notCarried) process.stderr.write(`uchroot-inetd: ${showNotCarried(one)}\n`);
  return found;
}

const ending = ({ length }: readonly unknown[], text: string): Outcome => ({
  text,
  status: length > 0 ? LEFT : 0,
});

const files = { options: ofConfiguration, operands: [1, Infinity] as const, failureStatus: 125 };

export const check: Command<undefined> = {
  ...files,
  synopsis: 'check [--directory DIR] FILE...',
  summary: 'reads configuration files, and lists their services; nothing is opened',
  statuses: '0 all is right, 3 something of inetd or xinetd is not carried over, 125 something is wrong.',
  run: async (given, _, ...paths) => {
    const { services, notCarried } = read(given, paths);
    const lines = [...toServices(services, [])].map(
      ([name, { listen, wait, launch }]) =>
        `${name}: ${listen.map(showListenAddress).join(', ')}${wait ? ', wait' : ''}: ${String(launch.program)} in ${String(launch.jail)} as ${launch.user}\n`,
    );
    return ending(notCarried, lines.join(''));
  },
};

export const importFiles: Command<undefined> = {
  ...files,
  synopsis: 'import [--directory DIR] FILE...',
  summary: 'rewrites files of inetd and xinetd as TOML, and says what is not carried over',
  statuses: '0 all is carried over, 3 something is not, 125 a file is wrong.',
  run: async (given, _, ...paths) => {
    const { services, notCarried } = read(given, paths);
    // a value that no service takes is told by its old line
    if (services.length > 0) toServices(services, []);
    return ending(notCarried, tomlText(services));
  },
};

export const schema: Command<undefined> = {
  synopsis: 'schema',
  summary: 'prints the JSON schema of the configuration in TOML',
  options: [],
  operands: [0, 0],
  run: async () => printedJson(configurationSchema()),
};
