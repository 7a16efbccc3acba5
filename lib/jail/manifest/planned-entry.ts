// The entries of a plan: the object for each path of the jail, and the reason for it.

import { type BytePath, showPath } from '../../tree/path.ts';
import { quote } from '../../words/quote.ts';

/** `from` is the file that needs it, `words` the name by which it does. `isNeeded` is false if no file needs it. */
type Phrase = (from: string, words: string, isNeeded: boolean) => string;

/** The kinds of reasons, and how each is shown. */
const PHRASES = {
  asked: () => 'asked for', // as a program
  interpreter: (from) => `#! of ${from}`, // `as` follows `#!` of the script `by`
  command: (from) => `started by the env line of ${from}`, // env(1) in the first line of the script `by` starts `as`
  loader: (from) => `loader of ${from}`, // PT_INTERP of `by`
  library: (from, words) => `needed by ${from} as ${words}`, // `as` is a DT_NEEDED of `by`
  dlopen: (from, words) => `opened at run time by ${from} as ${words}`, // by the .note.dlopen of `by`, or beside it
  package: (from, words, isNeeded) => `package ${words}, ${isNeeded ? `which ${from} needs` : 'asked for'}`,
  state: (_from, words) => `where the service of package ${words} keeps its data`,
  pack: (from, words, isNeeded) => `pack ${words}${isNeeded ? `, which ${from} needs` : ''}`,
  learned: (_from, words) => `opened by ${words}`, // by a command
  copied: () => 'to be copied', // --copy
  image: (_from, words) => `in the image ${words}`, // --image
  exported: () => 'added to an image by uchroot-jail export, for scanners',
  mounted: (_from, words) => `mounted from the host by each isolated launch, read-only: ${words}`,
  way: (from) => `on the way to ${from}`, // a link or directory in the path of `by`
  layout: () => 'part of every jail',
} satisfies Readonly<Record<string, Phrase>>;

export const HOWS = Object.keys(PHRASES) as (keyof typeof PHRASES)[];

/** Why an entry is in a jail: `by` is the file that needs it, `as` the name by which it does. */
export interface Reason {
  readonly how: keyof typeof PHRASES;
  /** A path of the jail, which has its own reason. */
  readonly by?: BytePath | undefined;
  /** Bytes of the file, or text of the request, with one character for each byte. */
  readonly as?: string | undefined;
}

interface Place {
  /** As seen from the jail, links resolved. */
  readonly path: BytePath;
  readonly reason: Reason;
}

export interface DirectoryEntry extends Place {
  readonly kind: 'directory';
  readonly mode: number;
  /** 0 if missing. A data directory of a service belongs to the service's user. */
  readonly uid?: number;
  readonly gid?: number;
}

interface LinkEntry extends Place {
  readonly kind: 'link';
  readonly target: BytePath;
}

/** A copy of a file of the host. `source` is its path there, links resolved. */
export interface FileEntry extends Place {
  readonly kind: 'file';
  readonly source: BytePath;
  readonly sizeBytes: number;
  /** Permission bits of the copy. Set-user-ID and set-group-ID are included only if they were asked for. */
  readonly mode: number;
  readonly uid?: number;
  readonly gid?: number;
  /** File capabilities are copied too (capabilities(7)). */
  readonly keepPrivileges?: true;
}

/** A file that the builder writes itself. */
interface DataEntry extends Place {
  readonly kind: 'data';
  readonly data: Uint8Array;
  readonly mode: number;
}

interface DeviceEntry extends Place {
  readonly kind: 'device';
  /** With the file type. */
  readonly mode: number;
  readonly major: number;
  readonly minor: number;
}

export type Entry = DirectoryEntry | LinkEntry | FileEntry | DataEntry | DeviceEntry;

/** One reason as a phrase: "needed by /bin/bash as libc.so.6". */
export function showReason({ how, by, as }: Reason): string {
  const words = as === undefined ? '' : quote(Buffer.from(as, 'latin1'));
  const phrase: Phrase = PHRASES[how];
  return phrase(by === undefined ? 'it' : showPath(by), words, by !== undefined);
}

/** The reason for `path`, then the reason for the file that needs it, and so on. A cycle is followed once. */
export function reasonChain(
  path: BytePath,
  reasonOf: (path: BytePath) => Reason | undefined,
): readonly Reason[] {
  const chain: Reason[] = [];
  const seen = new Set<BytePath>();
  for (let at: BytePath | undefined = path; at !== undefined && !seen.has(at);) {
    seen.add(at);
    const reason = reasonOf(at);
    if (reason === undefined) break;
    chain.push(reason);
    at = reason.by;
  }
  return chain;
}
