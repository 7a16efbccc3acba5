// The launcher that programs beside this process are started by.
import { openSync } from 'node:fs';

import { launcherPath } from '../../native.ts';

// Opened once, by descriptor, so that nobody can put another file in its place later.
let launcherFd: number | undefined;

/** Its descriptor. */
export function openLauncher(): number {
  launcherFd ??= openSync(launcherPath(), 'r');
  return launcherFd;
}
