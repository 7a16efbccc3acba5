// errno numbers as names and as the words of strerror(3).
import { getSystemErrorMap } from 'node:util';

import type { ErrnoName } from '../errors.ts';

// Built only when something fails: building the map costs more than the rest of an error.
let names: Map<number, [string, string]> | undefined;

function look(errno: number): [string, string] | undefined {
  names ??= getSystemErrorMap();
  return names.get(-errno) ?? more[errno];
}

// Numbers that libuv does not map and a launch can meet (errno(3); asm-generic/errno.h).
const more: Readonly<Record<number, [string, string]>> = {
  8: ['ENOEXEC', 'exec format error'],
  52: ['EBADE', 'what was read back is not what was set'],
  80: ['ELIBBAD', 'accessing a corrupted shared library'],
  87: ['EUSERS', 'too many users'],
  122: ['EDQUOT', 'quota exceeded'],
  126: ['ENOKEY', 'required key not available'],
};

/** The name of an errno: `ENOENT` for 2. */
export function errnoName(errno: number): ErrnoName {
  return (look(errno)?.[0] as ErrnoName | undefined) ?? `E${errno}`;
}

/** The words for an errno: `no such file or directory` for 2. */
export const reason = (errno: number): string => look(errno)?.[1] ?? `error ${errno}`;

/** Whether the code of a system error says that a disk is full, or what one user may have of it. */
export const isFull = (code: string | undefined): boolean => code === 'ENOSPC' || code === 'EDQUOT';
