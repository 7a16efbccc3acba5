// How a launch that an init system has started tells of its failure: --service-status.
import { writeSync } from 'node:fs';

import { native } from '../../native.ts';
import { notOpen } from '../host/own-descriptors.ts';

/**
 * Exit statuses that no program uses for an exception of its own: 1 to 125 are taken, shells add signals to 128, and systemd
 * has 200 to 245 and 255 (systemd.exec(5), "Process Exit Codes").
 */
export const serviceStatuses = {
  /** Another try would end in the same way. */
  final: 250,
  /** Another try may succeed. */
  passing: 251,
} as const;

/** Errors that pass: something is short for the moment, or in use. All others stay until somebody puts them right. */
export const passingErrors: readonly (readonly [code: string, errno: number])[] = [
  ['EINTR', 4],
  ['EIO', 5],
  ['EAGAIN', 11],
  ['ENOMEM', 12],
  ['EBUSY', 16],
  ['ENFILE', 23],
  ['EMFILE', 24],
  ['ETXTBSY', 26],
  ['ENOSPC', 28],
  ['ETIMEDOUT', 110],
  ['ECONNREFUSED', 111],
  ['ESTALE', 116],
  ['EDQUOT', 122],
];

interface Failure {
  readonly message: string;
  readonly hint?: string | undefined;
  readonly code?: string;
}

function statusOf({ code }: Failure): number {
  const { final, passing } = serviceStatuses;
  return passingErrors.some(([name]) => name === code) ? passing : final;
}

// A datagram of more than 4096 bytes is not read (systemd, NOTIFY_BUFFER_MAX); a character takes at most three.
const maxCharacters = 1000;

/** The init system that has started this process. */
export class ServiceManager {
  /** To its socket, if it has one: opened before the root directory changes, and closed by execve. */
  readonly #fd: number | undefined;

  constructor(socket: string | undefined) {
    try {
      this.#fd = socket?.startsWith('/') === true ? native.connectDatagram(socket) : undefined;
    } catch {
      this.#fd = undefined; // nobody listens: there is still the exit status
    }
  }

  /** Refuses to pass its own socket on, for a number that the caller left closed. @throws LaunchError EBADF */
  keepFrom(fds: readonly number[]): void {
    if (this.#fd !== undefined && fds.includes(this.#fd)) throw notOpen(this.#fd);
  }

  /** Tells of a failure by STATUS=, which `systemctl status` shows (sd_notify(3)); answers with the exit status. */
  fail(failure: Failure): number {
    const { message, hint } = failure;
    const text = `${message}${hint === undefined ? '' : `; hint: ${hint}`}`.slice(0, maxCharacters);
    try {
      if (this.#fd !== undefined) writeSync(this.#fd, `STATUS=${text}`);
    } catch {
      // the message is on descriptor 2 too
    }
    return statusOf(failure);
  }
}
