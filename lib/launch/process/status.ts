// The lines for statusFd: whole, in order, and without waiting for the reader.
import { constants } from 'node:os';

import { native } from '../../native.ts';
import { errnoName } from '../../words/errno.ts';

const askAgainMs = 50;
// how long the last lines wait for a reader
const patienceMs = 10_000;

function warn(message: string): void {
  process.emitWarning(`statusFd: ${message}`, { code: 'UCHROOT_STATUS' });
}

/**
 * The status descriptor of one launch. It is a copy: the caller may close his at once.
 *
 * Lines wait here while the pipe is full, without keeping the process alive. If the reader is too slow they are dropped, with a
 * process warning; if the reader has gone away they are dropped without one.
 */
export class StatusLines {
  #fd: number;
  readonly #waiting: Uint8Array[] = [];
  #endedAt: number | undefined;

  /** @throws a system error if it is not open for writing */
  constructor(fd: number) {
    this.#fd = native.openStatus(fd);
  }

  /** Writes a line, at once or later. */
  tell(line: Uint8Array): void {
    if (this.#endedAt !== undefined) return;
    this.#waiting.push(line);
    if (this.#waiting.length === 1) this.#write();
  }

  /** Closes the descriptor once all lines are written. */
  end(): void {
    this.#endedAt ??= performance.now();
    if (this.#waiting.length === 0) this.#close();
  }

  #write(): void {
    for (let line = this.#waiting[0]; line !== undefined; line = this.#waiting[0]) {
      const wrote = native.writeStatus(this.#fd, line);
      if (wrote === -constants.errno.EAGAIN) return this.#writeLater();
      if (wrote < 0) return this.#giveUp(-wrote);
      if (wrote < line.length) this.#waiting[0] = line.subarray(wrote);
      else this.#waiting.shift();
    }
    if (this.#endedAt !== undefined) this.#close();
  }

  #writeLater(): void {
    if (this.#endedAt !== undefined && performance.now() - this.#endedAt > patienceMs) {
      warn(`nobody reads it; lines that were dropped: ${this.#waiting.length}`);
      return this.#close();
    }
    setTimeout(() => this.#write(), askAgainMs).unref();
  }

  #giveUp(errno: number): void {
    if (errno !== constants.errno.EPIPE && errno !== constants.errno.ECONNRESET)
      warn(`a line could not be written: ${errnoName(errno)}`);
    this.#waiting.length = 0;
    if (this.#endedAt !== undefined) this.#close();
  }

  #close(): void {
    if (this.#fd >= 0) native.closeDescriptor(this.#fd);
    this.#fd = -1;
  }
}
