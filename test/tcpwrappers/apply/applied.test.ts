import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { getPriority } from 'node:os';
import { text } from 'node:stream/consumers';
import { TLSSocket } from 'node:tls';
import t, { type Test } from 'tap';

import { ConnectionTarget } from '../../../lib/tcpwrappers/apply/targets.ts';
import type { Decision } from '../../../lib/tcpwrappers/index.ts';
import { openFiles } from '../../support/tcpwrappers/open.ts';
import { connectOnce } from '../../support/tcpwrappers/one-connection.ts';

const request = { daemon: 'sshd', client: { address: '10.0.0.1', name: 'h.example.com' } } as const;

// Both ends of a connection, of which nothing has been read.
async function connection(t: Test): Promise<{ readonly socket: Socket; readonly client: Socket }> {
  const server = createServer({ pauseOnConnect: true });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const [socket] = await accepted;
  t.teardown(() => {
    client.destroy();
    socket.destroy();
    server.close();
  });
  return { socket, client };
}

// A rule of hosts.allow, decided; `@/` is a directory of its own.
async function decided(
  t: Test,
  options: string,
  limits = {},
): Promise<{ readonly decision: Decision; readonly output: () => string }> {
  const { hosts, path } = openFiles(t, { allow: `sshd: ALL: ${options}\n`, out: '' }, limits);
  return { decision: await hosts.check(request), output: () => readFileSync(path('out'), 'latin1') };
}

t.test(
  'commands run in their order, the environment grows on the way, and a failure is nothing',
  async (t) => {
    const { decision, output } = await decided(
      t,
      'spawn echo 1 $MARK >> @/out; false: setenv MARK %a: spawn echo 2 $MARK >> @/out',
    );
    const { socket } = await connection(t);
    t.match(await decision.apply({ socket }), {
      verdict: 'granted',
      problems: [],
      variables: { MARK: '10.0.0.1' },
      log: [{ level: 'info', text: 'connect from h.example.com (10.0.0.1)' }],
    });
    t.equal(output(), '1\n2 10.0.0.1\n');
    t.equal(process.env.MARK, undefined);
  },
);

t.test('aclexec decides, and nothing behind it is done if it fails', async (t) => {
  const { socket } = await connection(t);
  const first = await decided(t, 'spawn echo 1 >> @/out: aclexec test %a = 10.0.0.1: spawn echo 2 >> @/out');
  t.equal((await first.decision.apply({ socket })).verdict, 'granted');
  t.equal(first.output(), '1\n2\n');
  const second = await decided(
    t,
    'spawn echo 1 >> @/out: aclexec false: severity mail.crit: spawn echo 2 >> @/out',
  );
  t.match(await second.decision.apply({ socket }), {
    verdict: 'denied',
    reason: 'the command of aclexec failed',
    log: [{ facility: 'daemon', level: 'warning', text: 'refused connect from h.example.com (10.0.0.1)' }],
  });
  t.equal(second.output(), '1\n');
});

t.test('an aclexec that takes too long refuses', async (t) => {
  const { decision } = await decided(t, 'aclexec sleep 60', { commandTimeoutMs: 200 });
  const { socket } = await connection(t);
  t.match(await decision.apply({ socket }), {
    verdict: 'denied',
    reason: /aclexec failed: killed after 200 ms/,
  });
});

t.test('a spawn that takes too long is killed, and told', async (t) => {
  const { decision } = await decided(t, 'spawn sleep 60', { commandTimeoutMs: 200 });
  const { socket } = await connection(t);
  t.match(await decision.apply({ socket }), {
    verdict: 'granted',
    problems: ['spawn: killed after 200 ms'],
    log: [{ level: 'err', text: 'warning: spawn: killed after 200 ms' }, { level: 'info' }],
  });
});

for (const option of ['user root', 'group root', 'umask 077', 'nice 5'])
  t.test(`"${option}" would change a service for all its clients, and refuses this one`, async (t) => {
    const before = [process.getuid?.(), process.getgid?.(), process.umask()];
    const { decision, output } = await decided(t, `${option}: spawn echo 1 >> @/out`);
    const { socket } = await connection(t);
    t.match(await decision.apply({ socket }), { verdict: 'denied', reason: /changes a whole process/ });
    t.equal(output(), '');
    t.same([process.getuid?.(), process.getgid?.(), process.umask()], before);
  });

t.test('a twist has the connection for input and output, and no terminal', async (t) => {
  const { decision } = await decided(
    t,
    'setenv MARK x: twist read line; echo "%a said $line to $MARK"; cut -d" " -f7 /proc/$$/stat; echo 2 >&2',
  );
  const { socket, client } = await connection(t);
  client.write('hello\n');
  t.match(await decision.apply({ socket }), {
    verdict: 'delegated',
    log: [{ level: 'warning', text: /^twist h\.example\.com to read line/ }],
  });
  t.equal(await text(client), '10.0.0.1 said hello to x\n0\n2\n');
  t.ok(socket.destroyed);
});

t.test('a twist gets no TLS connection: it would write plain text below TLS', async (t) => {
  const { decision } = await decided(t, 'twist echo secret');
  const { socket, client } = await connection(t);
  const secure = new TLSSocket(socket, { isServer: true });
  t.match(await decision.apply({ socket: secure }), {
    verdict: 'denied',
    reason: /the socket has no descriptor$/,
  });
  secure.destroy();
  t.equal(await text(client), '');
});

t.test('a twist that outlives its time is killed', async (t) => {
  const { decision } = await decided(t, 'twist echo on; sleep 60; echo off', { twistTimeoutMs: 300 });
  const { socket, client } = await connection(t);
  t.equal((await decision.apply({ socket })).verdict, 'delegated');
  t.equal(await text(client), 'on\n');
});

t.test('a banner is sent byte by byte', async (t) => {
  const { hosts, write } = openFiles(t, { allow: 'sshd: ALL: banners @/banners\n' });
  write('banners/sshd', Buffer.from('\0\0hello %a \xe9\n', 'latin1'));
  const { socket, client } = await connection(t);
  t.equal((await (await hosts.check(request)).apply({ socket })).verdict, 'granted');
  socket.end();
  client.setEncoding('latin1');
  t.equal(await text(client), '\0\0hello 10.0.0.1 \xe9\r\n');
});

t.test('a client that does not read what it is sent is not served', async (t) => {
  const { socket, client } = await connection(t);
  client.pause();
  // more than the kernel keeps for it
  const sent = await new ConnectionTarget(socket, 200).send(Buffer.alloc(64 << 20));
  t.match(sent, { refusal: /the client does not read it/ });
  t.ok(socket.destroyed);
});

// Says what options the socket has that is its standard input.
const OPTIONS = `import socket, struct
s = socket.socket(fileno=0)
linger = struct.unpack('ii', s.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8))
print(s.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE), *linger)
`;

t.test('keepalive and linger are set at the socket', async (t) => {
  const { hosts, path } = openFiles(t, {
    allow:
      'sshd: ALL: keepalive: linger 7: twist python3 @/options.py\nftpd: ALL: linger 7: linger 0: twist python3 @/options.py\n',
    'options.py': OPTIONS,
  });
  for (const [daemon, expected] of [
    ['sshd', '1 1 7\n'],
    // the time of one that is off does not count
    ['ftpd', '0 0 7\n'],
  ] as const) {
    const { socket, client } = await connection(t);
    t.match(await (await hosts.check({ ...request, daemon })).apply({ socket }), { problems: [] });
    t.equal(await text(client), expected);
    const { told, heard } = await connectOnce({ allow: path('allow'), deny: path('deny') }, daemon);
    t.same(told.problems, []);
    t.equal(heard, expected, 'in a process of its own');
  }
});

t.test('a variable that is no UTF-8 refuses', async (t) => {
  const { hosts, path } = openFiles(t, {});
  writeFileSync(path('allow'), Buffer.from('sshd: ALL: setenv MARK \xe9\n', 'latin1'));
  const { socket } = await connection(t);
  t.match(await (await hosts.check(request)).apply({ socket }), { verdict: 'denied', reason: /no UTF-8/ });
});

t.test('a decision is applied once', async (t) => {
  const { decision } = await decided(t, 'spawn true');
  const { socket } = await connection(t);
  await decision.apply({ socket });
  await t.rejects(decision.apply({ socket }), { name: 'UsageError' });
});

// --- in a process of its own ---

t.test('in a process for one connection, options change the process', async (t) => {
  const { path } = openFiles(t, {
    allow:
      'sshd: ALL: umask 027: nice 3: setenv MARK a b: spawn umask > @/out; nice >> @/out; echo $MARK >> @/out\n',
  });
  const { told } = await connectOnce({ allow: path('allow'), deny: path('deny') }, 'sshd');
  const nice = Math.min(getPriority() + 3, 19);
  t.match(told, { verdict: 'granted', umask: 0o027, nice, mark: 'a b', problems: [], becomes: false });
  t.equal(readFileSync(path('out'), 'utf8'), `0027\n${nice}\na b\n`);
});

t.test('it sends the banner, and becomes the command of a twist', async (t) => {
  const { path } = openFiles(t, {
    allow: 'sshd: ALL: banners @/banners: twist read line; echo "got $line"; echo "$PPID $$" >&2\n',
    'banners/sshd': 'this is %d\n',
  });
  const { told, heard } = await connectOnce({ allow: path('allow'), deny: path('deny') }, 'sshd', {
    said: 'hi\n',
  });
  t.match(told, { verdict: 'delegated', becomes: true });
  // not a child of it
  t.match(heard, new RegExp(`^this is sshd\\r\\ngot hi\\n${process.pid} \\d+\\n$`));
});
