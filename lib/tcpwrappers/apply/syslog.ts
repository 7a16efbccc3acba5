// Writes to the system log: the datagram that syslog(3) of the C library sends to /dev/log.

import { native } from '../../native.ts';
import { FACILITIES, LEVELS } from '../rule/severity.ts';
import type { LogEntry } from './log.ts';

/** What log daemons take of a message; a `twist` can be longer. */
const MAX_TEXT_BYTES = 7000;
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

// `Nov  5 09:03:07`, in local time (RFC 3164, section 4.1.2).
function showTime(time: Date): string {
  // HH:MM:SS
  const clock = time.toTimeString().slice(0, 8);
  return `${MONTHS[time.getMonth()]} ${String(time.getDate()).padStart(2)} ${clock}`;
}

/**
 * A message as it is sent. Control characters become octal numbers, as log daemons write them: a text holds what clients
 * say of themselves.
 */
export function formatLog(
  { facility, level, text }: LogEntry,
  name: string,
  pid: number,
  time: Date,
): string {
  const priority = FACILITIES[facility] * 8 + LEVELS[level];
  const shown = text
    .slice(0, MAX_TEXT_BYTES)
    .replace(/[\0-\x1f\x7f]/g, (control) => `#${control.charCodeAt(0).toString(8).padStart(3, '0')}`);
  return `<${priority}>${showTime(time)} ${name}[${pid}]: ${shown}`;
}

/**
 * Sends entries to the log daemon; `name` is what it calls the program.
 * @throws {Error} a system error, if there is no log daemon, or it takes no more.
 */
export function writeLog(entries: readonly LogEntry[], name: string, path = '/dev/log'): void {
  for (const entry of entries)
    native.sendDatagram(path, Buffer.from(formatLog(entry, name, process.pid, new Date()), 'latin1'));
}
