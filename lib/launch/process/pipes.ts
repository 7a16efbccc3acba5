// The pipes between this process and a program: a stream for each that somebody asks for, and what the program wrote is
// kept for whoever asks late.
import { Socket, type SocketConstructorOpts } from 'node:net';

import { native, type ProcessHandle } from '../../native.ts';
import { descriptorOf, isHandedOn, piped, type StdioTriple } from '../request/stdio.ts';

const POLLHUP = 0x10;
const askAgainMs = 50;

type Output = 1 | 2;
const outputs = [1, 2] as const satisfies readonly Output[];

// Nothing is read before somebody reads: what was read here could not be handed on to another program. Node's own
// process.stdin is made so (lib/internal/bootstrap/switches/is_main_thread.js).
type Options = SocketConstructorOpts & { readonly manualStart: true };

// The stream of a pipe that was taken.
function toStream(fd: number, writable: boolean): Socket {
  const options: Options = { fd, readable: !writable, writable, manualStart: true };
  const stream = new Socket(options);
  native.pipeTaken(fd);
  return stream;
}

/** The stream of pipe 0, 1 or 2 of a program that runs; once for each. */
export function takeStream(handle: ProcessHandle, fd: 0 | 1 | 2): Socket {
  return toStream(native.takePipe(handle, fd), fd === 0);
}

// The output of programs that have ended, which nobody can ask for any more.
const forgotten = new FinalizationRegistry<readonly number[]>((left) => {
  for (const fd of left) if (fd >= 0) native.closePipe(fd);
});

/** The pipes of one program. */
export class Pipes {
  readonly #handle: ProcessHandle;
  readonly #stdio: StdioTriple;
  readonly #streams: [Socket | null, Socket | null, Socket | null] = [null, null, null];
  // Once it has ended: descriptors of the pipes that no stream was made of; -1 where there is nothing left to read.
  #left: number[] | undefined;

  /** Whether there are any. */
  readonly any: boolean;
  /** Whether waiting for whoever can write into them keeps the event loop alive. */
  isHeld = true;

  constructor(handle: ProcessHandle, stdio: StdioTriple) {
    this.#handle = handle;
    this.#stdio = stdio;
    this.any = stdio.includes(piped);
  }

  /** The stream of one of them, the same each time; null unless it is a pipe. */
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

  /** The program has ended, and its exit is being told: nobody reads its input any more, its output stays. */
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
   * After `end()`, calls back once the pipes have ended: nobody can write into them, and those that somebody reads are read
   * to their end. Others are as they are: they may be read later, or never.
   */
  whenEnded(onEnded: () => void): void {
    if (!this.any) return onEnded();
    const isAllRead = this.#unread(1) === undefined && this.#unread(2) === undefined;
    // a reader that comes with `exit` or `exited` is one in time
    return isAllRead ? this.#awaitReaders(onEnded) : void setImmediate(() => this.#awaitWriters(onEnded));
  }

  // The descriptor of an output that nobody here has begun to read.
  #unread(fd: Output): number | undefined {
    const stream = this.#streams[fd];
    if (stream !== null)
      return stream.readableFlowing === null && !isHandedOn(stream) ? descriptorOf(stream) : undefined;
    const left = this.#left?.[fd] ?? -1;
    return left >= 0 ? left : undefined;
  }

  // Something that the program has started may have its pipes still. Asking again is enough for what is rare.
  #awaitWriters(onEnded: () => void): void {
    const unread = outputs.map((fd) => this.#unread(fd));
    if (unread.some((fd) => fd !== undefined && (native.pollPipe(fd) & POLLHUP) === 0)) {
      const asking = setTimeout(() => this.#awaitWriters(onEnded), askAgainMs);
      return this.isHeld ? undefined : void asking.unref();
    }
    // with nothing in it, a stream that was asked for and is not read need not stay open
    for (const [i, fd] of unread.entries()) {
      const stream = this.#streams[i + 1];
      // whoever has called read() has its buffer still to read
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
