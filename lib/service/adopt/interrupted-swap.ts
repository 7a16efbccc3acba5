// What a change of a drop-in has to undo if its process is killed: below the service's directory while the change lasts.
import { readFileSync, rmSync } from 'node:fs';

import { writeFiles } from '../unit/unit-files.ts';
import { placeOf } from './adoption-record.ts';

export interface InterruptedSwap {
  /** The drop-in from before; undefined if there was none. */
  readonly before: string | undefined;
  /** The service ran. */
  readonly isActive: boolean;
}

const name = 'swap.json';

/** Remembers how it is before a change. */
export function beginSwap(unit: string, swap: InterruptedSwap): void {
  const text = Buffer.from(JSON.stringify(swap)).toString('latin1'); // as writeFiles() takes it
  writeFiles([{ path: name, mode: 0o644, text }], placeOf(unit));
}

/** The change is over. */
export function endSwap(unit: string): void {
  rmSync(`${placeOf(unit)}/${name}`, { force: true });
}

/** What was not undone; undefined if nothing is left. */
export function interruptedSwap(unit: string): InterruptedSwap | undefined {
  try {
    return JSON.parse(readFileSync(`${placeOf(unit)}/${name}`, 'utf8')) as InterruptedSwap;
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  }
}
