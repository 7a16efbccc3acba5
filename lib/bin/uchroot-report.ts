// A process that `uchroot --report-denials` starts beside its program. It tells what the program was denied, once that has ended. The command
// itself becomes the small process that waits for the program, and for this one: it ends the program if this one fails.
//
// Its words: the status descriptor if there is one, and what to report as JSON. Descriptor 3 is the socket that brings the listener of the
// program's filter; if the launch fails, it does not come.
// oxlint-disable-next-line import/no-unassigned-import
import './no-debugger.ts';
import { writeSync } from 'node:fs';

import type { Denied } from '../errors.ts';
import { statusLine } from '../launch/host/status-line.ts';
import { reportDenials } from '../launch/start/denials.ts';
import { warningLines } from '../launch/start/exec.ts';
import type { Reported } from '../launch/tell/grant.ts';
import { native } from '../native.ts';

const socket = 3;
const [, , status = '', report = ''] = process.argv;

const verbs = { path: 'may not use', call: 'may not call', limit: 'needed more' };

function lineAbout(denied: Denied): string {
  const { reason, count = 1, option = '', build } = denied;
  const key = (['path', 'call', 'limit'] as const).find((one) => denied[one] !== undefined) ?? 'path';
  const isMissing = build !== undefined;
  const times = count === 1 ? '' : ` (${count} times)`;
  return warningLines({
    message: `the program ${isMissing ? 'did not find' : verbs[key]} ${denied[key]}: ${reason}${times}`,
    hint: isMissing ? `${option}, or ${build}` : option === '' ? undefined : `${option} allows it`,
  });
}

// Nobody may be left to read it.
function tell(denied: Denied): void {
  try {
    if (status === '') writeSync(2, lineAbout(denied));
    else writeSync(Number(status), statusLine({ event: 'denied', ...denied }));
  } catch {
    // it was denied all the same
  }
}

async function tellAll(listener: number): Promise<void> {
  const { words, launch } = JSON.parse(report) as { words: readonly string[]; launch: Reported };
  const denied = await reportDenials(words, listener, launch);
  if (denied === undefined) process.exitCode = 1;
  else denied.forEach(tell);
}

const sending = native.watchReadable(socket, () => {
  native.endWatch(sending);
  const [listener] = native.takeFrom(socket);
  if (listener !== undefined) void tellAll(listener);
});
native.setWatch(sending, true);
