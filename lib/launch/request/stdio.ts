// Where descriptors 0 to 2 of a spawned program lead. Pure.
import type { Stream } from 'node:stream';

import { UsageError } from '../../errors.ts';
import { descriptorOf } from './handover.ts';
import { descriptor } from './value.ts';

/** A stream with a descriptor behind it: a file, a socket, a pipe, a terminal. */
export type StreamWithFd = Stream | { readonly fd?: number | null };

/** One of `pipe` (a stream for this process), `inherit`, `ignore` (/dev/null), a descriptor, or an open stream. */
export type StdioEntry = 'pipe' | 'inherit' | 'ignore' | number | StreamWithFd;

/** One entry for all three, or one each; what is left out is `pipe`. */
export type Stdio = StdioEntry | readonly (StdioEntry | undefined)[];

/** What `stdio` says of a descriptor; undefined if it says nothing. */
type EntryOf<Wanted, Fd extends 0 | 1 | 2> = Wanted extends readonly unknown[]
  ? number extends Wanted['length']
    ? Wanted[number] | undefined
    : Wanted extends Readonly<Record<Fd, infer Entry>>
      ? Entry
      : undefined
  : Wanted;

type StreamBehind<Entry, End> = Entry extends 'pipe' | undefined ? End : null;

/** This process's end of a pipe, null where `stdio` asks for something else, and either where that is not known. */
export type StreamOf<Wanted extends Stdio, Fd extends 0 | 1 | 2, End> = StreamBehind<
  EntryOf<Wanted, Fd>,
  End
>;

export type StdioTriple = readonly [number, number, number];

/** /dev/null, and a pipe, in the addon's terms. */
export const ignored = -1;
export const piped = -2;

// The program would miss what is in this process already.
function refuseRead(stream: object): void {
  const readBytes: unknown = 'readableLength' in stream ? stream.readableLength : 0;
  if (typeof readBytes !== 'number' || readBytes === 0) return;
  throw new UsageError(`stdio[0]: this process has read ${readBytes} bytes of the stream already`, {
    hint: "hand a stream on before anything reads it, or pipe it into the program's stdin",
  });
}

function toEntry(entry: unknown, fd: number, missing: StdioEntry): number {
  const wanted = entry ?? missing;
  switch (wanted) {
    case 'pipe':
      return piped;
    case 'ignore':
      return ignored;
    case 'inherit':
      return fd;
    default:
  }
  if (typeof wanted === 'number') return descriptor(wanted, `stdio[${fd}]`);
  const behind = typeof wanted === 'object' && wanted !== null ? descriptorOf(wanted) : undefined;
  if (behind !== undefined) {
    if (fd === 0) refuseRead(wanted);
    return behind;
  }
  throw new UsageError(
    `stdio[${fd}] must be 'pipe', 'inherit', 'ignore', a descriptor or an open stream with one`,
  );
}

/** The three entries in the addon's terms. @throws UsageError */
export function toStdio(stdio: unknown, missing: readonly [StdioEntry, StdioEntry, StdioEntry]): StdioTriple {
  if (Array.isArray(stdio) && stdio.length > 3) {
    throw new UsageError('stdio has three entries', { hint: 'further descriptors go into preserveFds' });
  }
  const entry = (fd: 0 | 1 | 2): number => toEntry(Array.isArray(stdio) ? stdio[fd] : stdio, fd, missing[fd]);
  return [entry(0), entry(1), entry(2)];
}

const none: readonly undefined[] = [];

const isStream = (entry: unknown): entry is object => typeof entry === 'object' && entry !== null;

/** The streams among the entries, each in its place; empty if there are none. */
export function streamsOf(stdio: unknown): readonly (object | undefined)[] {
  if (typeof stdio !== 'object' || stdio === null) return none;
  const entries: readonly unknown[] = Array.isArray(stdio) ? stdio : [stdio, stdio, stdio];
  return entries.some(isStream) ? entries.map((entry) => (isStream(entry) ? entry : undefined)) : none;
}
