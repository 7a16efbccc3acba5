// Opens a workspace for its commands, and keeps programs out meanwhile.
import { closeSync, constants, openSync, readFileSync, readlinkSync, statSync } from 'node:fs';

import { JailError, LaunchError, UsageError } from '../errors.ts';
import { checkedWorkspaces, layersOf, sourceFile, workspacePlace } from '../launch/host/workspace.ts';
import { native } from '../native.ts';
import { readMounts } from '../tree/mountinfo.ts';
import { bytePath, isWithin, showPath, type BytePath } from '../tree/path.ts';
import { openFileRoot } from '../tree/root.ts';
import { caller, isOrdinary } from '../trust/owner.ts';
import { errnoName, reason } from '../words/errno.ts';
import { toBuffer, type Bytes } from '../words/quote.ts';
import { commandLine } from '../words/shell-word.ts';
import type { Sides } from './changes.ts';
import { readCommitted, removeRests } from './kept.ts';

/** A workspace whose layers are locked. */
export interface Opened extends Sides {
  readonly place: string;
  readonly directory: BytePath;
  readonly mounted: readonly BytePath[];
  readonly startedMs: number;
  readonly committed: Readonly<Record<string, number>>;
}

/** Calls `use` with a workspace. No program may write to the layers meanwhile. @throws JailError ENOENT, EBUSY or of a system error */
export async function withWorkspace<T>(
  { directory: given }: { readonly directory: Bytes },
  use: (opened: Opened) => T | Promise<T>,
): Promise<T> {
  const asked = toBuffer(given);
  const shown = showPath(bytePath(asked));
  const open: { close(): void }[] = [];
  try {
    const host = openFileRoot(asked);
    open.push(host);
    // Of what is open: whoever owns a directory above could put a link in its place meanwhile.
    const directory = bytePath(readlinkSync(`/proc/self/fd/${host.fd}`, 'buffer'));
    await removeRests(checkedWorkspaces());
    const place = workspacePlace(directory);
    const source = statSync(sourceFile(place), { throwIfNoEntry: false });
    if (source === undefined)
      throw new JailError(`${shown} is no workspace of this user`, {
        code: 'ENOENT',
        path: shown,
        hint: commandLine(
          'uchroot',
          isOrdinary(caller()) ? '--rootless' : '--isolate',
          '--workspace',
          bytePath(asked),
          'USER',
          'JAIL',
          'PROGRAM',
        ),
      });
    const lock = openSync(layersOf(place), constants.O_RDONLY | constants.O_DIRECTORY);
    open.push({ close: () => closeSync(lock) });
    if (!native.lockFile(lock))
      throw new JailError(`${shown}: a program works in it`, {
        code: 'EBUSY',
        path: shown,
        hint: 'wait until it has ended',
      });
    const upper = openFileRoot(`${layersOf(place)}/upper`);
    open.push(upper);
    return await use({
      host,
      upper,
      place,
      directory,
      mounted: mountedIn(directory),
      startedMs: source.mtimeMs,
      committed: readCommitted(place),
    });
  } catch (error) {
    if (error instanceof UsageError || error instanceof JailError) throw error;
    throw failed(shown, error);
  } finally {
    for (const one of open) one.close();
  }
}

// Mount points in the workspace, seen from there.
function mountedIn(directory: BytePath): readonly BytePath[] {
  return readMounts(readFileSync('/proc/self/mountinfo'))
    .map(({ point }) => point)
    .filter((point) => point !== directory && isWithin(point, directory))
    .map((point) => (directory === '/' ? point : (point.slice(directory.length) as BytePath)));
}

/** A system error, or that of a place that is not safe, as an error of this room. */
export function failed(shown: string, error: unknown, hint?: string): unknown {
  if (error instanceof LaunchError) {
    const { message, path, hint: remedy } = error;
    return new JailError(message, { code: 'ERR_INSECURE_PATH', path, hint: remedy, cause: error });
  }
  const errno = Math.abs((error as NodeJS.ErrnoException).errno ?? 0);
  if (errno === 0) return error;
  return new JailError(`${shown}: ${reason(errno)}`, {
    code: errnoName(errno),
    path: shown,
    hint,
    cause: error,
  });
}
