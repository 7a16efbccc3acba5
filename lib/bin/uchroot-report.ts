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
import { errorCode } from '../words/system-error.ts';

const socket = 3;
const [, , status = '', report = ''] = process.argv;

const verbs = { path: 'may not use', call: 'may not call', limit: 'needed more' };

function lineAbout(denied: Denied): string {
  const { reason, count = 1, option = '', build, place } = denied;
  const key = (['path', 'call', 'limit'] as const).find((one) => denied[one] !== undefined);
  if (key === undefined)
    return warningLines({ message: `the program was denied ${count} times more: ${reason}` });
  const isMissing = build !== undefined;
  const after = `${place}, and then ${option}`;
  const granted = isMissing ? `${option}, or ${build}` : option === '' ? undefined : `${option} allows it`;
  const times = count === 1 ? '' : ` (${count} times)`;
  return warningLines({
    message: `the program ${isMissing ? 'did not find' : verbs[key]} ${denied[key]}: ${reason}${times}`,
    hint: place === undefined ? granted : isMissing ? `${build}, or ${after}` : after,
  });
}

const pause = new Int32Array(new SharedArrayBuffer(4));
const pauseMs = 5;

// Node makes a pipe on standard error non-blocking when it closes a socket (Socket.prototype._destroy): a slow reader is waited for.
function write(fd: number, bytes: Uint8Array): void {
  for (let left = bytes; left.length > 0;)
    try {
      left = left.subarray(writeSync(fd, left));
    } catch (error) {
      // nobody is left to read it, and it was denied all the same
      if (errorCode(error) !== 'EAGAIN') return;
      Atomics.wait(pause, 0, 0, pauseMs);
    }
}

function tell(denied: Denied): void {
  if (status === '') write(2, Buffer.from(lineAbout(denied)));
  else write(Number(status), statusLine({ event: 'denied', ...denied }));
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
