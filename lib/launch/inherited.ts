// Telling the caller's descriptors from Node's own, before the program is given one.
import { readdirSync, readlinkSync } from 'node:fs';

import { LaunchError } from '../errors.ts';

function target(fd: number): string {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    return ''; // not open
  }
}

/**
 * Refuses descriptors that this process has not inherited: a number that the caller left closed is that of the next file that is
 * opened here, or Node has opened one for itself. They are event queues, and pipes of which this process holds both ends.
 *
 * @throws LaunchError EBADF
 */
export function refuseOwnDescriptors(fds: readonly number[]): void {
  if (fds.length === 0) return;
  const open = new Map(readdirSync('/proc/self/fd').map((name) => [Number(name), target(Number(name))]));
  for (const fd of fds) {
    const kind = open.get(fd) ?? '';
    const bothEnds =
      kind.startsWith('pipe:') &&
      [...open].some(([other, same]) => other > 2 && other !== fd && same === kind);
    if (
      kind !== '' &&
      !kind.startsWith('anon_inode:[event') &&
      !kind.startsWith('anon_inode:[io_uring') &&
      !bothEnds
    )
      continue;
    throw notOpen(fd);
  }
}

/** The error for a descriptor that the caller did not open. */
export function notOpen(fd: number): LaunchError {
  return new LaunchError(`keep_fd: descriptor ${fd}: is not open`, {
    step: 'keep_fd',
    call: 'fcntl',
    code: 'EBADF',
    errno: 9,
    path: `descriptor ${fd}`,
    hint: 'open it before uchroot is started; sudo closes descriptors above 2 (sudo -C)',
  });
}
