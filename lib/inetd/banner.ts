// The text that each client of a service gets before its program starts.
import { writeSync } from 'node:fs';

import { readRegularFile } from '../values/regular-file.ts';
import { attempt } from '../words/system-error.ts';

/** A banner fits into the empty send buffer of a new connection, so that writing it never waits. */
const MOST_BYTES = 4096;

/** @throws LaunchError, UsageError */
export function readBanner(path: Buffer): Buffer {
  return readRegularFile('banner', path, MOST_BYTES, (code) =>
    code === 'ENOENT' ? 'it is the path of a file: write the text to one, and name that' : undefined,
  );
}

/** Sends a banner on a new connection. */
export function sendBanner(fd: number, banner: Buffer): void {
  attempt(() => writeSync(fd, banner)); // the program will notice if the client has gone away
}
