// Telling the caller's descriptors from Node's own, before the program is given one.
import { constants, readdirSync, readFileSync, readlinkSync } from 'node:fs';

import { LaunchError } from '../../errors.ts';

function target(fd: number): string {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    return ''; // not open
  }
}

type Open = ReadonlyMap<number, string>;

function openDescriptors(): Open {
  return new Map(readdirSync('/proc/self/fd').map((name) => [Number(name), target(Number(name))]));
}

// O_RDONLY or O_WRONLY; proc(5), /proc/PID/fdinfo.
function accessMode(fd: number): number {
  const flags = /^flags:\s*([0-7]+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1'))?.[1];
  return Number.parseInt(flags ?? '0', 8) & (constants.O_WRONLY | constants.O_RDWR);
}

// What Node opens for itself are event queues, and pipes of which this process holds both ends.
function isTheCallers(fd: number, open: Open): boolean {
  const kind = open.get(fd) ?? '';
  if (kind === '' || kind.startsWith('anon_inode:[event') || kind.startsWith('anon_inode:[io_uring'))
    return false;
  if (!kind.startsWith('pipe:')) return true;
  const others = [...open].filter(([other, same]) => other > 2 && other !== fd && same === kind);
  return others.every(([other]) => accessMode(other) === accessMode(fd));
}

/** Whether this process has inherited a descriptor. What is written to one of Node's own can end it by a signal. */
export function isInherited(fd: number): boolean {
  return isTheCallers(fd, openDescriptors());
}

/**
 * Refuses descriptors that this process has not inherited: a number that the caller left closed is that of the next file that is
 * opened here, or Node has opened one for itself.
 *
 * @throws LaunchError EBADF
 */
export function refuseOwnDescriptors(fds: readonly number[]): void {
  if (fds.length === 0) return;
  const open = openDescriptors();
  const own = fds.find((fd) => !isTheCallers(fd, open));
  if (own !== undefined) throw notOpen(own);
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
