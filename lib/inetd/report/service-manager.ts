// Reports the state of the super-server to its service manager: sd_notify(3), sd_watchdog_enabled(3).
import { writeSync } from 'node:fs';

import { isNoticeSocket } from '../../launch/tell/service-status.ts';
import { native } from '../../native.ts';
import { attempt, lookOr } from '../../words/system-error.ts';

type Variables = Readonly<Record<string, string | undefined>>;

/** The longest time of setInterval(). */
const MOST_MS = 2 ** 31 - 1;

/** The service manager that started this process, if it listens for messages. */
export class ManagerNotice {
  readonly #fd: number | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor({ NOTIFY_SOCKET, WATCHDOG_USEC = '', WATCHDOG_PID }: Variables, pid: number) {
    this.#fd = openNotice(NOTIFY_SOCKET);
    const isOurs = WATCHDOG_PID === undefined || WATCHDOG_PID === String(pid);
    if (!isOurs || !/^[1-9][0-9]{0,14}$/.test(WATCHDOG_USEC)) return;
    // half of the time, as sd_watchdog_enabled(3) recommends
    this.#timer = setInterval(
      () => this.#send('WATCHDOG=1'),
      Math.min(Number(WATCHDOG_USEC) / 2000, MOST_MS),
    );
    this.#timer.unref();
  }

  /** It serves. */
  ready(status: string): void {
    this.#send(`READY=1\nSTATUS=${status}`);
  }

  /** It reads its configuration again; ready() follows (Type=notify-reload in systemd.service(5)). */
  reloading(): void {
    this.#send(`RELOADING=1\nMONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`);
  }

  stopping(status: string): void {
    this.#send(`STOPPING=1\nSTATUS=${status}`);
  }

  status(status: string): void {
    this.#send(`STATUS=${status}`);
  }

  #send(text: string): void {
    // If the manager is gone or busy, one lost message is harmless: the watchdog's time is longer.
    attempt(() => this.#fd !== undefined && writeSync(this.#fd, text));
  }
}

// Undefined if nobody listens.
const openNotice = (path: string | undefined): number | undefined =>
  lookOr(undefined, () => (isNoticeSocket(path) ? native.connectDatagram(path) : undefined));
