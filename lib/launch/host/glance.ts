// What a hint must know of the host, seen before the root directory changes.
import { existsSync, lstatSync } from 'node:fs';

import type { HostGlance } from '../tell/jail-view.ts';

// A name alone is looked up as uchroot-jail does.
function isOnHost(program: Buffer): boolean {
  if (program.includes('/')) return existsSync(program);
  const directories = (process.env['PATH'] ?? '/usr/bin:/bin').split(':');
  return directories.some((directory) =>
    existsSync(Buffer.concat([Buffer.from(`${directory === '' ? '.' : directory}/`), program])),
  );
}

/** Looks for a program and for /bin. */
export const glance = (program: Buffer): HostGlance => ({
  hasProgram: isOnHost(program),
  isMerged: lstatSync('/bin', { throwIfNoEntry: false })?.isSymbolicLink() === true,
});
