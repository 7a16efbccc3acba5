// A file in the service's directory, for as long as a drop-in is being changed. If the process is killed, or cannot undo the change, the
// next one reads there what to undo.
import { readFileSync, rmSync } from 'node:fs';

import { replaceFile } from '../unit/unit-files.ts';
import { placeOf, swapFile } from './adoption-record.ts';
import { makeHostDirectory, toHostError } from './host-file.ts';

export interface InterruptedSwap {
  /** The drop-in from before; undefined if there was none. */
  readonly before: string | undefined;
  /** The service ran. */
  readonly isActive: boolean;
}

/** Records the state before a change. @throws JailError with the errno */
export function beginSwap(unit: string, swap: InterruptedSwap): void {
  const text = Buffer.from(JSON.stringify(swap)).toString('latin1'); // as replaceFile() takes it
  const path = swapFile(unit);
  makeHostDirectory(placeOf(unit));
  try {
    replaceFile(path, { mode: 0o644, text });
  } catch (error) {
    throw toHostError(path, error);
  }
}

/** The change is over. */
export function endSwap(unit: string): void {
  rmSync(swapFile(unit), { force: true });
}

/** The swap that a process has left unfinished; undefined if there is none. */
export function interruptedSwap(unit: string): InterruptedSwap | undefined {
  try {
    return JSON.parse(readFileSync(swapFile(unit), 'utf8')) as InterruptedSwap;
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  }
}
