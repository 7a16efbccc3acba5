// Ends programs whose connection has carried no data for too long. This process keeps no descriptor of the connection, because that would
// keep it open when the program closes it. So it asks the kernel by sock_diag(7). One timer serves all connections.
import { constants } from 'node:os';

import { errnoName, reason } from '../words/errno.ts';
import { LaunchError, UsageError } from '../errors.ts';
import type { JailedProcess } from '../launch/process/process.ts';
import { native } from '../native.ts';
import { quote } from '../words/quote.ts';
import type { ListeningSocket } from './listen/listening-socket.ts';

/** The most connections of one question: all answers come in one turn of the event loop. */
const MOST_AT_ONCE = 256;
/** The least time between questions, so that connections that are due soon after each other share one. */
const PAUSE_MS = 20;
/** The time until the next question after a failed one. */
const RETRY_MS = 1000;
/** If one connection delays an answer for so long, the question is repeated without it. */
const STALL_MS = 5000;

// The connection has ended. The program may go on.
const GONE: ReadonlySet<number> = new Set([
  -constants.errno.ENOENT,
  -constants.errno.ESTALE,
  -constants.errno.ENOTCONN,
]);

interface Watched {
  readonly program: JailedProcess;
  /** From tcpKey(). */
  readonly key: Buffer;
  readonly idleMs: number;
  readonly onProblem: (problem: unknown) => void;
  /** When the kernel is asked about it next, by performance.now(). */
  dueMs: number;
  /** The kernel has not answered, because the program holds the lock of its socket. While it does, no data is transferred. */
  isStuck: boolean;
  isExpired: boolean;
}

interface Look {
  readonly asked: readonly Watched[];
  answers: number;
  /** Time of the last answer. */
  lastMs: number;
}

function toLookError(errno: number, what: string): LaunchError {
  const isRefused = [constants.errno.EPERM, constants.errno.EACCES, constants.errno.EAFNOSUPPORT].includes(
    errno,
  );
  return new LaunchError(`idle: ${what}: sock_diag: ${reason(errno)}`, {
    step: 'idle',
    call: 'sock_diag',
    code: errnoName(errno),
    errno,
    hint: isRefused
      ? 'a filter refuses netlink sockets: allow AF_NETLINK (RestrictAddressFamilies= of a unit), or leave idle out'
      : 'the kernel needs its module tcp_diag (modprobe tcp_diag), and the socket must be of the network namespace of this process; or leave idle out',
  });
}

/**
 * Checks that the kernel gives information on the connections of a socket: it is asked about the socket itself.
 *
 * @throws UsageError if they are no TCP connections
 * @throws LaunchError if the kernel does not answer
 */
export async function verifyIdle({ fd, shown }: Pick<ListeningSocket, 'fd' | 'shown'>): Promise<void> {
  const what = quote(shown);
  let key: Buffer | undefined;
  try {
    key = native.tcpKey(fd);
  } catch (error) {
    throw toLookError(-((error as NodeJS.ErrnoException).errno ?? -5), what);
  }
  if (key === undefined)
    throw new UsageError(
      `idle: ${what} has no TCP connections, and the kernel knows the time of the last byte only for them`,
      { hint: 'leave --idle (idleMs) out; --timeout (timeoutMs) is for all sockets' },
    );
  const answer = await new Promise<number>((resolve) => native.askIdle(key, (_, idleMs) => resolve(idleMs)));
  if (answer < 0) throw toLookError(-answer, what);
}

/** The connections with an idle limit. */
export class IdleWatch {
  readonly #watched = new Map<JailedProcess, Watched>();
  #timer: NodeJS.Timeout | undefined;
  #wakeMs = Infinity;
  #look: Look | undefined;
  #isFailing = false;

  /**
   * Ends the program once its connection has sent and received no data for this time. The time begins now. A program whose connection
   * has ended is left alone.
   *
   * @param key from tcpKey()
   * @param onProblem called when a look fails; it is tried again
   */
  add(program: JailedProcess, key: Buffer, idleMs: number, onProblem: (problem: unknown) => void): void {
    const dueMs = performance.now() + idleMs;
    this.#watched.set(program, { program, key, idleMs, onProblem, dueMs, isStuck: false, isExpired: false });
    if (dueMs < this.#wakeMs) this.#wakeAt(dueMs);
  }

  /** Forgets a program that has ended. @returns whether its idle limit has ended it */
  leave(program: JailedProcess): boolean {
    const isExpired = this.#watched.get(program)?.isExpired === true;
    this.#watched.delete(program);
    if (this.#watched.size === 0) this.#wakeAt(Infinity);
    return isExpired;
  }

  #wakeAt(wakeMs: number): void {
    clearTimeout(this.#timer);
    this.#wakeMs = wakeMs;
    if (wakeMs < Infinity)
      this.#timer = setTimeout(() => this.#wake(performance.now()), Math.max(0, wakeMs - performance.now()));
  }

  #wake(nowMs: number): void {
    if (this.#look !== undefined) {
      const { asked, answers, lastMs } = this.#look;
      if (nowMs < lastMs + STALL_MS) return this.#wakeAt(lastMs + STALL_MS);
      this.#setAside(asked[answers], nowMs);
    }
    const due: Watched[] = [];
    for (const watched of this.#watched.values()) {
      if (watched.dueMs > nowMs) continue;
      if (watched.isStuck) this.#expire(watched);
      else if (due.push(watched) === MOST_AT_ONCE) break;
    }
    if (due.length > 0) this.#ask(due, nowMs);
    else this.#wakeAt(this.#soonest());
  }

  #soonest(): number {
    let soonest = Infinity;
    for (const { dueMs } of this.#watched.values()) soonest = Math.min(soonest, dueMs);
    return soonest;
  }

  // The kernel answers when the program releases the lock of the socket. The question is repeated for the other connections.
  #setAside(stuck: Watched | undefined, nowMs: number): void {
    this.#look = undefined;
    if (stuck === undefined) return;
    stuck.isStuck = true;
    stuck.dueMs = nowMs + stuck.idleMs;
  }

  #ask(asked: readonly Watched[], nowMs: number): void {
    const look: Look = { asked, answers: 0, lastMs: nowMs };
    try {
      native.askIdle(Buffer.concat(asked.map(({ key }) => key)), (index, idleMs) =>
        this.#answer(look, index, idleMs),
      );
      this.#look = look;
      this.#wakeAt(nowMs + STALL_MS);
    } catch (error) {
      // there is no thread
      for (const watched of asked) watched.dueMs = nowMs + RETRY_MS;
      this.#tell(asked[0], error);
      this.#wakeAt(nowMs + RETRY_MS);
    }
  }

  // A late answer is still valid.
  #answer(look: Look, index: number, idleMs: number): void {
    const nowMs = performance.now();
    const watched = look.asked[index];
    look.answers = index + 1;
    look.lastMs = nowMs;
    if (watched !== undefined) this.#apply(watched, idleMs, nowMs);
    if (look !== this.#look || look.answers < look.asked.length) return;
    this.#look = undefined;
    this.#wakeAt(Math.max(this.#soonest(), nowMs + PAUSE_MS));
  }

  #apply(watched: Watched, idleMs: number, nowMs: number): void {
    watched.isStuck = false;
    if (GONE.has(idleMs)) watched.dueMs = Infinity;
    else if (idleMs < 0) {
      watched.dueMs = nowMs + RETRY_MS;
      this.#tell(watched, toLookError(-idleMs, 'a connection cannot be asked about'));
    } else {
      this.#isFailing = false;
      if (idleMs >= watched.idleMs) this.#expire(watched);
      else watched.dueMs = nowMs + watched.idleMs - idleMs;
    }
  }

  // Once, until a look succeeds.
  #tell(watched: Watched | undefined, problem: unknown): void {
    if (!this.#isFailing) watched?.onProblem(problem);
    this.#isFailing = true;
  }

  // As after `timeoutMs`, which may have ended the program already.
  #expire(watched: Watched): void {
    watched.dueMs = Infinity;
    if (watched.program.stopped !== undefined) return;
    watched.isExpired = true;
    watched.program.stop('ETIMEDOUT');
  }
}
