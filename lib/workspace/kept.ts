// The place in which the changes of a workspace are kept: its times, and its end.
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { posix } from 'node:path';

import { removeTree } from '../jail/host/tree.ts';
import { bytePath } from '../tree/path.ts';
import { openFileRoot } from '../tree/root.ts';

interface Kept {
  readonly place: string;
}

const committedFile = (place: string): string => `${place}/committed`;

/** By path, the ctime that commits have given it, in ms since 1970. */
export function readCommitted(place: string): Readonly<Record<string, number>> {
  try {
    return JSON.parse(readFileSync(committedFile(place), 'utf8')) as Record<string, number>;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw error;
  }
}

/** Keeps what `readCommitted` returns. */
export function keepTimes({ place }: Kept, times: Readonly<Record<string, number>>): void {
  const next = `${committedFile(place)}.new`;
  writeFileSync(next, JSON.stringify(times), { mode: 0o600 });
  renameSync(next, committedFile(place));
}

/**
 * Removes a place. It gets another name first, so that an interruption leaves no half of it: then an emptied layer would delete what the
 * host has. `renew` is called before the old one goes.
 */
export async function removePlace(place: string, renew?: () => void): Promise<void> {
  const gone = `${place}.gone`;
  const directory = openFileRoot(posix.dirname(place));
  try {
    const parent = { fd: directory.fd, path: bytePath(Buffer.from(posix.dirname(place))) };
    const name = bytePath(Buffer.from(posix.basename(gone)));
    if (existsSync(gone)) await removeTree(parent, name);
    renameSync(place, gone);
    renew?.();
    await removeTree(parent, name);
  } finally {
    directory.close();
  }
}
