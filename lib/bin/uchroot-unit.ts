// uchroot --unit: reads the options of a unit, makes its files, and checks whether the launch would succeed.
import { realpathSync } from 'node:fs';
import { resolve } from 'node:path';

import { LaunchError, UsageError } from '../errors.ts';
import { wayTo } from '../launch/host/host-ways.ts';
import { viewOf } from '../launch/tell/jail-view.ts';
import { findProblem } from '../launch/tell/preflight.ts';
import { hasInit } from '../launch/request/isolation-value.ts';
import { prepareInPlace, type Warning } from '../launch/start/exec.ts';
import { needsCgroup, needsWaiter } from '../launch/request/limit-rows.ts';
import { normalize, type LaunchRequest } from '../launch/request/request.ts';
import { signalNumber } from '../launch/request/signal.ts';
import { parseNumber } from '../values/size.ts';
import { expecting, number, text } from '../values/validators.ts';
import { needs } from '../values/wrong.ts';
import { quote, toBuffer } from '../words/quote.ts';
import { bytePath, type BytePath } from '../tree/path.ts';
import { commandLine } from '../words/shell-word.ts';
import { oneLine, type Unit } from '../service/unit/service-unit.ts';
import { isClosedToRoot } from '../service/unit/closed-to-root.ts';
import { isPassing, nodePath, replaceable, stablePath } from '../service/unit/node-path.ts';
import { launchHardening } from '../service/unit/launch-hardening.ts';
import { refuseForeign } from '../service/unit/present-unit.ts';
import { directoryVariables, findMissingPack, findMissingPlace } from '../service/unit/systemd-unit.ts';
import { findRefusal, printedFiles, unitFiles, writeFiles } from '../service/unit/unit-files.ts';
import { readVersion } from '../version.ts';
import type { GivenOption } from './arguments.ts';
import { commandOptions, requestKeys } from './uchroot-options.ts';
import { toDirectories, toInitSystem, toName, toUnitDirectory } from './unit-name.ts';

type Options = readonly GivenOption[];
type Warn = (warning: Warning) => void;

interface UnitReport {
  readonly output: string | Buffer;
  readonly problem: LaunchError | undefined;
}

/** A byte string, one character a byte. */
export const latin1 = (value: Uint8Array | string): string => toBuffer(value).toString('latin1');

/** The words that start this command in a service. `--`: Node 20 would take --env-file for itself, even from the arguments of the program. */
export function nodeCommand(words: readonly string[]): readonly string[] {
  const end = words.some((word) => word.startsWith('--env-file')) ? ['--'] : [];
  return [latin1(nodePath()), ...end, latin1(stablePath(process.argv[1] ?? ''))];
}

// An absolute path without `.` and `..`, because systemd's settings do not accept these. The kernel resolves the part up to the
// last `..`: after a symbolic link, `..` is the directory above the link's target (path_resolution(7)).
function toPlainPath(path: Uint8Array | string): Buffer {
  const text = toBuffer(path).toString('latin1');
  const [, above, rest = ''] = /^(.*(?:^|\/)\.\.)(?:\/(.*))?$/s.exec(text) ?? [];
  if (above === undefined) return Buffer.from(resolve(text), 'latin1');
  try {
    // Not realpathSync(), which shortens `..` in the text first.
    const found = realpathSync.native(Buffer.from(above, 'latin1'), 'buffer').toString('latin1');
    return Buffer.from(resolve(found, rest), 'latin1');
  } catch {
    throw new UsageError(
      `${quote(toBuffer(path))}: the part before its '..' does not exist, so a unit cannot name it`,
      { hint: 'write the path without ..' },
    );
  }
}

// A link on the way to a path may lead to another directory of the host.
const wayOf = (path: BytePath): readonly string[] => wayTo(path).components.map(({ path }) => latin1(path));

// A port, ADDRESS:PORT, a path, or @NAME in the abstract namespace (systemd.socket(5), ListenStream=).
const address = expecting<string, string>(
  'a port, ADDRESS:PORT, [ADDRESS]:PORT, a path or @NAME',
  '8080',
  (value) => {
    const text = String(value);
    const port = /^(?:(?:[0-9.]+|\[[0-9a-fA-F:.]+\]):)?([0-9]{1,5})$/.exec(text)?.[1];
    // oxlint-disable-next-line no-control-regex
    const isPath = /^[/@][^\u0000-\u001f\u007f\ufffd]+$/.test(text) && !text.endsWith(' ');
    return isPath || (port !== undefined && Number(port) >= 1 && Number(port) <= 65_535) ? text : undefined;
  },
);

// systemd.exec(5), LoadCredential=
const credential = text(
  'NAME or NAME:PATH',
  'key:/etc/report/key',
  /^[A-Za-z0-9_][A-Za-z0-9._-]{0,200}(:\/[^\s"'\\]+)?$/,
);

const watchdogSeconds = number(0.001, 9_999_999, 'seconds', 30);

// The launch with what a unit adds: the variables of its directories. NOTIFY_SOCKET is kept from a program that does not use it.
function unitLaunch(options: Options, request: LaunchRequest): LaunchRequest {
  const own = ownOf(options);
  const speaks = options.some(([name]) => name === 'notify' || name === 'watchdog');
  const env = {
    ...Object.fromEntries(directoryVariables(own)),
    ...(speaks ? {} : { NOTIFY_SOCKET: undefined }),
    ...request.env,
  };
  return { ...request, env };
}

function ownOf(options: Options): Pick<Unit, 'state' | 'runtime' | 'credentials'> {
  const texts = (name: string) => options.filter(([given]) => given === name).map(([, value]) => value.text);
  return {
    state: toDirectories('state', '/var/lib', texts('state')),
    runtime: toDirectories('runtime', '/run', texts('runtime')),
    credentials: texts('credential').map((one) => credential(one, '--credential')),
  };
}

// The options of the launch itself, as they were given.
function launchOptions(options: Options): readonly string[] {
  const known = commandOptions();
  return options.flatMap(([name, { text, bytes }]) => {
    const option = known.find((option) => option.name === name);
    // Each unit has --service-status.
    if (option === undefined || option.group === 'Init units' || name === 'service-status') return [];
    if (option.metavar === undefined) return [`--${name}`];
    // At boot the working directory is /.
    if (name === 'pid-file') return [`--${name}=${latin1(toPlainPath(text))}`];
    const [, log = '', file] =
      name === 'seccomp' ? (/^(log:)?(?!(?:log|default)$)(.+)$/s.exec(text) ?? []) : [];
    return [`--${name}=${file === undefined ? latin1(bytes) : `${log}${latin1(toPlainPath(file))}`}`];
  });
}

// What the image of USER `-` says besides user and program, which are operands of the unit.
function imageOptions(options: Options, { env = {}, cwd }: LaunchRequest): readonly string[] {
  const given = requestKeys(options);
  const variables = Object.entries(env).flatMap(([name, value]) =>
    value === undefined || Object.hasOwn(given.env ?? {}, name)
      ? []
      : [`--setenv=${latin1(name)}=${latin1(value)}`],
  );
  return [...variables, ...(cwd === undefined || given.cwd !== undefined ? [] : [`--chdir=${latin1(cwd)}`])];
}

// Refuses options that need another one.
function checkValues(given: ReadonlyMap<string, string>, listen: readonly string[]): void {
  if (given.has('accept') && listen.length === 0)
    throw needs('--accept', '--listen', '8080', 'it hands over connections');
  if (given.has('reload-update') && !given.has('reload-signal'))
    throw needs('--reload-update', '--reload-signal', 'HUP', 'it is what a reload does first');
}

function toUnit(options: Options, request: LaunchRequest): Unit {
  const normal = normalize(request);
  const given = new Map(options.map(([name, value]) => [name, value.text]));
  const format = toInitSystem(given.get('unit') ?? '');
  const own = ownOf(options);
  const file = given.get('compile');
  const compiled = file === undefined ? undefined : latin1(toPlainPath(file));
  if (request.program === undefined)
    throw new UsageError('a unit needs a program: the default shell needs a terminal', {
      hint: 'give the path of the service in the jail, such as /usr/sbin/nginx',
    });
  const program = latin1(request.program);
  const jail = latin1(toPlainPath(request.jail));
  const name = toName(given.get('unit-name'), program);
  const watchdog = given.get('watchdog');
  const reloadSignal = given.get('reload-signal')?.replace(/^SIG/, '');
  if (reloadSignal !== undefined)
    signalNumber(`SIG${reloadSignal}`, '--reload-signal', given.get('reload-signal'));
  const listen = options
    .filter(([option]) => option === 'listen')
    .map(([, value]) => latin1(address(value.text, '--listen')));
  checkValues(given, listen);
  const args = (request.args ?? []).map(latin1);
  const command = compiled === undefined ? nodeCommand(args) : [compiled];
  const here = latin1(import.meta.dirname);
  return {
    format,
    name,
    description: oneLine(`${program} in the jail ${jail}`),
    command,
    options: [
      ...directoryVariables(own).map(([name, value]) => `--setenv=${name}=${value}`),
      ...imageOptions(options, request),
      ...launchOptions(options),
    ],
    operands: [latin1(String(request.user)), jail, program, ...args],
    listen,
    accept: given.has('accept'),
    notify: given.has('notify'),
    hasWaiter: hasInit(normal) || needsWaiter(normal),
    hasCgroup: needsCgroup(normal),
    hasRelay: normal.connectTo.length > 0,
    watchdogSec:
      watchdog === undefined ? undefined : watchdogSeconds(parseNumber(watchdog) as number, '--watchdog'),
    reloadSignal,
    update: given.has('reload-update')
      ? [latin1(nodePath()), `${here}/uchroot-jail.cjs`, 'update', jail]
      : undefined,
    syslog: given.has('syslog'),
    compiled,
    ...own,
    settings:
      format === 'systemd'
        ? launchHardening(normal, jail, compiled ?? [...command, here], isClosedToRoot, wayOf)
        : [],
    pidFile: latin1(toPlainPath(request.pidFile ?? `/run/${name}.pid`)),
    version: readVersion(),
  };
}

// Why the launch would fail now; undefined if it would succeed.
function findUnitProblem(unit: Unit, request: LaunchRequest, warn: Warn): LaunchError | undefined {
  try {
    const launch = prepareInPlace(normalize(request), warn, false);
    const view = viewOf(launch);
    const place = findMissingPlace(unit, view.root);
    if (place !== undefined) {
      const path = `${view.jail}${place}`;
      throw new LaunchError(`unit: ${path}: the jail has no place for this directory`, {
        step: 'unit',
        code: 'ENOENT',
        hint: commandLine('mkdir', '-p', bytePath(path)),
      });
    }
    const pack = findMissingPack(unit, view.root);
    if (pack === undefined) return findProblem(launch, view);
    const { jail } = view;
    return new LaunchError(
      `unit: ${jail}: it has no place for the socket of the ${pack === 'syslog' ? 'log' : 'service manager'}`,
      {
        step: 'unit',
        code: 'ENOENT',
        hint: commandLine('uchroot-jail', 'build', bytePath(jail), '--pack', pack),
      },
    );
  } catch (error) {
    if (error instanceof LaunchError) return error;
    throw error;
  }
}

const passingNode = (node: string): Warning => ({
  message: `unit: it starts ${quote(node)}, a path with the version of node: another version will not be there`,
  hint: 'make the unit again after each update of node; or install node for the whole host, such as by apt-get install nodejs; or, without node: --compile FILE',
});

const insecureNode = (node: string, why: string): Warning => ({
  message: `unit: it starts ${quote(node)}, and another user could put another program there: ${why}`,
  hint: 'run this command by a node that only root can replace, such as that of apt-get install nodejs; or, without node: --compile FILE',
});

function warnOfNode(node: string, warn: Warn): void {
  if (isPassing(node)) warn(passingNode(node));
  const why = replaceable(node);
  if (why !== undefined) warn(insecureNode(node, why));
}

/**
 * Makes the files of a unit, and writes them if a directory is given. Also returns why the launch would fail now.
 *
 * @param compile makes the launcher that the unit starts; called only if the unit is accepted
 *
 * @throws UsageError for an option that does not fit, or that the init system does not support
 * @throws LaunchError if a file cannot be written
 */
export function makeUnit(
  options: Options,
  request: LaunchRequest,
  warn: Warn,
  compile?: (request: LaunchRequest) => void,
): UnitReport {
  const unit = toUnit(options, request);
  const refusal = findRefusal(unit);
  if (refusal !== undefined) throw new UsageError(refusal.message, refusal);
  const files = unitFiles(unit);
  const given = new Map(options).get('unit-dir')?.bytes;
  const place = resolve(given === undefined ? '' : toUnitDirectory(given).toString());
  if (given !== undefined) refuseForeign(files, place, commandLine('--unit-name', `${unit.name}-jail`));
  compile?.(unitLaunch(options, request));
  if (unit.compiled === undefined) warnOfNode(nodePath(), warn);
  const output =
    given === undefined ? printedFiles(unit.format, files) : `${writeFiles(files, place).join('\n')}\n`;
  return { output, problem: findUnitProblem(unit, request, warn) };
}
