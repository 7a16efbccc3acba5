// A connection to the system bus, for as long as systemd is asked. A process of busctl(1) for each question would cost more than all else.
import { connect, type Socket } from 'node:net';

import { AbortError, JailError } from '../../errors.ts';
import { decodeMessage, encodeMessage, type Message, messageBytes } from './bus-message.ts';

export const busSocket = '/run/dbus/system_bus_socket';

// the answer to a call can wait behind a daemon-reload
let answerMs = 120_000;
// the same for a command that was interrupted and undoes its work
const undoMs = 5000;
// a program that uses the library keeps no connection open
const idleMs = 1000;

/** What is asked. All arguments are text. */
export interface Call {
  readonly destination: string;
  readonly path: string;
  readonly interface: string;
  readonly member: string;
  readonly words: readonly string[];
}

interface Waiting {
  readonly member: string;
  readonly resolve: (body: readonly unknown[]) => void;
  readonly reject: (error: Error) => void;
}

const failure = (message: string): JailError =>
  new JailError(`systemd does not answer on the bus: ${message}`, {
    code: 'ERR_SERVICE',
    hint: 'systemctl start dbus.socket starts the bus if it does not run, and systemctl status dbus shows it',
  });

/** Sends calls and takes their answers. */
class Connection {
  readonly #socket: Socket = connect(busSocket);
  readonly #waiting = new Map<number, Waiting>();
  #unsent: Buffer[] = [];
  #got: Buffer = Buffer.alloc(0);
  #parts: Buffer[] = [];
  #partBytes = 0;
  #neededBytes = 0;
  #sentMs = 0;
  #isAccepted = false;
  #serial = 0;

  constructor(onClose: () => void) {
    let reason = 'the connection was closed';
    this.#socket.on('error', ({ message }) => (reason = message));
    this.#socket.on('close', () => {
      onClose();
      for (const { reject } of this.#waiting.values()) reject(failure(reason));
    });
    this.#socket.on('timeout', () => {
      if (this.#waiting.size > 0) reason = `no answer in ${answerMs / 1000} seconds`;
      onClose();
      this.#socket.destroy();
    });
    this.#socket.on('data', (bytes) => {
      try {
        this.#take(bytes);
      } catch (error) {
        this.#socket.destroy(error as Error);
      }
    });
    // the kernel tells the bus who is at the other end
    const uid = Buffer.from(String(process.geteuid?.() ?? 0)).toString('hex');
    this.#socket.write(`\0AUTH EXTERNAL ${uid}\r\n`);
    const own = 'org.freedesktop.DBus';
    this.call({
      destination: own,
      path: '/org/freedesktop/DBus',
      interface: own,
      member: 'Hello',
      words: [],
    }).catch(
      () => {}, // the calls that follow fail too
    );
  }

  call({ destination, path, interface: name, member, words }: Call): Promise<readonly unknown[]> {
    const serial = ++this.#serial;
    const signature = words.length === 0 ? {} : { 8: 's'.repeat(words.length) };
    const fields = { 1: path, 2: name, 3: member, 6: destination, ...signature };
    this.#send(encodeMessage({ type: 1, serial, fields, body: words }));
    if (this.#waiting.size === 0) this.#sentMs = performance.now();
    this.#socket.ref().setTimeout(answerMs);
    return new Promise((resolve, reject) => this.#waiting.set(serial, { member, resolve, reject }));
  }

  /** Later answers must come within `answerMs` from now on. */
  hurry(): void {
    if (this.#waiting.size > 0) this.#socket.setTimeout(answerMs);
  }

  /** Waits for no answer any more. @returns for how long answers were waited for, in ms; 0 if none was */
  interrupt(): number {
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    this.#socket.destroy();
    for (const { reject } of waiting) reject(new AbortError('the bus was not waited for', undefined));
    return waiting.length === 0 ? 0 : performance.now() - this.#sentMs;
  }

  #send(bytes: Buffer): void {
    if (this.#isAccepted) this.#socket.write(bytes);
    else this.#unsent.push(bytes);
  }

  #take(bytes: Buffer): void {
    this.#parts.push(bytes);
    this.#partBytes += bytes.length;
    // a large message comes in many parts, which are joined once
    if (this.#partBytes < this.#neededBytes) return;
    this.#got = Buffer.concat(this.#parts);
    if (this.#isAccepted || this.#accept()) {
      for (let found = decodeMessage(this.#got); found; found = decodeMessage(this.#got)) {
        this.#got = this.#got.subarray(found.sizeBytes);
        this.#answer(found.message);
      }
      this.#neededBytes = messageBytes(this.#got);
    }
    this.#parts = [this.#got];
    this.#partBytes = this.#got.length;
    if (this.#waiting.size === 0) this.#socket.unref().setTimeout(idleMs);
  }

  // @returns whether the bus has accepted this process
  #accept(): boolean {
    const end = this.#got.indexOf('\r\n');
    if (end < 0) return false;
    const line = this.#got.toString('latin1', 0, end);
    if (!line.startsWith('OK ')) throw new Error(`the bus refuses this process: ${line}`);
    this.#got = this.#got.subarray(end + 2);
    this.#isAccepted = true;
    this.#socket.write(Buffer.concat([Buffer.from('BEGIN\r\n'), ...this.#unsent]));
    this.#unsent = [];
    return true;
  }

  #answer({ type, fields, body }: Message): void {
    const serial = Number(fields[5]);
    const waiting = this.#waiting.get(serial);
    const [said = fields[4]] = body as readonly string[];
    if (waiting === undefined || (type !== 2 && type !== 3)) return;
    this.#waiting.delete(serial);
    if (type === 2) waiting.resolve(body);
    else waiting.reject(new JailError(`systemd refuses ${waiting.member}: ${said}`, { code: 'ERR_SERVICE' }));
  }
}

let open: Connection | undefined;

// how many runs of uninterrupted work there are: `update --all --jobs 4` can undo four updates at a time
let undoing = 0;

/** Runs work that must not be interrupted: it puts a service back. */
export async function uninterrupted<T>(work: () => Promise<T>): Promise<T> {
  undoing += 1;
  try {
    return await work();
  } finally {
    undoing -= 1;
  }
}

/**
 * For a command that is interrupted. A call that waits for its answer fails at once, unless it belongs to uninterrupted work. Later calls,
 * which put the service back, wait five seconds. If the bus has already kept a call waiting for so long, they do not wait: the next command
 * then puts the service back.
 */
export function interruptBus(): void {
  const waitedMs = undoing === 0 ? (open?.interrupt() ?? 0) : 0;
  answerMs = waitedMs < undoMs ? undoMs : 1;
  if (undoing === 0) open = undefined;
  open?.hurry();
}

/** Calls a method. @returns the values of its answer @throws JailError ERR_SERVICE */
export function callBus(call: Call): Promise<readonly unknown[]> {
  if (open === undefined) {
    const fresh = new Connection(() => {
      if (open === fresh) open = undefined;
    });
    open = fresh;
  }
  return open.call(call);
}
