// The stream of a program's pseudo-terminal: what it writes, and what is typed.
import { constants } from 'node:os';
import { Duplex } from 'node:stream';

import { native, type ProcessHandle } from '../../native.ts';

const { EAGAIN } = constants.errno;

// epoll_ctl(2)
const EPOLLIN = 1;
const EPOLLOUT = 4;

// More than a pseudo-terminal holds. A process that the program has left behind may write without end.
const mostAtEnd = 2 ** 20;

// How soon the end of the input is typed again; later if the program does not answer.
const soonestMs = 50;
const latestMs = 800;

// Streams read and push at once, so all of them can use the same memory.
const buffer = Buffer.allocUnsafeSlow(64 * 1024);

/**
 * Input and output of a terminal. `end()` types the character for the end of the input (Ctrl-D), and `destroy()` hangs up. It ends
 * with the program.
 */
export class PtyStream extends Duplex {
  readonly #handle: ProcessHandle;
  readonly #onReady = (): void => this.#proceed();
  #isOver = false;
  #awaited = 0;
  #unwritten: { bytes: Uint8Array; readonly done: () => void } | undefined;
  #endingMs = soonestMs;

  constructor(handle: ProcessHandle) {
    // the end of the output is the end of the terminal
    super({ allowHalfOpen: false });
    this.#handle = handle;
  }

  /** The program has ended. What it has written before is kept for readers. */
  finish(): void {
    for (let total = 0; total < mostAtEnd;) {
      const count = native.readTerminal(this.#handle, buffer);
      if (count <= 0) break;
      total += count;
      if (!this.destroyed) this.push(Buffer.from(buffer.subarray(0, count)));
    }
    this.#isOver = true;
    if (!this.destroyed) this.push(null);
    // nobody reads it any more
    this.#unwritten?.done();
  }

  override _read(): void {
    if (!this.#isOver) this.#await(EPOLLIN);
  }

  override _write(bytes: Uint8Array, _: string, done: () => void): void {
    this.#unwritten = { bytes, done };
    this.#write();
  }

  override _final(done: () => void): void {
    this.#typeEnd();
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    if (!this.#isOver) native.hangUpTerminal(this.#handle);
    done(error);
  }

  // One event at most is awaited for each direction.
  #await(event: number): void {
    this.#awaited |= event;
    // fails only if the terminal is closed
    native.awaitTerminal(this.#handle, this.#awaited, this.#onReady);
  }

  #proceed(): void {
    const wanted = this.#awaited;
    this.#awaited = 0;
    if ((wanted & EPOLLOUT) !== 0) this.#write();
    if ((wanted & EPOLLIN) !== 0) this.#readNow();
  }

  #readNow(): void {
    this.#endingMs = soonestMs;
    const count = native.readTerminal(this.#handle, buffer);
    if (count > 0) this.push(Buffer.from(buffer.subarray(0, count)));
    else if (count === -EAGAIN) this.#await(EPOLLIN);
  }

  #write(): void {
    const unwritten = this.#unwritten;
    if (unwritten === undefined) return;
    const count = this.#isOver ? 0 : native.writeTerminal(this.#handle, unwritten.bytes);
    if (count > 0) unwritten.bytes = unwritten.bytes.subarray(count);
    // What is typed when nobody reads it any more is lost, as with any terminal.
    const isDone = unwritten.bytes.length === 0 || this.#isOver || (count <= 0 && count !== -EAGAIN);
    if (!isDone) return this.#await(EPOLLOUT);
    this.#unwritten = undefined;
    return unwritten.done();
  }

  // A terminal has no lasting end (native/terminal/inputend.h).
  #typeEnd(): void {
    if (this.#isOver || native.endTerminal(this.#handle) !== 0) return;
    setTimeout(() => this.#typeEnd(), this.#endingMs).unref();
    this.#endingMs = Math.min(2 * this.#endingMs, latestMs);
  }
}
