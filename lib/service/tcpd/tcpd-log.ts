// Messages of uchroot-tcpd run: to the system log, or on descriptor 2 if there is no log and descriptor 2 is not the client.

import { writeSync } from 'node:fs';

import { native } from '../../native.ts';
import { formatLog, type LogEntry } from '../../tcpwrappers/apply/log-entries.ts';
import { lookOr } from '../../words/system-error.ts';

/** Whether a descriptor is a connection. inetd(8) gives the client 0, 1 and 2. */
export const isConnection = (fd: number): boolean =>
  lookOr(false, () => native.getsockname(fd) !== undefined);

/** A log. It is opened before the root changes, so that it works from a jail too. */
export interface Log {
  /** Never throws: a lost message does not change the decision. */
  readonly write: (entries: readonly LogEntry[]) => void;
  readonly warn: (text: string) => void;
  readonly error: (text: string) => void;
}

/** Opens the log under the name of a program. */
export function openLog(name: string, path = '/dev/log'): Log {
  // undefined if there is no log daemon
  const fd = lookOr(undefined, () => native.connectDatagram(path));

  function write(entry: LogEntry): void {
    const line = formatLog(entry, name, process.pid, new Date());
    try {
      if (fd !== undefined) writeSync(fd, Buffer.from(line, 'latin1'));
      else if (!isConnection(2)) writeSync(2, Buffer.from(`${line.replace(/^<\d+>/, '')}\n`, 'latin1'));
    } catch {
      // the log is full or gone
    }
  }

  const tell = (prefix: string) => (text: string) => {
    for (const line of text.trimEnd().split('\n'))
      write({ facility: 'daemon', level: 'err', text: Buffer.from(`${prefix}${line}`).toString('latin1') });
  };
  return { write: (entries) => entries.forEach(write), warn: tell('warning: '), error: tell('error: ') };
}
