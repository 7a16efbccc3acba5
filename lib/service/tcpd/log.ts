// Says what is to be said: to the system log, and on descriptor 2 only if that is not the client.

import { writeSync } from 'node:fs';

import { native } from '../../native.ts';
import { formatLog, type LogEntry } from '../../tcpwrappers/apply/log-entries.ts';

/** Whether a descriptor is a connection: inetd(8) gives the client 0, 1 and 2. */
export function isConnection(fd: number): boolean {
  try {
    return native.getsockname(fd) !== undefined;
  } catch {
    // closed, or no socket
    return false;
  }
}

/** A log that is opened at once, so that it can be written to from a jail. */
export interface Log {
  /** Nothing is thrown: where nobody can be told, the decision stays the same. */
  readonly write: (entries: readonly LogEntry[]) => void;
  readonly warn: (text: string) => void;
  readonly error: (text: string) => void;
}

/** Opens the log under the name of a program. */
export function openLog(name: string, path = '/dev/log'): Log {
  let fd: number | undefined;
  try {
    fd = native.connectDatagram(path);
  } catch {
    // there is no log daemon
  }

  function write(entry: LogEntry): void {
    const line = formatLog(entry, name, process.pid, new Date());
    try {
      if (fd !== undefined) writeSync(fd, Buffer.from(line, 'latin1'));
      else if (!isConnection(2)) writeSync(2, Buffer.from(`${line.replace(/^<\d+>/, '')}\n`, 'latin1'));
    } catch {
      // it takes no more
    }
  }

  const tell = (prefix: string) => (text: string) => {
    for (const line of text.trimEnd().split('\n'))
      write({ facility: 'daemon', level: 'err', text: Buffer.from(`${prefix}${line}`).toString('latin1') });
  };
  return { write: (entries) => entries.forEach(write), warn: tell('warning: '), error: tell('error: ') };
}
