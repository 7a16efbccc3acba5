// Makes the files of a unit for its init system, and prints them or writes them to a directory.
import { existsSync, mkdirSync } from 'node:fs';
import { basename, dirname } from 'node:path';

import { UsageError } from '../../errors.ts';
import { fileError } from '../../values/file-error.ts';
import { replaceFile } from '../../values/replaced-file.ts';
import { nearest } from '../../words/nearest.ts';
import { quote } from '../../words/quote.ts';
import { openrcFiles } from './openrc.ts';
import { runitFiles, s6Files } from './runit-s6.ts';
import { unitDirectories, type Format, type Unit, type UnitFile, type UnitRefusal } from './service-unit.ts';
import { systemdFiles, systemdRefusal } from './systemd-unit.ts';
import { sysvFiles } from './sysv.ts';

const generators = {
  systemd: systemdFiles,
  openrc: openrcFiles,
  sysv: sysvFiles,
  runit: runitFiles,
  s6: s6Files,
} satisfies Record<Format, unknown>;

/** The files of a unit for which findRefusal() finds nothing. */
export const unitFiles = (unit: Unit): readonly UnitFile[] => generators[unit.format](unit);

const refuse = (message: string, hint: string): UnitRefusal => ({ message, hint });

/** The first option that the init system does not support, and what to do; undefined if there is none. */
export function findRefusal(unit: Unit): UnitRefusal | undefined {
  const { format } = unit;
  if (format === 'systemd') return systemdRefusal(unit);
  for (const [option, { length }] of [
    ['state', unit.state],
    ['runtime', unit.runtime],
    ['credential', unit.credentials],
  ] as const)
    if (length > 0)
      return refuse(
        `--${option}: ${format} makes and mounts nothing for a service`,
        'make it once, and bring it in with --isolate --bind',
      );
  if (unit.compiled !== undefined && format === 'sysv')
    return refuse(
      '--compile: the script of sysv adds options of its own to each start',
      'leave --compile out',
    );
  if (unit.compiled !== undefined && unit.notify)
    return refuse(
      `--compile: --notify of ${format} needs a descriptor`,
      'compile with --preserve-fds=3, and write notification-fd yourself',
    );
  if (unit.listen.length > 0)
    return refuse(
      `--listen: ${format} opens no sockets for a program`,
      'leave it out: the program binds itself, with --cap net_bind_service below port 1024',
    );
  if (unit.watchdogSec !== undefined)
    return refuse(`--watchdog: ${format} has no watchdog`, 'leave it out, or write --unit systemd');
  if (unit.syslog)
    return refuse(
      `--syslog: ${format} mounts nothing into a jail`,
      'leave it out, and let the daemon of the log listen in the jail as well, at dev/log',
    );
  if (unit.notify && format !== 's6')
    return refuse(
      `--notify: ${format} does not wait for a program to be ready`,
      'leave it out, or write --unit systemd or s6',
    );
  if (unit.reloadSignal !== undefined && (format === 'runit' || format === 's6'))
    return refuse(
      `--reload-signal: ${format} sends any signal itself`,
      `leave it out, and reload with ${format === 'runit' ? 'sv hup' : 's6-svc -h'}`,
    );
  if (format === 'sysv' && unit.options.includes('--die-with-parent'))
    return refuse(
      '--die-with-parent: the script of sysv that starts the program ends at once',
      'leave it out',
    );
  return undefined;
}

/** The path of a file, if the unit is written to this directory. */
export function placeOf({ path, isBeside }: UnitFile, directory: string): string {
  const above = isBeside === true && basename(directory) === 'init.d' ? dirname(directory) : directory;
  return `${above.replace(/\/+$/, '')}/${path}`;
}

/** The text of the files; of several, each below a comment with its path, as `systemctl cat` prints them. */
export function printedFiles(format: Format, files: readonly UnitFile[]): Buffer {
  const texts = files.map((file) =>
    files.length === 1 ? file.text : `# ${placeOf(file, unitDirectories[format])}\n${file.text}`,
  );
  return Buffer.from(texts.join('\n'), 'latin1');
}

/**
 * Writes the files below a directory, and returns their paths. Each is replaced by rename(2), so an init system that reads
 * it at the same moment sees the old file or the new one.
 *
 * @throws LaunchError with the errno
 */
export function writeFiles(files: readonly UnitFile[], directory: string): readonly string[] {
  const [, above, name] = /^(.+)\/([^/]+)\.service\/*$/.exec(directory) ?? [];
  if (above !== undefined && name !== undefined)
    throw new UsageError(`--unit-dir takes a directory, not the name of a unit`, {
      hint: `write --unit-dir ${quote(above)} --unit-name ${quote(name)}`,
    });
  const usual = existsSync(directory) ? undefined : misspeltPlace(directory);
  if (usual !== undefined)
    throw new UsageError(`--unit-dir ${quote(directory)}: there is no such directory`, {
      hint: `did you mean ${usual}?`,
    });
  return files.map((file) => {
    const path = placeOf(file, directory);
    try {
      makeDirectory(dirname(path));
      replaceFile(path, Buffer.from(file.text, 'latin1'), file.mode);
    } catch (error) {
      throw fileError('unit', path, error);
    }
    return path;
  });
}

const usualPlaces = [
  ...Object.values(unitDirectories),
  '/run/systemd/system',
  '/etc/systemd/user',
  '/usr/lib/systemd/system',
  '/lib/systemd/system',
];

// The place where an init system looks for units, if each component of a directory is its own or resembles it.
function misspeltPlace(directory: string): string | undefined {
  const words = directory.split('/');
  return usualPlaces.find((place) => {
    const parts = place.split('/');
    const isNear = parts.every((part, at) => part === words[at] || nearest(words[at] ?? '', [part]) === part);
    return isNear && parts.length === words.length && place !== directory;
  });
}

// Not mkdirSync() with `recursive`: in /proc, where each new directory is refused with ENOENT, it would try for ever.
function makeDirectory(path: string): void {
  const make = (): void => mkdirSync(path, { mode: 0o755 });
  try {
    make();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return; // a file of this name fails the next call
    if (code !== 'ENOENT' || dirname(path) === path) throw error;
    makeDirectory(dirname(path));
    make();
  }
}
