// A process that `uchroot --connect-to` starts beside its program, and that ends with it: looks names up, judges their addresses, dials.
// The command itself becomes the small process that waits for the program.
//
// Its words: the pid of the command, the status descriptor if there is one, `insecure` with --insecure-path, the ids by which it dials
// sockets of the host, the entries. Descriptor 3 is the socket that brings those of the program's network; if the launch fails, none come.
// oxlint-disable-next-line import/no-unassigned-import
import './no-debugger.ts';
import { writeSync } from 'node:fs';

import type { Denied } from '../errors.ts';
import { socketFinder } from '../launch/host/outbound-socket.ts';
import { statusLine } from '../launch/host/status-line.ts';
import { warningLines } from '../launch/start/exec.ts';
import { native } from '../native.ts';
import { toEntries } from '../outbound/entry.ts';
import { Gate, ownSockets } from '../outbound/gate.ts';
import { pathsOf } from '../outbound/paths.ts';
import { quote } from '../words/quote.ts';

const socket = 3;
const [, , parent = '', status = '', insecure, ids = '', ...words] = process.argv;
const list = toEntries(words, 'connectTo');

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
  const gate = new Gate({
    list,
    sockets,
    onDenied: tell,
    toSocket: socketFinder(insecure !== ''),
    ids: ids === '' ? [] : ids.split(',').map(Number),
  });
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

// Each step of the plan sends its own.
const sent: number[] = [];
const sending = native.watchReadable(socket, () => {
  const some = native.takeFrom(socket);
  sent.push(...some);
  const isWhole = sent.length >= ownSockets + pathsOf(list).length;
  if (isWhole || some.length === 0) native.endWatch(sending);
  if (isWhole) relay(sent);
});
native.setWatch(sending, true);
