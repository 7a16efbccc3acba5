// uchroot --unit: the options of a unit, the files that they stand for, and what would keep the launch from succeeding.
import { accessSync, constants, realpathSync } from 'node:fs';
import { resolve } from 'node:path';

import { LaunchError, UsageError } from '../errors.ts';
import { findProblem } from '../launch/tell/preflight.ts';
import { prepareInPlace, type Warning } from '../launch/start/exec.ts';
import { normalize, type LaunchRequest } from '../launch/request/request.ts';
import { toBuffer } from '../quote.ts';
import { findRefusal, unitFiles } from '../service/unit/files.ts';
import { findMissingPack } from '../service/unit/sockets.ts';
import { oneLine, type Unit } from '../service/unit/unit.ts';
import { printedFiles, writeFiles } from '../service/unit/write.ts';
import type { GivenOption } from './arguments.ts';
import { readVersion } from './common-options.ts';
import { commandOptions } from './uchroot-options.ts';
import { toAddress, toFormat, toName, toPlainPath, toSeconds, toSignal } from './unit-values.ts';

type Options = readonly GivenOption[];

const latin1 = (value: Uint8Array | string): string => toBuffer(value).toString('latin1');

// The name under which a search finds node: it stays when a new version takes the place of the one that runs now.
function nodePath(): string {
  const candidates = (process.env.PATH ?? '').split(':').map((directory) => `${directory}/node`);
  const found = candidates.find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return path.startsWith('/') && realpathSync(path) === process.execPath;
    } catch {
      return false;
    }
  });
  return latin1(found ?? process.execPath);
}

// The options of the launch itself, as they were given.
function launchOptions(options: Options): readonly string[] {
  const known = commandOptions();
  return options.flatMap(([name, { text, bytes }]) => {
    const option = known.find((option) => option.name === name);
    // every unit has --service-status
    if (option === undefined || option.group === 'Init units' || name === 'service-status') return [];
    if (option.metavar === undefined) return [`--${name}`];
    // the working directory is / at boot
    return [`--${name}=${latin1(name === 'pid-file' ? toPlainPath(text) : bytes)}`];
  });
}

function toUnit(options: Options, request: LaunchRequest): Unit {
  const given = new Map(options.map(([name, value]) => [name, value.text]));
  if (request.program === undefined)
    throw new UsageError('a unit needs a program: the shell that is the default wants a terminal');
  const program = latin1(request.program);
  const jail = latin1(toPlainPath(request.jail));
  const name = toName(given.get('unit-name'), program);
  const watchdog = given.get('watchdog');
  const reloadSignal = given.get('reload-signal');
  const listen = options
    .filter(([option]) => option === 'listen')
    .map(([, value]) => latin1(toAddress(value.text)));
  if (given.has('accept') && listen.length === 0)
    throw new UsageError('--accept hands over connections: give the address as well, with --listen');
  if (given.has('reload-update') && reloadSignal === undefined)
    throw new UsageError(
      '--reload-update is what a reload does first: give its signal as well, with --reload-signal',
    );
  return {
    format: toFormat(given.get('unit') ?? ''),
    name,
    description: oneLine(`${program} in the jail ${jail}`),
    command: [nodePath(), latin1(process.argv[1] ?? '')],
    options: launchOptions(options),
    operands: [latin1(String(request.user)), jail, program, ...(request.args ?? []).map(latin1)],
    listen,
    accept: given.has('accept'),
    notify: given.has('notify'),
    watchdogSec: watchdog === undefined ? undefined : toSeconds(watchdog),
    reloadSignal: reloadSignal === undefined ? undefined : toSignal(reloadSignal),
    update: given.has('reload-update')
      ? [nodePath(), latin1(`${import.meta.dirname}/uchroot-jail.cjs`), 'update', jail]
      : undefined,
    syslog: given.has('syslog'),
    pidFile: latin1(toPlainPath(request.pidFile ?? `/run/${name}.pid`)),
    version: readVersion(),
  };
}

// What would keep the launch from succeeding now; undefined if nothing.
function findUnitProblem(
  unit: Unit,
  request: LaunchRequest,
  warn: (warning: Warning) => void,
): LaunchError | undefined {
  try {
    const launch = prepareInPlace(normalize(request), warn, false);
    const pack = findMissingPack(unit, launch.view.root);
    if (pack === undefined) return findProblem(launch);
    return new LaunchError(
      `unit: ${launch.view.jail}: it has no place for the socket of the ${pack === 'syslog' ? 'log' : 'service manager'}`,
      {
        step: 'unit',
        code: 'ENOENT',
        hint: `uchroot-jail build ${launch.view.jail} --pack ${pack}`,
      },
    );
  } catch (error) {
    if (error instanceof LaunchError) return error;
    throw error;
  }
}

/** What `--unit` prints, and what would keep the launch from succeeding if it were tried now. */
export interface UnitReport {
  readonly output: Buffer;
  readonly problem: LaunchError | undefined;
}

/**
 * Makes the files of a unit, and writes them if a directory is given.
 *
 * @throws UsageError for an option that does not fit, or that the init system can do nothing with
 * @throws LaunchError if a file cannot be written
 */
export function makeUnit(
  options: Options,
  request: LaunchRequest,
  warn: (warning: Warning) => void,
): UnitReport {
  normalize(request);
  const unit = toUnit(options, request);
  const refusal = findRefusal(unit);
  if (refusal !== undefined) throw new UsageError(refusal);
  const files = unitFiles(unit);
  const directory = new Map(options).get('unit-dir')?.text;
  const output =
    directory === undefined
      ? printedFiles(unit.format, files)
      : Buffer.from(
          writeFiles(files, resolve(directory))
            .map((path) => `${path}\n`)
            .join(''),
        );
  return { output, problem: findUnitProblem(unit, request, warn) };
}
