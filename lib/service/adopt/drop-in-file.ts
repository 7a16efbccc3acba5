// The file of the drop-in beside a unit.
import { readFileSync, rmdirSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';

import { unless } from '../../jail/work/jail-error.ts';
import { writeFiles } from '../unit/unit-files.ts';
import { dropInPath } from './service-drop-in.ts';
import { reloadUnits } from './systemd-bus.ts';

/** The drop-in that is there now; undefined if there is none. */
export const presentDropIn = (unit: string): string | undefined =>
  unless(['ENOENT'], () => readFileSync(dropInPath(unit), 'utf8'));

/** Whether a drop-in is one of ours. */
export const isOurs = (text: string | undefined): boolean =>
  text?.startsWith('# Made by uchroot-service ') === true;

/** Writes the drop-in, or removes it (and its directory, if that is empty), and lets systemd read its units again. */
export async function putDropIn(unit: string, text: string | undefined): Promise<void> {
  const path = dropInPath(unit);
  if (text === undefined) {
    rmSync(path, { force: true });
    unless(['ENOTEMPTY', 'ENOENT'], () => rmdirSync(dirname(path)));
  } else if (text !== presentDropIn(unit)) {
    const bytes = Buffer.from(text).toString('latin1'); // as writeFiles() takes them
    writeFiles([{ path: 'uchroot.conf', mode: 0o644, text: bytes }], dirname(path));
  }
  await reloadUnits();
}
