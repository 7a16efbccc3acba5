// Streams of this process that become standard input or output of a program.
import { Readable } from 'node:stream';

/** What a socket keeps its descriptor in; Node has no other way to it. */
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
  const fd: unknown = 'fd' in stream && typeof stream.fd === 'number' ? stream.fd : handleOf(stream)?.fd;
  return typeof fd === 'number' && fd >= 0 ? fd : undefined;
}

const handedOn = new WeakSet<object>();

/** Whether a stream was handed on to a program: then it is left alone here. */
export function isHandedOn(stream: object): boolean {
  return handedOn.has(stream);
}

/**
 * Hands streams on to a program, which is about to be started. What its standard input is to be is not read here any
 * more, as child_process does it (spawn() in Node's lib/internal/child_process.js).
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
  // A reader that came in this turn of the loop begins at its end, paused or not (resume_() and nReadingNextTick() in Node's
  // lib/internal/streams/readable.js), but not in a stream that waits for its handle. Later it is to wait for nothing.
  // oxlint-disable-next-line no-underscore-dangle -- Node has no other way to it
  const state = (stream as unknown as { _readableState: { reading: boolean } })._readableState;
  state.reading = true;
  setImmediate(() => (state.reading = false));
}
