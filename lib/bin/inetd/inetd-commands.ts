// The commands of uchroot-inetd that have a name: check, import, schema and status. Without a name it serves (inetd-serve.ts).
import { jsonDocument, printedJson } from '../../words/json.ts';
import { askStatus, type InetdStatus, STATUS_SOCKET, statusText } from '../../inetd/report/status-server.ts';
import { readConfiguration, showNotCarried, toServices } from '../../inetd/config/configuration.ts';
import { configurationSchema } from '../../inetd/config/schema.ts';
import { tomlText } from '../../inetd/config/toml-text.ts';
import { showListenAddress } from '../../inetd/listen/listen-address.ts';
import { type Argument, option } from '../../values/command-option.ts';
import { exitStatuses, UsageError } from '../../errors.ts';
import { quote } from '../../words/quote.ts';
import { FORMATS, toFormat } from '../common-options.ts';
import { has, valueOf, valuesOf, type Command, type Outcome } from '../dispatch.ts';
import {
  directoryOf,
  ofCommandLine,
  ofConfiguration,
  readGiven,
  statusSocketOf,
  synopsis,
  tellProblems,
} from './inetd-serve.ts';
import { absolute } from '../uchroot-options.ts';

const LEFT = 3;

const ending = ({ length }: readonly unknown[], text: string): Outcome => ({
  text,
  status: length > 0 ? LEFT : 0,
});

const isListen = ({ text }: Argument): boolean => /^--listen(=|$)/.test(text);

const check: Command<undefined> = {
  options: ofConfiguration,
  unlisted: ofCommandLine.filter((one) => !ofConfiguration.some(({ name }) => name === one.name)),
  synopsis: `check [--directory DIR] FILE...|${synopsis}`,
  summary: 'lists the services of files, or of a command line, and tells what a start would refuse',
  statuses: '0 all is right, 3 something of inetd or xinetd is not carried over, 125 something is wrong.',
  operands: [0, Infinity],
  startsProgram: (words) => words.some(isListen),
  failureStatus: exitStatuses.failed,
  run: async (read, _, ...operands) => {
    const files = valuesOf(read, 'config').map(({ bytes }) => bytes);
    const isOne = files.length === 0 && has(read, 'listen');
    if (isOne ? operands.length < 3 : files.length + operands.length === 0)
      throw new UsageError(`Usage: uchroot-inetd ${check.synopsis}`, { hint: 'uchroot-inetd check --help' });
    const given = readGiven(read, isOne ? [] : [...files, ...operands], true);
    const lines = [...given.services].map(
      ([name, { listen, wait, launch }]) =>
        `${name}: ${listen.map((one) => quote(showListenAddress(one))).join(', ')}${wait ? ', wait' : ''}: ${quote(launch.program ?? '')} in ${quote(launch.jail)} as ${quote(String(launch.user))}\n`,
    );
    const isWrong = await tellProblems(given);
    return isWrong
      ? { text: lines.join(''), status: exitStatuses.failed }
      : ending(given.notCarried, lines.join(''));
  },
};

const importFiles: Command<undefined> = {
  options: ofConfiguration,
  operands: [1, Infinity],
  failureStatus: exitStatuses.failed,
  synopsis: 'import [--directory DIR] FILE...',
  summary: 'rewrites files of inetd and xinetd as TOML, and says what is not carried over',
  statuses: '0 all is carried over, 3 something is not, 125 a file is wrong.',
  run: async (given, _, ...paths) => {
    const { services, notCarried } = readConfiguration(
      paths.map((file) => absolute(file).toString()),
      directoryOf(given),
    );
    for (const one of notCarried) process.stderr.write(`uchroot-inetd: ${showNotCarried(one)}\n`);
    // a wrong value is reported with its line in the old file
    if (services.length > 0) toServices(services, []);
    return ending(notCarried, tomlText(services));
  },
};

const schema: Command<undefined> = {
  synopsis: 'schema',
  summary: 'prints the JSON schema of the configuration in TOML',
  options: [],
  operands: [0, 0],
  run: async () => printedJson(configurationSchema()),
};

const status: Command<undefined> = {
  synopsis: 'status [OPTION]...',
  summary: 'shows the services and live connections of a running uchroot-inetd',
  options: [
    option('--status-socket PATH', `the socket that it was given (default ${STATUS_SOCKET})`),
    option('--format text|json', 'how the answer is printed'),
    option('--metrics', 'print its metrics instead, as OpenMetrics text'),
  ],
  operands: [0, 0],
  run: async (read) => {
    const format = toFormat(valueOf(read, 'format'), FORMATS);
    const path = statusSocketOf(read) ?? STATUS_SOCKET;
    if (has(read, 'metrics')) return askStatus(path, 'metrics');
    const found = JSON.parse(await askStatus(path, 'status')) as InetdStatus;
    return format === 'json' ? jsonDocument(found) : `${statusText(found)}\n`;
  },
};

/** By name. */
export const inetdCommands: Readonly<Record<string, Command<undefined>>> = {
  status,
  check,
  import: importFiles,
  schema,
};
