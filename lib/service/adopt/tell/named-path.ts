// Checks the paths of the host that an adoption names. The error for a path in another form says what was probably meant.
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';

import { bytePath, showPath } from '../../../tree/path.ts';
import { UsageError } from '../../../errors.ts';
import { nearestPath } from '../../../tree/misspelt-path.ts';
import { quote } from '../../../words/quote.ts';
import type { ServicePath } from '../installed/service-paths.ts';
import { defaultSearch } from '../systemd-bus.ts';

// A relative path, the name of a program, or SOURCE:DEST.
function pathMeantBy(path: unknown): string {
  const plain = typeof path === 'string' ? (path.split(':', 1)[0] ?? '') : '';
  const places = ['.', ...(plain.includes('/') ? [] : defaultSearch)];
  const found = places.map((place) => resolve(place, plain)).find((place) => existsSync(place));
  const meant = found ?? resolve(plain);
  return plain === '' || !/^\/[^\s:"'\\%]+$/.test(meant)
    ? 'without blanks, colons, quotes and percent signs'
    : `write ${meant}: it appears at the same place`;
}

/** A path of the host that a request names. @throws UsageError */
export function toNamedPath(path: unknown, isReadOnly: boolean): ServicePath {
  if (typeof path !== 'string' || !/^\/[^\s:"'\\%]+$/.test(path) || path.split('/').includes('..'))
    throw new UsageError(`${quote(String(path))} is no absolute path that a setting of systemd can have`, {
      hint: pathMeantBy(path),
    });
  if (!existsSync(path)) {
    const meant = nearestPath(bytePath(path), false) ?? nearestPath(bytePath(path), true);
    const hint =
      meant === undefined ? 'name a file or directory that exists' : `did you mean ${showPath(meant)}?`;
    throw new UsageError(`${path} does not exist`, { hint });
  }
  return { path: path.replace(/\/+$/, ''), isReadOnly, isOptional: false };
}
