// --service-status: how a launch reports its failure to an init system.
import { writeSync } from 'node:fs';
import { constants } from 'node:os';

import { native } from '../../native.ts';
import { attempt, lookOr } from '../../words/system-error.ts';
import { notOpen } from '../host/caller.ts';

/**
 * Exit statuses that no program uses: programs use 1 to 125, shells 128 and above for signals, and systemd 200 to 245 and 255
 * (systemd.exec(5), "Process Exit Codes").
 */
export const serviceStatuses = {
  /** Another try would fail in the same way. */
  final: 250,
  /** Another try may succeed. */
  passing: 251,
} as const;

const passing =
  'EINTR EIO EAGAIN ENOMEM EBUSY ENFILE EMFILE ETXTBSY ENOSPC ETIMEDOUT ECONNREFUSED ESTALE EDQUOT ECANCELED'.split(
    ' ',
  ) as (keyof typeof constants.errno)[];

/**
 * The numbers of the errors that may pass: a resource is short or in use, or the launcher was killed, as for want of memory (ECANCELED).
 * All others stay until an administrator repairs the cause. A function, since a launch that succeeds does without node:os.
 */
export const passingErrnos = (): readonly number[] => passing.map((name) => constants.errno[name]);

interface Failure {
  readonly message: string;
  readonly hint?: string | undefined;
  readonly code?: string;
}

function statusOf({ code }: Failure): number {
  return passing.some((name) => name === code) ? serviceStatuses.passing : serviceStatuses.final;
}

// systemd ignores datagrams longer than 4096 bytes (NOTIFY_BUFFER_MAX). A UTF-16 unit takes at most three bytes.
const maxCharacters = 1000;

/** Whether the value of NOTIFY_SOCKET is the address of a unix socket: a path, or `@name` for a name without a file (sd_notify(3)). */
export const isNoticeSocket = (address: string | undefined): address is string =>
  address !== undefined && /^[/@]./.test(address);

/** The init system that started this process. */
export class ServiceManager {
  /**
   * The descriptor of the manager's socket, if there is one. It is opened before the root directory changes, and execve closes
   * it.
   */
  readonly #fd: number | undefined;

  constructor(socket: string | undefined) {
    // without a listener the exit status still reports the failure
    this.#fd = lookOr(undefined, () => (isNoticeSocket(socket) ? native.connectDatagram(socket) : undefined));
  }

  /** The socket's number was closed in the caller, so it must not be preserved. @throws LaunchError EBADF */
  keepFrom(fds: readonly number[]): void {
    if (this.#fd !== undefined && fds.includes(this.#fd)) throw notOpen(this.#fd);
  }

  /** Sends a failure as STATUS=, which `systemctl status` shows (sd_notify(3)), and returns the exit status. */
  fail(failure: Failure): number {
    const { message, hint } = failure;
    const text = `${message}${hint === undefined ? '' : `; hint: ${hint}`}`.slice(0, maxCharacters);
    // the message is on descriptor 2 too
    attempt(() => this.#fd !== undefined && writeSync(this.#fd, `STATUS=${text}`));
    return statusOf(failure);
  }
}
