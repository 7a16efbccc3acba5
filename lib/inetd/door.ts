// The door of a service: listens on its sockets while a program may start, and lets connections in one after the other.
import { native, type AcceptedConnection } from '../native.ts';
import type { ListeningSocket } from './listen/listening-socket.ts';
import type { StartCounter } from './start-limits.ts';

/** Connections that are accepted before other events get their turn. */
const MOST_AT_ONCE = 16;

const shortages: ReadonlySet<unknown> = new Set(['EMFILE', 'ENFILE', 'ENOMEM', 'EAGAIN', 'ENOBUFS']);

/** Whether descriptors, processes or memory are short. That passes. */
export const isShortage = (error: unknown): boolean => shortages.has((error as NodeJS.ErrnoException).code);

export class Door {
  readonly #counter: StartCounter;
  readonly #onShortage: (error: unknown) => void;
  #sockets: readonly ListeningSocket[] = [];
  #timer: NodeJS.Timeout | undefined;

  /** @param onShortage told once for each pause without descriptors or memory */
  constructor(counter: StartCounter, onShortage: (error: unknown) => void) {
    this.#counter = counter;
    this.#onShortage = onShortage;
  }

  /** Addresses that it listens on. */
  get addresses(): readonly string[] {
    return this.#sockets.map(({ shown }) => shown);
  }

  /** Listens on these sockets, whose `onReadable` is set, in place of earlier ones. Those stay open. */
  set sockets(sockets: readonly ListeningSocket[]) {
    for (const socket of this.#sockets) if (!sockets.includes(socket)) socket.onReadable = undefined;
    this.#sockets = sockets;
    this.heed();
  }

  /**
   * Starts programs of clients that wait for their turn, and listens if a connection may be accepted now. Otherwise it listens later,
   * after a pause or when a connection has ended.
   */
  heed(): void {
    clearTimeout(this.#timer);
    const counter = this.#counter;
    for (let begin = counter.takeTurn(performance.now()); begin !== undefined;) {
      begin();
      begin = counter.takeTurn(performance.now());
    }
    const waitMs = counter.waitMs(performance.now());
    for (const socket of this.#sockets) socket.watch(waitMs === 0);
    if (waitMs === 0 || waitMs === Infinity || (this.#sockets.length === 0 && !counter.hasTurns)) return;
    this.#timer = setTimeout(() => this.heed(), waitMs);
  }

  /** Makes the function that accepts clients of a socket, and gives each to `enter`. */
  accepting(socket: ListeningSocket, enter: (accepted: AcceptedConnection) => void): () => void {
    // Before this, a program of an earlier configuration may have the socket, whose accept(2) has to wait for clients.
    let isBlocking = true;
    return () => {
      if (isBlocking) native.setBlocking(socket.fd, false);
      isBlocking = false;
      this.#accept(socket, enter);
    };
  }

  #accept(socket: ListeningSocket, enter: (accepted: AcceptedConnection) => void): void {
    try {
      for (let i = 0; i < MOST_AT_ONCE; i++) {
        if (this.#counter.waitMs(performance.now()) > 0) return this.heed();
        const accepted = native.accept(socket.fd);
        if (accepted === undefined) return;
        enter(accepted);
      }
    } catch (error) {
      this.pause(error);
    }
  }

  /** Descriptors or memory are short: connections wait in the queue of the kernel for a moment. */
  pause(error: unknown): void {
    if (this.#counter.pauseShort(performance.now())) this.#onShortage(error);
    this.heed();
  }
}
