// The place in which the changes of a workspace are kept: its times, and its end.
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  constants,
  openSync,
  readFileSync,
  readdirSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { posix } from 'node:path';

import { removeTree } from '../jail/host/tree.ts';
import { layersOf } from '../launch/host/workspace.ts';
import { native } from '../native.ts';
import { bytePath, type BytePath } from '../tree/path.ts';
import { openFileRoot } from '../tree/root.ts';
import { errorCode, unless } from '../words/system-error.ts';

interface Kept {
  readonly place: string;
}

const committedFile = (place: string): string => `${place}/committed`;

/** By path, the ctime that commits have given it, in ms since 1970. */
export const readCommitted = (place: string): Readonly<Record<string, number>> =>
  JSON.parse(unless(['ENOENT'], () => readFileSync(committedFile(place), 'utf8')) ?? '{}') as Record<
    string,
    number
  >;

/** Keeps what `readCommitted` returns. */
export function keepTimes({ place }: Kept, times: Readonly<Record<string, number>>): void {
  const next = `${committedFile(place)}.new`;
  writeFileSync(next, JSON.stringify(times), { mode: 0o600 });
  renameSync(next, committedFile(place));
}

/**
 * Removes a place whose layers are locked. It gets another name first, so that an interruption leaves no half of it: then an emptied layer
 * would delete what the host has. `renew` is called before the old one goes.
 */
export async function removePlace(place: string, renew?: () => void): Promise<void> {
  // taken only by what another process is removing
  const gone = `${place}.gone-${randomBytes(6).toString('hex')}`;
  renameSync(place, gone);
  renew?.();
  await removeGone(gone);
}

async function removeGone(path: string): Promise<void> {
  const above = posix.dirname(path);
  const directory = openFileRoot(above);
  try {
    const parent = { fd: directory.fd, path: bytePath(Buffer.from(above)) };
    // last: what it holds is locked while somebody removes it
    await removeTree(parent, bytePath(Buffer.from(posix.basename(path))), { last: 'layers' as BytePath });
  } catch (error) {
    // another process has removed the rest
    if (errorCode(error) !== 'ENOENT') throw error;
  } finally {
    directory.close();
  }
}

// after the hash of workspacePlace()
const goneName = /-[\da-f]{16}\.gone-[\da-f]{12}$/;

/** Removes what an interrupted removal has left of any workspace. */
export async function removeRests(workspaces: string): Promise<void> {
  for (const name of readdirSync(workspaces)) {
    if (!goneName.test(name)) continue;
    const path = `${workspaces}/${name}`;
    // undefined if the layers have gone already
    const lock = unless(['ENOENT'], () =>
      openSync(layersOf(path), constants.O_RDONLY | constants.O_DIRECTORY),
    );
    try {
      if (lock === undefined || native.lockFile(lock)) await removeGone(path);
    } finally {
      if (lock !== undefined) closeSync(lock);
    }
  }
}
