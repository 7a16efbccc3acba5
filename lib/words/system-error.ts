// What follows an error of a system call.
import type { ErrnoName } from '../errors.ts';

/** The code of a system error; undefined for any other error. */
export function errorCode(error: unknown): ErrnoName | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string'
    ? (error.code as ErrnoName)
    : undefined;
}

/** Returns the result of `look`, or undefined after an error with one of these codes. */
export function unless<T>(codes: readonly ErrnoName[], look: () => T): T | undefined {
  try {
    return look();
  } catch (error) {
    const code = errorCode(error);
    if (code !== undefined && codes.includes(code)) return undefined;
    throw error;
  }
}

/** Returns the result of `look`, or `otherwise` after a system error: the object can be gone, or another object in the way. */
export function lookOr<T, U>(otherwise: U, look: () => T): T | U {
  try {
    return look();
  } catch (error) {
    if (errorCode(error) === undefined) throw error;
    return otherwise;
  }
}

/** Makes a call, and goes on if it fails: nobody is left to tell, or what it was for is gone. */
export function attempt(call: () => unknown): void {
  lookOr(undefined, call);
}
