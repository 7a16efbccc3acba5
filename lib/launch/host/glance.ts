// What a hint must know of the host, seen before the root directory changes.
import { existsSync, lstatSync } from 'node:fs';

import type { HostGlance } from '../tell/jail-view.ts';

/** Looks for a program and for /bin. */
export const glance = (program: Buffer): HostGlance => ({
  hasProgram: existsSync(program),
  isMerged: lstatSync('/bin', { throwIfNoEntry: false })?.isSymbolicLink() === true,
});
