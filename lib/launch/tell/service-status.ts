// --service-status: how a launch reports its failure to an init system.
import { writeSync } from 'node:fs';
import { constants } from 'node:os';

import { native } from '../../native.ts';
import { notOpen } from '../host/caller.ts';

/**
 * Exit statuses that programs do not use: 1 to 125 are taken, shells add signals to 128, and systemd has 200 to 245 and 255
 * (systemd.exec(5), "Process Exit Codes").
 */
export const serviceStatuses = {
  /** Another try would fail in the same way. */
  final: 250,
  /** Another try may succeed. */
  passing: 251,
} as const;

/** Errors that may pass: something is short, or in use. All others stay until somebody repairs the cause. */
export const passingErrors: readonly (readonly [code: string, errno: number])[] = (
  'EINTR EIO EAGAIN ENOMEM EBUSY ENFILE EMFILE ETXTBSY ENOSPC ETIMEDOUT ECONNREFUSED ESTALE EDQUOT'.split(
    ' ',
  ) as (keyof typeof constants.errno)[]
).map((name) => [name, constants.errno[name]]);

interface Failure {
  readonly message: string;
  readonly hint?: string | undefined;
  readonly code?: string;
}

function statusOf({ code }: Failure): number {
  const { final, passing } = serviceStatuses;
  return passingErrors.some(([name]) => name === code) ? passing : final;
}

// systemd does not read a datagram of more than 4096 bytes (NOTIFY_BUFFER_MAX); a character has at most three.
const maxCharacters = 1000;

/** The init system that started this process. */
export class ServiceManager {
  /** For its socket, if there is one. It is opened before the root directory changes, and closed by execve. */
  readonly #fd: number | undefined;

  constructor(socket: string | undefined) {
    try {
      this.#fd = socket?.startsWith('/') === true ? native.connectDatagram(socket) : undefined;
    } catch {
      this.#fd = undefined; // nobody listens; the exit status still tells of the failure
    }
  }

  /** Refuses to preserve the number of its own socket, which the caller left closed. @throws LaunchError EBADF */
  keepFrom(fds: readonly number[]): void {
    if (this.#fd !== undefined && fds.includes(this.#fd)) throw notOpen(this.#fd);
  }

  /** Sends a failure as STATUS=, which `systemctl status` shows (sd_notify(3)), and returns the exit status. */
  fail(failure: Failure): number {
    const { message, hint } = failure;
    const text = `${message}${hint === undefined ? '' : `; hint: ${hint}`}`.slice(0, maxCharacters);
    try {
      if (this.#fd !== undefined) writeSync(this.#fd, `STATUS=${text}`);
    } catch {
      // descriptor 2 has the message too
    }
    return statusOf(failure);
  }
}
