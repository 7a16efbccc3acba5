// The messages for syslog(3) about a decision, in libwrap's words, and how they are sent to /dev/log.

import { native } from '../../native.ts';
import type { Request } from '../connection/request-info.ts';
import { clientText } from '../decide/expansion.ts';
import type { Ruling, Verdict } from '../decide/ruling.ts';
import { FACILITIES, type Facility, type Level, LEVELS } from '../rule/rule-option.ts';

/** A message for syslog(3); the text has one byte a character, and may hold any byte. */
export interface LogEntry {
  readonly facility: Facility;
  readonly level: Level;
  readonly text: string;
}

/** Debian's tcpd logs with this facility, and with these levels by default. */
const FACILITY: Facility = 'daemon';
const USUAL_LEVELS: Readonly<Record<Verdict, Level>> = {
  granted: 'info',
  denied: 'warning',
  delegated: 'warning',
};

type Decided = Pick<Ruling, 'verdict' | 'effects' | 'warnings'>;

export function logEntries({ verdict, effects, warnings }: Decided, request: Request): readonly LogEntry[] {
  const severity = effects.findLast((effect) => effect.kind === 'severity');
  const facility = severity?.facility ?? FACILITY;
  const level = severity?.level ?? USUAL_LEVELS[verdict];
  const client = clientText(request);
  const twist = effects.findLast((effect) => effect.kind === 'twist');
  const text =
    verdict === 'delegated' && twist !== undefined
      ? `twist ${client} to ${twist.command}`
      : `${verdict === 'denied' ? 'refused connect' : 'connect'} from ${client} (${request.client.address})`;
  // tcpd_warn() of libwrap ignores the option severity
  const warn = (warning: string): LogEntry => {
    return { facility: FACILITY, level: 'err', text: `warning: ${warning}` };
  };
  return [...warnings.map(warn), { facility, level, text }];
}

/** Log daemons accept this much; a `twist` can be longer. */
const MAX_TEXT_BYTES = 7000;
const MONTHS = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ');

/**
 * A message as it is sent. Control characters, which clients may have put into names, become octal numbers, as in log
 * daemons.
 */
export function formatLog(entry: LogEntry, name: string, pid: number, time: Date): string {
  const { facility, level, text } = entry;
  const priority = FACILITIES[facility] * 8 + LEVELS[level];
  const shown = text
    .slice(0, MAX_TEXT_BYTES)
    .replace(/[\0-\x1f\x7f]/g, (control) => `#${control.charCodeAt(0).toString(8).padStart(3, '0')}`);
  // `Nov  5 09:03:07`, in local time (RFC 3164, section 4.1.2)
  const day = `${MONTHS[time.getMonth()]} ${String(time.getDate()).padStart(2)}`;
  return `<${priority}>${day} ${time.toTimeString().slice(0, 8)} ${name}[${pid}]: ${shown}`;
}

/**
 * Sends messages to the log daemon under a program name.
 * @throws {Error} a system error, if there is no log daemon, or it takes no more.
 */
export function writeLog(entries: readonly LogEntry[], name: string, path = '/dev/log'): void {
  for (const entry of entries)
    native.sendDatagram(path, Buffer.from(formatLog(entry, name, process.pid, new Date()), 'latin1'));
}
