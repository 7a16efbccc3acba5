import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import t from 'tap';

import { formatLog, writeLog } from '../../../lib/tcpwrappers/apply/log-entries.ts';
import { makeDirectory } from '../../support/directory.ts';

const entry = {
  facility: 'daemon',
  level: 'warning',
  text: 'refused connect from 10.0.0.1 (10.0.0.1)',
} as const;
const time = new Date(2026, 2, 5, 9, 3, 7);

t.test('a message has priority, time, name and pid before it (RFC 3164)', async (t) => {
  t.equal(
    formatLog(entry, 'sshd', 42, time),
    '<28>Mar  5 09:03:07 sshd[42]: refused connect from 10.0.0.1 (10.0.0.1)',
  );
  t.match(formatLog({ ...entry, facility: 'local7', level: 'debug' }, 'x', 1, time), /^<191>/);
});

t.test('what a client says of itself makes no second message', async (t) => {
  t.match(
    formatLog({ ...entry, text: 'connect from a\n<0>root\0\x1b@b' }, 'x', 1, time),
    /: connect from a#012<0>root#000#033@b$/,
  );
  t.ok(formatLog({ ...entry, text: 'x'.repeat(1e6) }, 'x', 1, time).length < 8192);
});

t.test('messages arrive at the socket of the log daemon', async (t) => {
  const directory = makeDirectory(t);
  const path = join(directory, 'log');
  const receive =
    'import socket,sys; s=socket.socket(socket.AF_UNIX,socket.SOCK_DGRAM); s.bind(sys.argv[1]); ' +
    'print("ready",flush=True); print(s.recv(9999)); print(s.recv(9999))';
  const daemon = spawn('python3', ['-c', receive, path], { stdio: ['ignore', 'pipe', 'inherit'] });
  const lines = createInterface(daemon.stdout)[Symbol.asyncIterator]();
  t.equal((await lines.next()).value, 'ready');
  writeLog([entry, { ...entry, text: 'j\xf6e' }], 'sshd', path);
  t.match(
    (await lines.next()).value,
    /^b'<28>.* sshd\[\d+\]: refused connect from 10\.0\.0\.1 \(10\.0\.0\.1\)'$/,
  );
  t.match((await lines.next()).value, /j\\xf6e'$/);
});

t.test('without a log daemon it is said', async (t) => {
  t.throws(() => writeLog([entry], 'sshd', '/nonexistent/log'), { code: 'ENOENT' });
});
