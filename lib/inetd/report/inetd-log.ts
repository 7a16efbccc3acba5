// The log of the super-server: lines on standard error that never wait for their reader, or messages for syslog(3).
import { constants } from 'node:os';

import { native } from '../../native.ts';
import { type LogEntry, writeLog } from '../../tcpwrappers/apply/log-entries.ts';
import { entryJson, entryText, type EndedConnection } from './connection-entry.ts';
import type { LogFormat } from '../service-value.ts';

const NAME = 'uchroot-inetd';
/** The most lines that wait for a slow reader. Later lines are dropped and counted. */
const MOST_WAITING_BYTES = 2 ** 20;
const RETRY_MS = 50;

export type Severity = 'err' | 'warning' | 'notice' | 'info';

const NEWLINE = 10;

/** Lines to a descriptor, whole and in order. They are written together at the end of a turn of the event loop. */
export class LineWriter {
  readonly #fd: number;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #isQueued = false;
  #dropped = 0;
  /** The number of dropped lines that a waiting line reports. */
  #told = 0;
  /** A line was written only in part. */
  #isCut = false;

  /** @throws a system error if the descriptor is not open for writing */
  constructor(fd: number) {
    this.#fd = native.openStatus(fd);
  }

  write(line: string): void {
    if (this.#waitingBytes > MOST_WAITING_BYTES) {
      this.#dropped++;
      return;
    }
    if (this.#waitingBytes === 0) this.#tellDropped();
    this.#push(line);
  }

  #push(line: string): void {
    // the rest of the last line is lost
    const isAfterCut = this.#isCut && this.#waitingBytes === 0;
    const bytes = Buffer.from(`${isAfterCut ? '\n' : ''}${line}\n`);
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
    if (this.#isQueued) return;
    this.#isQueued = true;
    setImmediate(() => this.flush());
  }

  #tellDropped(): void {
    if (this.#dropped === 0) return;
    this.#told = this.#dropped;
    this.#dropped = 0;
    this.#push(`${NAME}: ${this.#told} lines were dropped`);
  }

  // The reader has gone away, or the disk is full.
  #drop(bytes: Buffer): void {
    const ends = bytes.reduce((count, byte) => count + (byte === NEWLINE ? 1 : 0), 0);
    const isAfterCut = bytes[0] === NEWLINE;
    this.#dropped += ends - (isAfterCut ? 1 : 0) - (this.#told > 0 ? 1 : 0) + this.#told;
    this.#keep([]);
  }

  #keep(waiting: Buffer[]): void {
    this.#waiting = waiting;
    this.#waitingBytes = waiting[0]?.length ?? 0;
    if (this.#waitingBytes === 0) this.#told = 0;
  }

  /** Writes what can be written without waiting. */
  flush(): void {
    this.#isQueued = false;
    if (this.#waiting.length === 0) return;
    const bytes = this.#waiting.length === 1 ? (this.#waiting[0] as Buffer) : Buffer.concat(this.#waiting);
    const wrote = native.writeStatus(this.#fd, bytes);
    if (wrote < 0 && wrote !== -constants.errno.EAGAIN) return this.#drop(bytes);
    if (wrote > 0) {
      this.#isCut = bytes[wrote - 1] !== NEWLINE;
      this.#told = 0;
    }
    const rest = bytes.subarray(Math.max(0, wrote));
    this.#keep(rest.length === 0 ? [] : [rest]);
    if (rest.length === 0) return this.#tellDropped();
    this.#isQueued = true;
    setTimeout(() => this.flush(), RETRY_MS).unref();
  }
}

/** Where the messages of the super-server and the lines of its connections go. */
export class InetdLog {
  readonly #lines: LineWriter | undefined;
  #isSyslog = false;

  constructor(fd = 2) {
    try {
      this.#lines = new LineWriter(fd);
    } catch {
      // standard error is closed, so the lines are dropped
    }
  }

  /** Messages of the super-server itself go to syslog(3) too. */
  set isSyslog(isSyslog: boolean) {
    this.#isSyslog = isSyslog;
  }

  /** A message of the super-server itself. */
  say(level: Severity, message: string): void {
    const lines = message.trimEnd().split('\n');
    if (this.#isSyslog) for (const line of lines) this.#send(level, line);
    else for (const line of lines) this.#lines?.write(`${NAME}: ${line}`);
  }

  /** An error with its hint. */
  fail(error: unknown, what?: string): void {
    const { message, hint } = error as { readonly message?: string; readonly hint?: string };
    const begin = what === undefined ? '' : `${what}: `;
    this.say('err', `${begin}${message ?? String(error)}${hint === undefined ? '' : `\nhint: ${hint}`}`);
  }

  connection(entry: EndedConnection, format: LogFormat): void {
    switch (format) {
      case 'none':
        return;
      case 'json':
        return this.#lines?.write(entryJson(entry));
      case 'text':
        return this.#lines?.write(`${NAME}: ${entryText(entry)}`);
      case 'syslog':
        return this.#send(entry.pid === undefined ? 'warning' : 'info', entryText(entry));
      default:
        return format satisfies never;
    }
  }

  /** Writes what can be written without waiting, before this process ends. */
  flush(): void {
    this.#lines?.flush();
  }

  #send(level: LogEntry['level'], text: string): void {
    try {
      writeLog([{ facility: 'daemon', level, text: Buffer.from(text).toString('latin1') }], NAME);
    } catch {
      this.#lines?.write(`${NAME}: ${text}`); // there is no log daemon, or it takes no more
    }
  }
}
