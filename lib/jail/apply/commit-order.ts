// The order in which what is ready is put in place: at each moment an interruption must leave programs that start.

import type { BytePath } from '../../binary/path.ts';
import type { FileEntry } from '../manifest/planned-entry.ts';

// The loader and the C library suit only each other: one comes directly after the other. An old program runs with new
// libraries, a new one perhaps not with old ones. A link leads to something new when that is there.
/** What other things lie in comes before them. */
export const DIRECTORY = -1;
const LIBC = 0;
const LIBC_LINK = 1;
const LIBRARY = 2;
const LIBRARY_LINK = 3;
/** For what no program is started by. */
export const ORDINARY = 4;
const PROGRAM = 5;
const LINK = 6;

/** The place of a file in the order: lower comes first. */
export function rankOf({ path, reason }: FileEntry): number {
  if (OF_LIBC.test(path)) return LIBC;
  if (reason.how === 'library' || reason.how === 'dlopen') return LIBRARY;
  return reason.how === 'asked' || reason.how === 'interpreter' || reason.how === 'command'
    ? PROGRAM
    : ORDINARY;
}

/** The same of a link. */
export function rankOfLink(path: BytePath): number {
  if (OF_LIBC.test(path)) return LIBC_LINK;
  return /\.so(?:\.[^/]*)?$/.test(path) ? LIBRARY_LINK : LINK;
}

const OF_LIBC = /\/(?:ld(?:-linux)?|ld-musl|lib(?:c|m|pthread|dl|rt|resolv|nss_[a-z]+|anl|util))[-.][^/]*$/;
