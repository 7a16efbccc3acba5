// System errors of the work on a jail, as the library throws them.

import { type BytePath, showPath } from '../../binary/path.ts';
import { errorCode } from '../../binary/root.ts';
import { AbortError, JailError, LaunchError, UsageError } from '../../errors.ts';
import { quote } from '../../quote.ts';

const ownClasses = [AbortError, JailError, LaunchError, UsageError];

/** A JailError for a system error, about `where` if it names no path; whatever else was thrown stays what it is. */
export function toJailError(error: unknown, where?: BytePath): unknown {
  if (!(error instanceof Error) || ownClasses.some((own) => error instanceof own)) return error;
  const code = errorCode(error);
  if (code === undefined) return error;
  const named = 'path' in error && typeof error.path === 'string' ? error.path : undefined;
  const path = named === undefined ? where && showPath(where) : quote(named);
  return new JailError(path === undefined ? error.message : `${path}: ${wordsOf(error)}`, {
    code,
    path,
    ...(HINTS[code] !== undefined && { hint: HINTS[code] }),
  });
}

/** What a system error says besides its code and path: "not a directory, open". */
export function wordsOf({ message }: Error): string {
  return message.replace(/^E[A-Z0-9]+: /, '').replace(/ '.*'(?: -> '.*')?$/s, '');
}

/** @throws AbortError */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw new AbortError('the work was ended before it was done', signal);
}

const HINTS: Readonly<Record<string, string>> = {
  ENOSPC: 'make room; the jail is as it was',
  EDQUOT: 'make room; the jail is as it was',
  EXDEV: 'something is mounted in the jail where a file belongs: unmount it first',
  ENAMETOOLONG: 'directories lie too deep in each other, or a name is too long',
  EROFS: 'the file system is mounted read-only',
};
