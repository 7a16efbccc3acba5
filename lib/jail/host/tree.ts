// Copies and removes directory trees without blocking the event loop.

import { closeSync } from 'node:fs';
import { constants } from 'node:os';

import { type BytePath, bytePath, joinPath, pathBytes, showPath, toLatin1 } from '../../tree/path.ts';
import { JailError } from '../../errors.ts';
import { errnoName, isFull, reason as wordsOfErrno } from '../../words/errno.ts';
import { native, type SkipReason, type TreeCounts, type TreeHandle } from '../../native.ts';
import { closing } from '../work/closing.ts';
import { throwIfAborted } from '../work/jail-error.ts';
import { isHiddenName, lookAt, openAt, type Place } from './jail-place.ts';

const POLL_MS = 100;

/** An open directory, and its path on the host for messages. */
export interface Directory {
  readonly fd: number;
  readonly path: BytePath;
}

export interface TreeWork {
  readonly signal?: AbortSignal | undefined;
  /** Called ten times a second, and at the end. */
  readonly onProgress?: ((counts: TreeCounts) => void) | undefined;
}

export interface CopyReport extends TreeCounts {
  /** Files that were not copied, or not completely, by their paths in the jail. At most the first thousand. */
  readonly skipped: readonly {
    readonly path: BytePath;
    readonly reason: SkipReason;
    /** The error of a system call that failed. */
    readonly code?: string;
  }[];
  readonly skippedCount: number;
}

/**
 * Copies the content of `source` into the empty directory `target`, with owner, mode, times and attributes of the directory
 * itself. Mounts below `source` are left out. The files at the paths `privileged` keep set-user-ID, set-group-ID and file
 * capabilities.
 * @throws JailError with the code of the system call that failed; AbortError
 */
export function copyTree(
  source: Directory,
  target: Directory,
  privileged: readonly BytePath[],
  work: TreeWork = {},
): Promise<CopyReport> {
  const paths = privileged.map(pathBytes);
  return settle(work, [source.path, target.path], (onEnd) =>
    native.copyTree(source.fd, target.fd, paths, onEnd),
  );
}

/** Removes the directory `name` in `parent`, its entry `last` at the end. @throws JailError EBUSY for a mount */
export function removeTree(
  parent: Directory,
  name: BytePath,
  { last, ...work }: TreeWork & { readonly last?: BytePath } = {},
): Promise<TreeCounts> {
  const path = joinPath(parent.path, name);
  return settle(work, [path, path], (onEnd) =>
    native.removeTree(parent.fd, pathBytes(name), pathBytes(last ?? bytePath('')), onEnd),
  );
}

/** Removes what killed runs have left beside the jail of a place. A running one holds a lock. */
export async function removeAbandoned(
  place: Place,
  purpose: Parameters<typeof isHiddenName>[2],
): Promise<void> {
  for (const hidden of place.root.list(bytePath('/')) ?? []) {
    if (!isHiddenName(hidden, place.name, purpose)) continue;
    const status = lookAt(place, hidden);
    if (status?.kind !== 'directory' || status.uid !== 0) continue;
    const fd = openAt(place, hidden);
    await closing({ close: () => closeSync(fd) }, async () => {
      if (native.lockFile(fd)) await removeTree(place.parent, hidden);
    });
  }
}

type OnEnd = Parameters<typeof native.copyTree>[3];
type Failure = NonNullable<Parameters<OnEnd>[0]>;

function settle(
  { signal, onProgress }: TreeWork,
  [source, target]: readonly [source: BytePath, target: BytePath],
  start: (onEnd: OnEnd) => TreeHandle,
): Promise<CopyReport> {
  return new Promise((resolve, reject) => {
    throwIfAborted(signal);
    let thrown: { readonly error: unknown } | undefined;
    const handle = start((failure, report) => {
      clearInterval(timer);
      signal?.removeEventListener('abort', abort);
      if (failure === null) tell(report);
      try {
        if (failure?.errno === constants.errno.ECANCELED) throwIfAborted(signal);
        if (thrown !== undefined) throw thrown.error;
        if (failure !== null) throw toError(failure, failure.inTarget ? target : source);
        const skipped = report.skipped.map(({ path, reason, errno }) => ({
          path: toLatin1(path),
          reason,
          ...(errno !== 0 && { code: errnoName(errno) }),
        }));
        resolve({ ...report, skipped });
      } catch (error) {
        reject(error);
      }
    });
    const abort = (): void => native.abortTree(handle);
    // An error in the caller's function stops the work; it must not end the process.
    function tell(counts: TreeCounts): void {
      try {
        onProgress?.(counts);
      } catch (error) {
        thrown ??= { error };
        abort();
      }
    }
    signal?.addEventListener('abort', abort);
    const timer = setInterval(() => {
      const counts = native.treeProgress(handle);
      if (counts !== undefined) tell(counts);
    }, POLL_MS);
  });
}

function toError({ errno, syscall, path, inTarget }: Failure, root: BytePath): JailError {
  const code = errnoName(errno);
  const shown = showPath(joinPath(root, toLatin1(path.subarray(1))));
  const hint = inTarget && isFull(code) ? 'make room; nothing is left of the copy' : undefined;
  return new JailError(`${shown}: ${wordsOfErrno(errno)}, ${syscall}`, { code, path: shown, hint });
}
