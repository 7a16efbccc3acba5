// What is written to syslog(3) about a decision, in libwrap's words.

import type { Effect, Verdict } from '../decide/effect.ts';
import { clientText } from '../decide/expand.ts';
import type { Request } from '../request/request.ts';
import type { Facility, Level } from '../rule/option.ts';

/** A message for syslog(3); texts have one byte a character, and may hold any. */
export interface LogEntry {
  readonly facility: Facility;
  readonly level: Level;
  readonly text: string;
}

/** What tcpd of Debian logs with: FACILITY, and the levels by default. */
const FACILITY: Facility = 'daemon';
const LEVELS: Readonly<Record<Verdict, Level>> = { granted: 'info', denied: 'warning', delegated: 'warning' };

/** What to log about a request of which this was decided, and was done. */
export function logEntries(
  verdict: Verdict,
  request: Request,
  effects: readonly Effect[],
  warnings: readonly string[],
): readonly LogEntry[] {
  const severity = effects.findLast((effect) => effect.kind === 'severity');
  const facility = severity?.facility ?? FACILITY;
  const level = severity?.level ?? LEVELS[verdict];
  const client = clientText(request);
  const twist = effects.findLast((effect) => effect.kind === 'twist');
  const text =
    verdict === 'delegated' && twist !== undefined
      ? `twist ${client} to ${twist.command}`
      : `${verdict === 'denied' ? 'refused connect' : 'connect'} from ${client} (${request.client.address})`;
  return [
    // tcpd_warn() of libwrap, whatever severity says
    ...warnings.map((warning): LogEntry => ({
      facility: FACILITY,
      level: 'err',
      text: `warning: ${warning}`,
    })),
    { facility, level, text },
  ];
}
