// The order in which files are put in place. Whenever the run is interrupted, the programs of the jail must start.

import type { BytePath } from '../../binary/path.ts';
import type { FileEntry } from '../manifest/planned-entry.ts';

// The loader and the C library work only with each other, so they come one directly after the other. An old program runs with
// new libraries, but a new program may not run with old ones. A link comes after its target.
export const DIRECTORY = -1;
const LIBC = 0;
const LIBC_LINK = 1;
const LIBRARY = 2;
const LIBRARY_LINK = 3;
/** For a file that no program needs in order to start. */
export const ORDINARY = 4;
const PROGRAM = 5;
const LINK = 6;

/** The rank of a file; a lower rank comes first. */
export function rankOf({ path, reason }: FileEntry): number {
  if (OF_LIBC.test(path)) return LIBC;
  if (reason.how === 'library' || reason.how === 'dlopen') return LIBRARY;
  return reason.how === 'asked' || reason.how === 'interpreter' || reason.how === 'command'
    ? PROGRAM
    : ORDINARY;
}

export function rankOfLink(path: BytePath): number {
  if (OF_LIBC.test(path)) return LIBC_LINK;
  return /\.so(?:\.[^/]*)?$/.test(path) ? LIBRARY_LINK : LINK;
}

const OF_LIBC = /\/(?:ld(?:-linux)?|ld-musl|lib(?:c|m|pthread|dl|rt|resolv|nss_[a-z]+|anl|util))[-.][^/]*$/;
