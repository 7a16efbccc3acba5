// The pipes between this process and a program. A stream is made at its first use. The output is kept for readers who come after the
// program's end.
import { Socket, type SocketConstructorOpts } from 'node:net';
import type { Readable, Writable } from 'node:stream';

import { native, type ProcessHandle } from '../../native.ts';
import { descriptorOf, isHandedOn, piped, type StdioTriple } from '../request/stdio.ts';

const POLLHUP = 0x10;
const askAgainMs = 50;

type Output = 1 | 2;
const outputs = [1, 2] as const satisfies readonly Output[];

// Nothing is read before there is a reader: once this process has read bytes, another program cannot get them. Node makes process.stdin in
// the same way (lib/internal/bootstrap/switches/is_main_thread.js).
type Options = SocketConstructorOpts & { readonly manualStart: true };

function toStream(fd: number, writable: boolean): Socket {
  const options: Options = { fd, readable: !writable, writable, manualStart: true };
  const stream = new Socket(options);
  native.disownDescriptor(fd);
  return stream;
}

/** The stream of pipe 0, 1 or 2 of a running program. Call it once for each. */
export function takeStream(handle: ProcessHandle, fd: 0 | 1 | 2): Socket {
  return toStream(native.takePipe(handle, fd), fd === 0);
}

// Closes the pipes of ended programs when nobody can ask for their output any more.
const forgotten = new FinalizationRegistry<readonly number[]>((left) => {
  for (const fd of left) if (fd >= 0) native.closeDescriptor(fd);
});

/** Joins an output to the standard input of another program, until one of them is closed. */
export function join(output: Readable, stdin: Writable): void {
  // EPIPE: the other program has read enough
  stdin.on('error', () => {});
  // it has closed already
  if (stdin.destroyed) return void output.destroy();
  stdin.once('close', () => output.destroy());
  output.pipe(stdin);
}

/** The pipes of one program. */
export class Pipes {
  readonly #handle: ProcessHandle;
  readonly #stdio: StdioTriple;
  readonly #streams: [Socket | null, Socket | null, Socket | null] = [null, null, null];
  // Once the program has ended: the pipes without a stream; -1 where there is nothing left to read.
  #left: number[] | undefined;

  /** Whether there are pipes. */
  readonly any: boolean;
  /** Whether the event loop stays alive while other processes can write into them. */
  isHeld = true;

  constructor(handle: ProcessHandle, stdio: StdioTriple) {
    this.#handle = handle;
    this.#stdio = stdio;
    this.any = stdio.includes(piped);
  }

  /** The stream of a descriptor, the same each time; null unless it is a pipe. */
  stream(fd: 0 | 1 | 2): Socket | null {
    if (this.#stdio[fd] !== piped) return null;
    this.#streams[fd] ??= this.#open(fd);
    return this.#streams[fd];
  }

  #open(fd: 0 | 1 | 2): Socket {
    const left = this.#left;
    if (left === undefined) return takeStream(this.#handle, fd);
    if (fd === 0) return new Socket({ readable: false, writable: true }).destroy();
    const kept = left[fd] ?? -1;
    left[fd] = -1;
    return toStream(kept >= 0 ? kept : native.endedPipe(), false);
  }

  /** The program has ended: nobody reads its input any more, and its output is kept. */
  end(): void {
    if (!this.any) return;
    const stdin = this.#streams[0];
    const left = [-1, -1, -1];
    for (const fd of outputs) {
      if (this.#stdio[fd] === piped && this.#streams[fd] === null)
        left[fd] = native.keepPipe(this.#handle, fd);
    }
    this.#left = left;
    if (left.some((fd) => fd >= 0)) forgotten.register(this, left);
    if (stdin !== null && !isHandedOn(stdin)) stdin.destroy();
  }

  /**
   * After `end()`, calls back when nobody can write into the pipes any more, and all pipes with a reader are read to their end. The other
   * pipes may be read later, or never.
   */
  whenEnded(onEnded: () => void): void {
    if (!this.any) return onEnded();
    const isAllRead = this.#unread(1) === undefined && this.#unread(2) === undefined;
    // listeners of `exit` and `exited` can still begin to read
    return isAllRead ? this.#awaitReaders(onEnded) : void setImmediate(() => this.#awaitWriters(onEnded));
  }

  // The descriptor of an output that nobody in this process has begun to read.
  #unread(fd: Output): number | undefined {
    const stream = this.#streams[fd];
    if (stream !== null)
      return stream.readableFlowing === null && !isHandedOn(stream) ? descriptorOf(stream) : undefined;
    const left = this.#left?.[fd] ?? -1;
    return left >= 0 ? left : undefined;
  }

  // Another process may still have the pipes. This is rare, so polling will do.
  #awaitWriters(onEnded: () => void): void {
    const unread = outputs.map((fd) => this.#unread(fd));
    if (unread.some((fd) => fd !== undefined && (native.pollPipe(fd) & POLLHUP) === 0)) {
      const asking = setTimeout(() => this.#awaitWriters(onEnded), askAgainMs);
      return this.isHeld ? undefined : void asking.unref();
    }
    // an empty stream that nobody reads need not stay open
    for (const [i, fd] of unread.entries()) {
      const stream = this.#streams[i + 1];
      // after a call of read() its buffer may hold something
      const isEmpty = stream?.readableLength === 0 && fd !== undefined && native.pollPipe(fd) === POLLHUP;
      if (isEmpty) stream?.resume();
    }
    return this.#awaitReaders(onEnded);
  }

  #awaitReaders(onEnded: () => void): void {
    let open = 1;
    const onClosed = (): void => {
      if (--open === 0) onEnded();
    };
    for (let fd = 0; fd < 3; fd++) {
      const stream = this.#streams[fd];
      if (stream === null || stream === undefined || stream.closed || isHandedOn(stream)) continue;
      if (fd > 0 && stream.readableFlowing === null) continue;
      open++;
      stream.once('close', onClosed);
    }
    onClosed();
  }
}
