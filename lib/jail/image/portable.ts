// Units in an image, which make it a portable service of systemd (portablectl(1)).
import { usageError } from '../../values/wrong.ts';
import { readFileSync } from 'node:fs';

import { UsageError } from '../../errors.ts';
import { type BytePath, lastComponent, pathBytes, showPath } from '../../tree/path.ts';
import type { Unit } from './image-tree.ts';

export const readUnit = (file: BytePath): Unit => ({
  name: lastComponent(file),
  content: readFileSync(pathBytes(file)),
});

// The kinds that a portable service can have.
const UNIT = /^[\w:.@\\-]+\.(?:service|socket|target|timer|path)$/;

/** @throws UsageError for units that systemd would not attach */
export function refuseUnits(units: readonly BytePath[], format: string, file: BytePath): void {
  if (units.length === 0) return;
  if (format === 'oci')
    throw usageError(({ name, assign }) => ({
      message: `${name('units')}: an image for container engines is no portable service`,
      hint: `give ${assign('format', 'squashfs')} or ${assign('format', 'tar')} as well`,
    }));
  const odd = units.find((unit) => !UNIT.test(lastComponent(unit)));
  if (odd !== undefined)
    throw new UsageError(`${showPath(odd)} is no unit of a portable service`, {
      hint: 'name a file that ends with .service, .socket, .target, .timer or .path',
    });
  if (format !== 'squashfs') return; // the name of the directory is not known yet
  // What follows an underscore is a version.
  const image = lastComponent(file).replace(/(?:_.*)?\.raw$/, '');
  const isRaw = lastComponent(file).endsWith('.raw');
  const other = units.find((unit) => !isRaw || !isOf(lastComponent(unit), image));
  if (other === undefined) return;
  const stem = lastComponent(other).replace(/[-.@].*$/, '');
  throw new UsageError(
    `the name of ${showPath(other)} does not begin with that of the image, so systemd would not attach it`,
    { hint: `call the image ${stem}.raw` },
  );
}

const isOf = (unit: string, image: string): boolean =>
  unit.startsWith(image) && /^[-.@]/.test(unit.slice(image.length));
