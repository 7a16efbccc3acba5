// The text streams of a program: what it reads, what it writes, and its lines.
import { finished, Readable, type Writable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';

import { UsageError } from '../../errors.ts';
import type { Input } from '../request/run-rows.ts';

/**
 * Writes all of an input to a program, and ends its standard input.
 *
 * @param onFailure called if the input itself fails; a program that does not read its input is no failure
 */
export function feed(stdin: Writable, input: Input, onFailure: (error: unknown) => void): void {
  // EPIPE: a program need not read its input
  stdin.on('error', () => {});
  if (typeof input === 'string' || input instanceof Uint8Array) {
    stdin.end(input);
    return;
  }
  let source: Readable;
  try {
    const isOfBytes = input instanceof Readable && !input.readableObjectMode;
    source = isOfBytes ? input : Readable.from(input, { objectMode: false });
  } catch (error) {
    return onFailure(error);
  }
  // once the program has closed its end, the source may be destroyed: that is no failure
  finished(source, { writable: false }, (error) => {
    if (error && !stdin.destroyed) onFailure(error);
  });
  source.pipe(stdin);
  // after pipe(), whose own listener pauses the source
  stdin.once('close', () => {
    if (isOfClient(input)) return void source.resume();
    source.destroy();
    return discard(input);
  });
}

// Whether a client waits for an answer: on a socket that a server has accepted, or to a request of an HTTP server. The caller cannot
// answer if the stream is destroyed.
function isOfClient(input: object): boolean {
  const { server, method } = input as { readonly server?: unknown; readonly method?: unknown };
  return (typeof server === 'object' && server !== null) || typeof method === 'string';
}

/** Destroys the stream of an input that no program has begun to read, unless a client waits for an answer on it. */
export function discard(input: Input): void {
  if (input instanceof Readable && !isOfClient(input)) input.destroy();
}

/** Collects the output of streams, until they end or one gets too long. */
export class Gathered {
  readonly #all: Buffer[] = [];

  /**
   * Begins with a stream.
   *
   * @param to gets the same bytes, and slows the stream down if it is slow. Once it is closed, so is the stream, as the end of a pipe
   * @returns a function for its bytes so far
   */
  from(stream: Readable | null, mostBytes: number, onExcess: () => void, to?: Writable): () => Buffer {
    const chunks: Buffer[] = [];
    let room = mostBytes;
    stream?.on('data', (chunk: Buffer) => {
      const isExcess = chunk.length > room;
      const taken = isExcess ? chunk.subarray(0, room) : chunk;
      chunks.push(taken);
      this.#all.push(taken);
      room -= taken.length;
      if (to?.write(taken) === false) stream.pause();
      if (isExcess) onExcess();
    });
    if (stream !== null && to !== undefined) copyTo(stream, to);
    // an error closes the stream, which ends the wait; the exit status tells the rest
    stream?.on('error', () => {});
    return () => Buffer.concat(chunks);
  }

  /** The output of all streams, in the order in which it arrived. */
  get all(): Buffer {
    return Buffer.concat(this.#all);
  }
}

function copyTo(stream: Readable, to: Writable): void {
  const [resume, close] = [() => void stream.resume(), () => void stream.destroy()];
  to.on('drain', resume).on('close', close).on('error', close);
  stream.once('close', () => void to.off('drain', resume).off('close', close).off('error', close));
}

// A carriage return alone, as progress bars write it, ends no line.
const lineEnd = /\r?\n/;

/** The standard output of a program, for its first reader. @throws UsageError if it is no pipe, or was read already */
export function toRead(stdout: Readable | null): Readable {
  if (stdout === null)
    throw new UsageError('the standard output of the program is no pipe', {
      hint: "start it with stdio: ['pipe', 'pipe', 'pipe']",
    });
  if (!stdout.destroyed && !stdout.readableEnded) return stdout;
  throw new UsageError('the standard output of the program has been read already', {
    hint: 'keep the lines in an array, or use runInJail() with lines: true',
  });
}

/** The lines of a text, without their ends `\n` and `\r\n`; the last one need not have an end. */
export function toLines(text: string): string[] {
  const lines = text.split(lineEnd);
  if (lines.at(-1) === '') lines.pop();
  return lines;
}

// As the default of maxBufferBytes.
const mostLineBytes = 16 * 2 ** 20;

/**
 * The lines of a stream, without their ends `\n` and `\r\n`; the last one need not have an end. Takes time in proportion to the length of
 * a line, and at most 16 MiB of memory for it.
 *
 * @param onExcess called at a longer line; its error ends the iteration
 */
export async function* linesOf(
  stream: Readable,
  onExcess: () => Promise<Error>,
): AsyncGenerator<string, void> {
  const decoder = new StringDecoder('utf8');
  let parts: string[] = [];
  let bytes = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    const text = decoder.write(chunk);
    if (!text.includes('\n')) {
      bytes += chunk.length;
      if (bytes > mostLineBytes) throw await onExcess();
      parts.push(text);
      continue;
    }
    // only now is the \r known that ended the chunk before
    const lines = (parts.join('') + text).split(lineEnd);
    const rest = lines.pop() ?? '';
    parts = [rest];
    bytes = Buffer.byteLength(rest);
    yield* lines;
  }
  const rest = parts.join('') + decoder.end();
  if (rest !== '') yield rest;
}
