// A process that begins with the first call of a program of `uchroot --connect-to`, and that ends with it: looks names up, judges their
// addresses, dials. The command itself becomes the small process that waits for the program.
//
// Its words: the pid of the command, the status descriptor if there is one, `insecure` with --insecure-path, the ids by which it dials
// sockets of the host, the ports of the program that the host calls, the entries, the number of descriptors. These are 5 and up: the sockets of
// the host for these ports, and then those of the program's network (native/launcher/relaystart.h).
// oxlint-disable-next-line import/no-unassigned-import
import './no-debugger.ts';
import { readFileSync, writeSync } from 'node:fs';

import type { Denied } from '../errors.ts';
import { socketFinder } from '../launch/host/outbound-socket.ts';
import { statusLine } from '../launch/host/status-line.ts';
import { warningLines } from '../launch/start/exec.ts';
import { native } from '../native.ts';
import { toEntries } from '../outbound/entry.ts';
import { Gate } from '../outbound/gate.ts';
import { quote } from '../words/quote.ts';
import { attempt, unless } from '../words/system-error.ts';

const firstSocket = 5;
const [, , parent = '', status = '', insecure, ids = '', inside = '', ...words] = process.argv;
const count = Number(words.pop());
const ports =
  inside === '' ? [] : inside.split(',').map((port, at) => [firstSocket + at, Number(port)] as const);
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
const write = (lines: string | Buffer, fd = 2): void => attempt(() => writeSync(fd, lines as string));

function tell(denied: Denied): void {
  if (status === '') write(lineAbout(denied));
  else write(statusLine({ event: 'denied', ...denied }), Number(status));
}

// The command may have ended before this process has begun, and its number may be that of another one.
function openCommand(): number | undefined {
  const pid = Number(parent);
  const command = unless(['ESRCH'], () => native.openProcess(pid));
  return process.ppid === pid ? command : undefined;
}

// Readers of the program's output, and of its status, must not wait for what is still sent.
function endWith(gate: Gate): void {
  native.closeDescriptor(2);
  if (status !== '') native.closeDescriptor(Number(status));
  gate.close();
}

// As root it would dial with rights that no entry needs. With other entries it walks to sockets of the host, reads files again, or
// enters the program's network. Other processes of this user can end it, but not trace it (PR_SET_DUMPABLE(2const)).
function becomeProgramUser(): readonly number[] {
  const all = ids === '' ? [] : ids.split(',').map(Number);
  const [uid, gid] = all;
  const needsRoot = ports.length > 0 || list.some(({ kind }) => kind === 'unix' || kind === 'file');
  if (uid === undefined || gid === undefined || needsRoot) return all;
  // Debian's Node refuses these calls in every process, since it cannot ask the libuv of the host for io_uring.
  native.setgroups([]);
  native.setgid(gid);
  native.setuid(uid);
  if (!/^CapPrm:\t0+$/m.test(readFileSync('/proc/self/status', 'latin1')))
    throw new Error('the relay has kept capabilities: SECBIT_NO_SETUID_FIXUP is locked (capabilities(7))');
  return [];
}

const command = openCommand();
const gate = new Gate({
  list,
  sockets: Array.from({ length: count - ports.length }, (_, at) => firstSocket + ports.length + at),
  ports,
  onDenied: tell,
  toSocket: socketFinder(insecure !== ''),
  onWarning: (warning) => write(warningLines(warning)),
  ids: becomeProgramUser(),
});
if (command === undefined) {
  endWith(gate);
} else {
  const end = native.watchReadable(command, () => {
    native.endWatch(end);
    endWith(gate);
  });
  native.setWatch(end, true);
}
