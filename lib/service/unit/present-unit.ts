// Refuses to replace or to hide a unit that somebody else has made.
import { lstatSync, readFileSync, readlinkSync, type Stats } from 'node:fs';
import { basename } from 'node:path';

import { bytePath } from '../../tree/path.ts';
import { LaunchError } from '../../errors.ts';
import { quote } from '../../words/quote.ts';
import { commandLine } from '../../words/shell-word.ts';
import { lookOr } from '../../words/system-error.ts';
import type { UnitFile } from './service-unit.ts';
import { placeOf } from './unit-files.ts';

/** Where systemd looks for units of the system, and for those of users (systemd.unit(5), UNIT FILE LOAD PATH). */
export const loadPaths: Readonly<Record<'system' | 'user', readonly string[]>> = {
  system: [
    '/etc/systemd/system',
    '/run/systemd/system',
    '/run/systemd/generator',
    '/usr/local/lib/systemd/system',
    '/usr/lib/systemd/system',
    // those that systemd makes for scripts of System V (systemd-sysv-generator(8))
    '/run/systemd/generator.late',
  ],
  user: ['/etc/systemd/user', '/run/systemd/user', '/usr/local/lib/systemd/user', '/usr/lib/systemd/user'],
};

// The first lines of heading(), behind the #! of a script.
const ours = /^(#!.*\n)?# Made by uchroot /;

// After an error, the write fails in the same way, and tells it.
const statusOf = (path: string): Stats | undefined =>
  lookOr(undefined, () => lstatSync(path, { throwIfNoEntry: false }));

const isForeign = (path: string, status = statusOf(path)): boolean =>
  status !== undefined && !(status.isFile() && ours.test(readFileSync(path, 'latin1')));

// The path of a unit of this name that somebody else has made, in another directory of systemd.
function otherPlace(path: string, directory: string): string | undefined {
  const all = Object.values(loadPaths).find((one) => one.includes(directory)) ?? [];
  return all
    .filter((one) => one !== directory)
    .map((one) => `${one}/${basename(path)}`)
    .find((one) => isForeign(one));
}

function refusal(path: string, message: string, hint: string): LaunchError {
  return new LaunchError(`unit: ${quote(path)}: ${message}`, { step: 'unit', code: 'EEXIST', path, hint });
}

/**
 * Only a unit of uchroot is replaced. Any other file, or unit of the same name, is the work of an administrator or of a package.
 *
 * @param otherName the words that give the unit another name; empty if it has only one
 * @throws LaunchError EEXIST
 */
export function refuseForeign(files: readonly UnitFile[], directory: string, otherName: string): void {
  const top = directory.replace(/\/+$/, '');
  const rename = otherName === '' ? '' : `give another name: ${otherName}; or `;
  // data such as notification-fd have no heading; the scripts beside them show who has made them
  for (const path of files.filter(({ text }) => ours.test(text)).map((file) => placeOf(file, top))) {
    const status = statusOf(path);
    if (isForeign(path, status))
      throw refusal(
        path,
        status?.isSymbolicLink() === true
          ? `is there already: a link to ${quote(readlinkSync(path))}`
          : 'is there already, and uchroot has not made it',
        `${rename}move it away: ${commandLine('mv', bytePath(path), bytePath(`${path}.old`))}`,
      );
    // a unit of ours at this place hides the other one already
    const other = status === undefined ? otherPlace(path, top) : undefined;
    if (other !== undefined)
      throw refusal(
        path,
        `it would be in conflict with ${other}, which uchroot has not made`,
        `${rename}let uchroot print the unit, without --unit-dir, and put it there yourself`,
      );
  }
}
