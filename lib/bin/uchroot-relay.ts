// A process that `uchroot --connect-to` starts beside its program, and that ends with it: looks names up, judges their addresses, dials.
// The command itself becomes the small process that waits for the program.
//
// Its words: the pid of the command, the status descriptor if there is one, the entries. Descriptor 3 is the socket that brings those of
// the program's network; if the launch fails, none come.
// oxlint-disable-next-line import/no-unassigned-import
import './no-debugger.ts';
import { writeSync } from 'node:fs';

import type { Denied } from '../errors.ts';
import { statusLine } from '../launch/host/status-line.ts';
import { warningLines } from '../launch/start/exec.ts';
import { native } from '../native.ts';
import { toEntries } from '../outbound/entry.ts';
import { Gate } from '../outbound/gate.ts';
import { quote } from '../words/quote.ts';

const socket = 3;
const [, , parent = '', status = '', ...words] = process.argv;

function lineAbout({ name, address, port, reason, entry }: Denied): string {
  const called = [name, address].flatMap((one) => (one === undefined ? [] : [quote(one)])).join(', ');
  const at = port === undefined ? '' : `, port ${port}`;
  return warningLines({
    message: `the program may not call ${called}${at}: ${reason}`,
    hint: entry === undefined ? undefined : `--connect-to ${quote(entry)} allows it`,
  });
}

// Nobody may be left to read it.
function tell(denied: Denied): void {
  try {
    if (status === '') writeSync(2, lineAbout(denied));
    else writeSync(Number(status), statusLine({ event: 'denied', ...denied }));
  } catch {
    // the program is refused all the same
  }
}

// The command may have ended before this process has begun, and its number may be that of another one.
function openCommand(): number | undefined {
  const pid = Number(parent);
  try {
    const command = native.openProcess(pid);
    return process.ppid === pid ? command : undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return undefined;
    throw error;
  }
}

function relay(sockets: readonly number[]): void {
  if (sockets.length === 0) return;
  const gate = new Gate(toEntries(words, 'connectTo'), sockets, tell);
  const command = openCommand();
  if (command === undefined) return gate.close();
  const end = native.watchReadable(command, () => {
    native.endWatch(end);
    // readers of the program's output must not wait for what is still sent
    native.closeDescriptor(2);
    gate.close();
  });
  native.setWatch(end, true);
}

const doors = native.watchReadable(socket, () => {
  native.endWatch(doors);
  relay(native.takeFrom(socket));
});
native.setWatch(doors, true);
