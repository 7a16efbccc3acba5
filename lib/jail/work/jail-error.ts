// Converts system errors of the work on a jail to the library's errors.

import { type BytePath, isWithin, showPath } from '../../tree/path.ts';
import { errnoName, isFull, reason } from '../../words/errno.ts';
import { AbortError, JailError, LaunchError, UsageError } from '../../errors.ts';
import { writeHints } from '../../values/file-error.ts';
import { quote } from '../../words/quote.ts';
import { shellWord } from '../../words/shell-word.ts';
import { caller, isOrdinary } from '../../trust/owner.ts';
import { errorCode } from '../../words/system-error.ts';

const ownClasses = [AbortError, JailError, LaunchError, UsageError];

/** A JailError for a system error. If the error has no path, the message names `where`. Other errors are returned unchanged. */
export function toJailError(error: unknown, where?: BytePath): unknown {
  if (!(error instanceof Error) || ownClasses.some((ours) => error instanceof ours)) return error;
  const named = errorCode(error);
  if (named === undefined) return error;
  const unmapped = unmappedNumber(error);
  const code = unmapped === undefined ? named : errnoName(unmapped);
  const own = 'path' in error && typeof error.path === 'string' ? error.path : undefined;
  const path = own === undefined ? where && showPath(where) : quote(own);
  const message = unmapped === undefined && path === undefined ? error.message : wordsOf(error);
  const hint = code === 'EACCES' && isOrdinary(caller()) ? NOT_ALLOWED : HINTS[code];
  return new JailError(path === undefined ? message : `${path}: ${message}`, { code, path, hint });
}

/**
 * Does work on a jail for a caller of the library.
 * @param directory the jail; if its disk is full or read-only, or it may not be opened, the message begins with it
 * @throws as `work`, but a JailError for a system error
 */
export async function withJailErrors<T>(work: () => Promise<T>, directory?: BytePath): Promise<T> {
  try {
    return await work();
  } catch (error) {
    // an error of syncfs(2) is about the whole file system, and has no path
    const told = toJailError(error, errorCode(error) === 'EIO' ? directory : undefined);
    if (directory === undefined || !(told instanceof JailError)) throw told;
    const { code, path } = told;
    const isReadOnly = code === 'EROFS';
    if (!isReadOnly && code !== 'EACCES' && !isFull(code)) throw told;
    const hint = isReadOnly ? `${READ_ONLY} $(findmnt -nro TARGET -T ${shellWord(directory)})` : told.hint;
    // the jail itself, or a temporary name beside it
    const isItself = path === '/' || /\/\.[^/]+\.uchroot-[^/]+$/.test(path ?? '');
    // it can be a file of the host
    if (code === 'EACCES' && !isItself) throw told;
    const message = isItself
      ? `${showPath(directory)}: ${told.message.replace(`${path}: `, '')}`
      : isWithin(path ?? '', showPath(directory))
        ? told.message
        : `${showPath(directory)}: ${told.message}`;
    throw new JailError(message, { code, path, hint, cause: error });
  }
}

/** The errno of a system error that Node has no name for, such as EDQUOT. Then its code is a sentence. */
function unmappedNumber(error: Error): number | undefined {
  const isUnmapped = 'errno' in error && !/^E[A-Z0-9]+$/.test(errorCode(error) ?? '');
  return isUnmapped ? -Number(error.errno) : undefined;
}

/** The message of a system error without code and path: "not a directory, open". */
export function wordsOf(error: Error): string {
  const unmapped = unmappedNumber(error);
  if (unmapped !== undefined)
    return [reason(unmapped), 'syscall' in error && error.syscall].filter(Boolean).join(', ');
  return error.message.replace(/^E[A-Z0-9]+: /, '').replace(/ '.*'(?: -> '.*')?$/s, '');
}

/** @throws AbortError */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw new AbortError('the work was ended before it was done', signal);
}

const NOT_ALLOWED =
  'name a directory of your own, or try sudo; if a program has closed a part of your jail: uchroot-jail check --fix';

const FULL = 'make room; the jail is as it was';

const READ_ONLY = 'name a directory of another file system, or make this one writable: mount -o remount,rw';

const HINTS: Readonly<Record<string, string | undefined>> = {
  EFBIG: 'the shell limits the size of files: ulimit -f unlimited',
  ENOSPC: FULL,
  EDQUOT: FULL,
  EIO: writeHints.EIO,
  EXDEV: 'unmount what is mounted there in the jail',
  ENAMETOOLONG: 'directories lie too deep in each other, or a name is too long',
  EROFS: READ_ONLY,
};
