// uchroot-inetd: serves one service that options describe, or those of configuration files.
import { basename } from 'node:path';

import { option } from '../../values/command-option.ts';
import { needs, withoutKeys } from '../../values/wrong.ts';
import { exitStatuses, type LaunchError, UsageError } from '../../errors.ts';
import { readConfiguration, showNotCarried, toServices } from '../../inetd/config/configuration.ts';
import { type ConfiguredService, type NotCarried } from '../../inetd/config/configured-service.ts';
import { placeOf } from '../../values/toml-options.ts';
import { runDaemon } from '../../inetd/daemon.ts';
import { refuseOverlap, type Services } from '../../inetd/inetd.ts';
import { STATUS_SOCKET } from '../../inetd/report/status-server.ts';
import { inetdUnit } from '../../inetd/inetd-unit.ts';
import { toFilterSource } from '../../launch/request/filter-value.ts';
import { quote } from '../../words/quote.ts';
import { findAddressProblem, serviceProblems } from '../../inetd/service-problem.ts';
import { commandLine } from '../../words/shell-word.ts';
import { serveOptions, toServeRequest } from '../../inetd/serve-options.ts';
import { normalizeServe } from '../../inetd/serve-request.ts';
import { findUnruled } from '../../inetd/unruled-wait.ts';
import { toArgument, type GivenOption, type ReadArguments } from '../arguments.ts';
import type { Format } from '../../service/unit/service-unit.ts';
import { refuseForeign } from '../../service/unit/present-unit.ts';
import { printedFiles, writeFiles } from '../../service/unit/unit-files.ts';
import { readVersion } from '../../version.ts';
import { pathOf, valueOf, valuesOf, type Command } from '../dispatch.ts';
import { absolute, launchOptions } from '../uchroot-options.ts';
import { latin1, nodeCommand } from '../uchroot-unit.ts';
import { toInitSystem, toUnitDirectory } from '../unit-name.ts';

const isOfUchroot = new Set(launchOptions().map(({ name }) => name));
const [own = [], ofUchroot = []] = [false, true].map((isTheirs) =>
  serveOptions().filter(({ name }) => isOfUchroot.has(name) === isTheirs),
);

export const ofConfiguration = [
  option('--directory DIR', 'jail of services of inetd and xinetd that name none (default /)'),
] as const;

const ofDaemon = [
  option('--config FILE', 'services in TOML, or as inetd and xinetd have them; may be repeated'),
  ...ofConfiguration,
  option('--status-socket PATH', `where uchroot-inetd status asks (default with --config: ${STATUS_SOCKET})`),
  option(
    '--unit FORMAT',
    'print the unit that runs this command at boot: systemd, openrc, sysv, runit or s6; serve nothing',
  ),
  option('--unit-dir DIR', 'write its files to DIR instead'),
] as const;

/** The usage line for one service. */
export const synopsis =
  '--listen ADDRESS [OPTION]... [OPTION of uchroot]... USER[:GROUP] DIRECTORY PROGRAM [ARGUMENT]...';

/** All options of the daemon, for a command that reads the same command line. */
export const ofCommandLine = [...own, ...ofDaemon, ...ofUchroot];

export const serve: Command<undefined> = {
  synopsis: `${synopsis}\n       uchroot-inetd --config FILE [OPTION]...`,
  summary:
    'starts PROGRAM in its jail for each connection that the rules grant, with the connection as its descriptors 0 to 2',
  options: [...own, ...ofDaemon],
  unlisted: ofUchroot,
  statuses: '0 ended by a signal; 125 to 127 as uchroot.',
  operands: [0, Infinity],
  startsProgram: true,
  failureStatus: exitStatuses.failed,
  run: async (read) => {
    const files = valuesOf(read, 'config').map(({ bytes }) => bytes);
    checkOperands(read, files.length > 0);
    const format = valueOf(read, 'unit')?.text;
    if (format !== undefined) {
      const system = toInitSystem(format);
      // the other init systems open no sockets
      const given = readServed(read, files, system === 'systemd');
      const text = unitOf(read, system);
      return { text, status: (await tellProblems(given)) ? exitStatuses.failed : 0 };
    }
    if (valueOf(read, 'unit-dir') !== undefined) throw needs('--unit-dir', '--unit', 'systemd');
    await runDaemon({
      read: (isActivated, warn) => {
        const { services, notCarried } = readServed(read, files, isActivated);
        for (const one of notCarried) warn(showNotCarried(one));
        return services;
      },
      statusSocket: statusSocketOf(read) ?? (files.length > 0 ? STATUS_SOCKET : undefined),
    });
    return '';
  },
};

function checkOperands({ operands }: ReadArguments, isConfigured: boolean): void {
  if (isConfigured && operands.length > 0)
    throw new UsageError('--config and a program are given at once', {
      hint: `leave ${operands.map(({ bytes }) => quote(bytes)).join(' ')} out: the services of the files have programs of their own`,
    });
  if (!isConfigured && operands.length < 3)
    throw new UsageError(`${['USER', 'DIRECTORY', 'PROGRAM'][operands.length]} is missing`, {
      hint: 'behind the options stand USER DIRECTORY PROGRAM, for example nobody /srv/jail /bin/id',
    });
}

// Makes the path of an option absolute: at boot, the working directory is /.
function optionAtBoot([name, { text, bytes }]: GivenOption): string {
  const { metavar } = [...serveOptions(), ...ofDaemon].find((one) => one.name === name) ?? {};
  if (metavar === undefined) return `--${name}`;
  const profile = name === 'seccomp' ? toFilterSource(text, name)?.file : undefined;
  if (profile !== undefined)
    return `--${name}=${text.startsWith('log:') ? 'log:' : ''}${latin1(absolute(Buffer.from(profile)))}`;
  // --chdir names a place in the jail
  const isOfHost = /^(FILE|DIR|PATH)$/.test(metavar) && name !== 'chdir';
  return `--${name}=${latin1(isOfHost ? absolute(bytes) : bytes)}`;
}

function unitOf(read: ReadArguments, format: Format): string | Buffer {
  const { options, operands } = read;
  const given = options.filter(([name]) => name !== 'unit' && name !== 'unit-dir').map(optionAtBoot);
  const [user, jail, ...program] = operands.map(({ bytes }) => bytes);
  const words = user === undefined || jail === undefined ? [] : [user, absolute(jail), ...program];
  const args = words.map(latin1);
  const files = inetdUnit(format, {
    command: nodeCommand(args),
    words: [...given, ...args],
    version: readVersion(),
  });
  const directory = valueOf(read, 'unit-dir');
  if (directory === undefined) return printedFiles(format, files);
  const place = absolute(toUnitDirectory(directory.bytes)).toString();
  refuseForeign(files, place, '');
  return writeFiles(files, place)
    .map((path) => `${path}\n`)
    .join('');
}

/** The jail of services of inetd and xinetd that name none. */
export function directoryOf(read: ReadArguments): string {
  const given = pathOf(read, 'directory', '/srv/jail');
  return given === undefined ? '/' : absolute(given).toString();
}

/** The services of a command line. */
export interface GivenServices {
  readonly services: Services;
  readonly configured: readonly ConfiguredService[];
  readonly notCarried: readonly NotCarried[];
  /** The name of the one service, if the command line describes one. */
  readonly statusSocket: string | undefined;
}

/** The path of --status-socket. @throws UsageError */
export const statusSocketOf = (read: ReadArguments): string | undefined =>
  pathOf(read, 'status-socket', STATUS_SOCKET)?.toString();

/**
 * Reads the services of files, or the one service of the operands. Options of the command line are defaults for the services of files.
 *
 * @throws UsageError, LaunchError
 */
export function readGiven(
  read: ReadArguments,
  files: readonly Buffer[],
  isActivated: boolean,
): GivenServices {
  const statusSocket = statusSocketOf(read);
  if (files.length === 0 && valueOf(read, 'directory') !== undefined)
    throw new UsageError('--directory is for the files of --config, and has no effect without them', {
      hint: 'leave it out: the jail stands behind USER',
    });
  if (files.length === 0)
    return { services: oneService(read, isActivated), configured: [], notCarried: [], statusSocket };
  const paths = files.map((file) => absolute(file).toString());
  const { services: configured, notCarried, disabled = [] } = readConfiguration(paths, directoryOf(read));
  if (configured.length === 0 && notCarried.length === 0 && disabled.length > 0)
    throw new UsageError(
      `the configuration turns off all of its services: ${disabled.map((name) => quote(name)).join(', ')}`,
      {
        hint: 'write disable = no in the service that is meant',
      },
    );
  if (configured.length === 0 && notCarried.length > 0)
    throw new UsageError(
      ['the configuration has no services', ...notCarried.map(showNotCarried)].join('\n'),
      {
        hint:
          notCarried.find(({ remedy }) => remedy !== undefined)?.remedy ??
          'add a service that can be carried over, or write it in TOML: uchroot-inetd schema has the keys',
      },
    );
  const known = new Set(serveOptions().map(({ name }) => name));
  const defaults = read.options
    .filter(([name]) => known.has(name))
    .map(([name, word]) => ({ name, word, line: undefined }));
  return { services: toServices(configured, defaults), configured, notCarried, statusSocket };
}

const tell = (lines: string): void => void process.stderr.write(`uchroot-inetd: ${lines}\n`);

const tellProblem = ({ message, hint }: UsageError | LaunchError, place: string): void =>
  tell(`${place}${message}${hint === undefined ? '' : `\nhint: ${withoutKeys(hint)}`}`);

/** Prints what is not carried over, and what a start would refuse. Returns whether a start would refuse something. */
export async function tellProblems(given: GivenServices): Promise<boolean> {
  const { services, configured, notCarried, statusSocket } = given;
  for (const one of notCarried) tell(showNotCarried(one));
  const findServiceProblem = serviceProblems();
  const byName = new Map(configured.map((one) => [one.name, one]));
  let isRight = true;
  for (const [name, settings] of services) {
    const found = byName.get(name);
    const place = found === undefined ? '' : `${placeOf(found.file, found.line)}: ${quote(name)}: `;
    const unruled = findUnruled(settings);
    // a start tells it too, and refuses nothing
    if (unruled !== undefined) tellProblem(unruled, place);
    const problem = await findServiceProblem(settings);
    if (problem === undefined) continue;
    isRight = false;
    tellProblem(problem, place);
  }
  const problem = statusSocket && findAddressProblem({ kind: 'unix', path: statusSocket });
  if (problem) tellProblem(problem, 'status-socket: ');
  return !isRight || Boolean(problem);
}

// The services to serve. Files of inetd and xinetd name no jail, and / would be the host's own.
function readServed(read: ReadArguments, files: readonly Buffer[], isActivated: boolean): GivenServices {
  const given = readGiven(read, files, isActivated);
  if (files.length > 0 && valueOf(read, 'directory') === undefined) refuseHost(given.services);
  return given;
}

function refuseHost(services: Services): void {
  for (const [name, { launch }] of services) {
    if (String(launch.jail) !== '/' || launch.insecurePath === true) continue;
    throw new UsageError(`${quote(name)}: no jail is named, and / is the host's own root directory`, {
      hint: `${commandLine('uchroot-jail', 'build', '/srv/jail', String(launch.program))}   # then give --directory /srv/jail`,
    });
  }
}

// One service, with the name of its program.
function oneService({ options, operands }: ReadArguments, isActivated: boolean): Services {
  const [user = '', jail, program, ...args] = operands.map(({ bytes }) => bytes);
  const isListening = options.some(([name]) => name === 'listen');
  const systemd = ['listen', toArgument(Buffer.from('systemd'))] as const;
  const request = toServeRequest(isListening || !isActivated ? options : [systemd, ...options], {
    user: user.toString(),
    jail: absolute(jail ?? Buffer.alloc(0)),
    program: program ?? Buffer.alloc(0),
    args,
  });
  if (request.listen === undefined)
    throw new UsageError('no address to listen on', {
      hint: 'give one with --listen, or start it by a .socket unit of systemd',
    });
  const settings = normalizeServe(request);
  const services = new Map([[settings.daemon || basename(String(program)), settings]]);
  refuseOverlap(services);
  return services;
}
