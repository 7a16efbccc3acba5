// Descriptors 0 to 2 of a spawned program, and streams of this process that are handed on to them.
import { Readable, type Duplex, type Stream } from 'node:stream';

import { UsageError } from '../../errors.ts';
import { wrong } from '../../values/wrong.ts';
import { descriptor } from './value.ts';

/** A stream with a descriptor behind it: a file, a socket, a pipe, a terminal. */
export type StreamWithFd = Stream | { readonly fd?: number | null };

/** One of `pipe` (a stream for this process), `inherit`, `ignore` (/dev/null), a descriptor, or an open stream. */
export type StdioEntry = 'pipe' | 'inherit' | 'ignore' | number | StreamWithFd;

/** One entry for all three, or one each; what is left out is `pipe`. */
export type Stdio = StdioEntry | readonly (StdioEntry | undefined)[];

/** How a program is joined to this process: by `stdio`, or by a pseudo-terminal. */
export type Joint = Stdio | 'pty';

/** The Joint of a request with these values of `stdio` and `pty`. A type that does not say that there is a `pty` counts as none. */
export type JointOf<Wanted extends Stdio, Pty> = [undefined] extends [Pty]
  ? Wanted
  : Pty extends false
    ? Wanted
    : 'pty';

/** The entry for a descriptor; undefined if it is left out. */
type EntryOf<Wanted, Fd extends 0 | 1 | 2> = Wanted extends readonly unknown[]
  ? number extends Wanted['length']
    ? Wanted[number] | undefined
    : Wanted extends Readonly<Record<Fd, infer Entry>>
      ? Entry
      : undefined
  : Wanted;

type StreamBehind<Entry, End> = Entry extends 'pipe' | undefined ? End : null;

/** This process's end of a pipe, null for any other entry, and either if the entry is not known at compile time. */
export type StreamOf<Wanted extends Joint, Fd extends 0 | 1 | 2, End> = StreamBehind<
  EntryOf<Wanted, Fd>,
  End
>;

/** The stream of a pseudo-terminal, if there is one. */
export type PtyOf<Wanted extends Joint> = Wanted extends 'pty' ? Duplex : null;

export type StdioTriple = readonly [number, number, number];

/** The addon's numbers for /dev/null and for a pipe. */
export const ignored = -1;
export const piped = -2;

/** What the addon takes for a launch with a pseudo-terminal. */
export const ptyStdio: StdioTriple = [-3, ignored, ignored];

// The program would miss the bytes that this process has read already.
function refuseRead(stream: object): void {
  const readBytes: unknown = 'readableLength' in stream ? stream.readableLength : 0;
  if (typeof readBytes !== 'number' || readBytes === 0) return;
  throw new UsageError(`stdio[0]: this process has read ${readBytes} bytes of the stream already`, {
    hint: "hand a stream on before anything reads it, or pipe it into the program's stdin",
  });
}

const toDescriptor = descriptor();

function toEntry(entry: unknown, fd: number, missing: StdioEntry): number {
  const wanted = entry ?? missing;
  if (wanted === 'pipe') return piped;
  if (wanted === 'ignore') return ignored;
  if (wanted === 'inherit') return fd;
  if (typeof wanted === 'number') return toDescriptor(wanted, `stdio[${fd}]`);
  const behind = typeof wanted === 'object' && wanted !== null ? descriptorOf(wanted) : undefined;
  if (behind !== undefined) {
    if (fd === 0) refuseRead(wanted);
    return behind;
  }
  // a stream of a file has its descriptor only when it is open
  const isFile = typeof wanted === 'object' && wanted !== null && 'path' in wanted && 'fd' in wanted;
  throw wrong({
    key: `stdio[${fd}]`,
    value: wanted,
    expected: "'pipe', 'inherit', 'ignore', a descriptor or an open stream with one",
    example: 'pipe',
    hint: isFile ? "write first: await once(STREAM, 'open')" : undefined,
  });
}

/** The three entries as the addon takes them. @throws UsageError */
export function toStdio(stdio: unknown, missing: readonly [StdioEntry, StdioEntry, StdioEntry]): StdioTriple {
  if (Array.isArray(stdio) && stdio.length > 3)
    throw new UsageError('stdio has three entries', {
      hint: 'further descriptors go into preserveFds: [N]; there is no channel for messages',
    });
  const entry = (fd: 0 | 1 | 2): number => toEntry(Array.isArray(stdio) ? stdio[fd] : stdio, fd, missing[fd]);
  return [entry(0), entry(1), entry(2)];
}

const none: readonly undefined[] = [];

const isStream = (entry: unknown): entry is object => typeof entry === 'object' && entry !== null;

/** The streams among the entries, each at its index; empty if there are none. */
export function streamsOf(stdio: unknown): readonly (object | undefined)[] {
  const entries: readonly unknown[] = Array.isArray(stdio) ? stdio : [stdio, stdio, stdio];
  return entries.some(isStream) ? entries.map((entry) => (isStream(entry) ? entry : undefined)) : none;
}

// The handle of a socket. Node has no other way to its descriptor.
interface Handle {
  readonly fd?: number;
  reading?: boolean;
  readStop?(): number;
}

function handleOf(stream: object): Handle | undefined {
  // oxlint-disable-next-line no-underscore-dangle -- Node's name for it
  const handle: unknown = '_handle' in stream ? stream._handle : undefined;
  return typeof handle === 'object' && handle !== null ? handle : undefined;
}

/** The descriptor behind an open stream. */
export function descriptorOf(stream: object): number | undefined {
  // that of a TLS socket is below TLS
  if ('encrypted' in stream && stream.encrypted === true) return undefined;
  const fd: unknown = 'fd' in stream && typeof stream.fd === 'number' ? stream.fd : handleOf(stream)?.fd;
  return typeof fd === 'number' && fd >= 0 ? fd : undefined;
}

const handedOn = new WeakSet<object>();

/** Whether a stream was handed on to a program. This process then neither reads nor closes it. */
export const isHandedOn = (stream: object): boolean => handedOn.has(stream);

/**
 * Hands streams on to a program that starts next. This process stops reading the stream that becomes its standard input,
 * as child_process does (spawn() in Node's lib/internal/child_process.js).
 */
export function handOn(streams: readonly (object | undefined)[]): void {
  for (const [fd, stream] of streams.entries()) {
    if (stream === undefined) continue;
    handedOn.add(stream);
    const handle = handleOf(stream);
    if (fd === 0 && handle !== undefined && stream instanceof Readable) stopReading(stream, handle);
  }
}

function stopReading(stream: Readable, handle: Handle): void {
  if (handle.reading === true) {
    handle.reading = false;
    handle.readStop?.();
  }
  if (stream.readableFlowing === true) stream.pause();
  // A reader that was added in this turn of the loop starts reading at the end of the turn, even if the stream is paused
  // (resume_() and nReadingNextTick() in Node's lib/internal/streams/readable.js), unless the stream waits for its handle.
  // So it waits, until the turn is over.
  // oxlint-disable-next-line no-underscore-dangle -- Node has no other way to it
  const state = (stream as unknown as { _readableState: { reading: boolean } })._readableState;
  state.reading = true;
  setImmediate(() => (state.reading = false));
}
