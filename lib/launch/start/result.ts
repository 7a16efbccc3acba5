// --result: the file for the account of the end. The process that waits for the program writes it (native/launcher/result.cc).
import { ftruncateSync, writeSync } from 'node:fs';

import type { DirectoryFinding } from '../host/directory.ts';
import type { Launch } from '../plan/launch.ts';
import { closePidPlace, openPidPlace, writePidFile, type PidPlace } from './pidfile.ts';

const words = { step: 'result', title: 'result', name: 'the result file' };

const stderr = 2;

// As many bytes as the account can have: then a full disk cannot prevent it later.
const mostBytes = 4096;

const jsonOf = (message: string): string => `${JSON.stringify({ status: 'XX', message })}\n`;

type Launched = Pick<Launch, 'request' | 'account'>;
type Warn = (warning: DirectoryFinding) => void;

function placeOf(
  { request: { resultFile, insecurePath }, account }: Launched,
  warn: Warn,
): PidPlace | undefined {
  if (resultFile === undefined || resultFile === '-') return undefined;
  const place = openPidPlace(resultFile, account, insecurePath, words);
  place.warnings.forEach(warn);
  return place;
}

/** Judges the place of the file, and makes nothing. @throws LaunchError as openResult() */
export function lookAtResult(launch: Launched, warn: Warn): void {
  const place = placeOf(launch, warn);
  if (place !== undefined) closePidPlace(place);
}

/**
 * Makes the file with the status XX, which stays if nobody can tell the end. A file that was there is replaced. `-` is a line on
 * standard error.
 *
 * @returns its descriptor; -1 if the request asks for none
 * @throws LaunchError ERR_INSECURE_PATH, or with the errno
 */
export function openResult(launch: Launched, warn: Warn): number {
  const { resultFile } = launch.request;
  if (resultFile === '-') return stderr;
  const place = placeOf(launch, warn);
  if (place === undefined) return -1;
  try {
    const text = jsonOf('the program has not ended, or the process that waits for it was killed');
    return writePidFile(place, process.pid, text.padEnd(mostBytes), 0o600).fileFd;
  } finally {
    closePidPlace(place);
  }
}

/** Writes that the program did not run. */
export function tellNoStart(fd: number, { message }: { readonly message: string }): void {
  // of standard error, the failure itself is there already
  if (fd <= stderr) return;
  const text = jsonOf(message);
  writeSync(fd, text, 0);
  ftruncateSync(fd, Buffer.byteLength(text));
}
