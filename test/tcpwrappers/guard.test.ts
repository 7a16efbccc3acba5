import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, rmSync } from 'node:fs';
import { Agent, createServer as createHttpServer, request as httpRequest } from 'node:http';
import { createServer as createHttpsServer, request as httpsRequest } from 'node:https';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { text } from 'node:stream/consumers';
import { connect as tlsConnect, createServer as createTlsServer } from 'node:tls';

import t, { type Test } from 'tap';

import {
  type Applied,
  type Decision,
  guard,
  type GuardServer,
  type OnConnection,
} from '../../lib/tcpwrappers/index.ts';
import { makeDirectory } from '../support/directory.ts';
import { unlessInstalled } from '../support/root.ts';
import { eventually } from '../support/service.ts';
import { openFiles } from '../support/tcpwrappers/open.ts';

// Of the addresses of this machine one is let in, one gets a command, and the others are told why not.
const FILES = {
  allow: 'service: 127.0.0.1\nservice: 127.0.0.3: twist echo "%a, %d is closed"; cat\n',
  deny: 'ALL: ALL: banners @/banners\n',
  'banners/service': 'go away, %a\n',
};

interface Guarded {
  readonly server: GuardServer;
  readonly port: number;
  /** A client at an address of this machine. */
  readonly client: (address: string) => Socket;
  /** What came to the guard, in the order in which it came, as sockets and as decisions. */
  readonly sockets: Socket[];
  readonly decisions: [Decision, Applied][];
}

async function listen(t: Test, server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  return (server.address() as AddressInfo).port;
}

async function openGuard(
  t: Test,
  onConnection: OnConnection,
  { files = FILES, options = {} }: { files?: Record<string, string>; options?: object } = {},
): Promise<Guarded> {
  const { hosts } = openFiles(t, files, options);
  const server = guard(hosts, 'service', onConnection);
  const sockets: Socket[] = [];
  const decisions: [Decision, Applied][] = [];
  server.on('connection', (socket) => sockets.push(socket));
  server.on('decision', (...made: [Decision, Applied]) => decisions.push(made));
  const port = await listen(t, server);
  const client = (localAddress: string): Socket => {
    const socket = connect({ port, host: '127.0.0.1', localAddress });
    t.teardown(() => socket.destroy());
    return socket;
  };
  return { server, port, client, sockets, decisions };
}

// What a client hears until the other end closes, however it does.
async function hear(socket: Socket): Promise<string> {
  let heard = '';
  socket.setEncoding('latin1');
  socket.on('data', (part: string) => {
    heard += part;
  });
  socket.on('error', (error: NodeJS.ErrnoException) => {
    heard += `[${error.code}]`;
  });
  await new Promise((done) => {
    socket.once('close', done);
  });
  return heard;
}

t.test(
  'who is let in is served, who is not is told and closed, who is to be twisted gets the command',
  async (t) => {
    const served: unknown[] = [];
    const { client, sockets, decisions } = await openGuard(t, (socket, decision, applied) => {
      served.push([socket.remoteAddress, decision.rule?.line, applied.verdict]);
      socket.pipe(socket);
    });
    const granted = client('127.0.0.1');
    granted.end('hello');
    t.equal(await hear(granted), 'hello');
    const denied = client('127.0.0.2');
    t.equal(await hear(denied), 'go away, 127.0.0.2\r\n');
    const twisted = client('127.0.0.3');
    twisted.end('hello');
    t.equal(await hear(twisted), '127.0.0.3, service is closed\nhello');
    t.same(served, [['127.0.0.1', 1, 'granted']]);
    t.same(
      decisions.map(([{ verdict }, applied]) => [verdict, applied.log.map(({ text }) => text)]),
      [
        ['granted', ['connect from 127.0.0.1 (127.0.0.1)']],
        ['denied', ['refused connect from 127.0.0.2 (127.0.0.2)']],
        ['delegated', ['twist 127.0.0.3 to echo "127.0.0.3, service is closed"; cat']],
      ],
    );
    t.same(
      sockets.map(({ bytesRead }) => bytesRead),
      [5, 0, 0],
    );
  },
);

t.test('a banner comes before the command that a client gets', async (t) => {
  const { client } = await openGuard(t, () => t.fail('served'), {
    files: {
      allow: 'service: ALL: banners @/banners: twist sleep 0.2; echo closed; cat\n',
      'banners/service': 'hello %a\n',
    },
  });
  const socket = client('127.0.0.1');
  socket.end('x'.repeat(100_000));
  t.equal(await hear(socket), `hello 127.0.0.1\r\nclosed\n${'x'.repeat(100_000)}`);
});

t.test('nothing is read while it is being decided, however much the client sends', async (t) => {
  const answers: (() => void)[] = [];
  const name = () =>
    new Promise<{ value: string }>((done) => {
      answers.push(() => done({ value: 'h.example.com' }));
    });
  let received = 0;
  const { client, sockets } = await openGuard(
    t,
    (socket) => {
      socket.on('data', (part) => {
        received += part.length;
      });
    },
    {
      files: { allow: 'service: .example.com EXCEPT 127.0.0.2\n', deny: 'ALL: ALL\n' },
      options: { resolver: { name } },
    },
  );
  const [good, bad] = [client('127.0.0.1'), client('127.0.0.2')];
  for (const socket of [good, bad]) socket.end(Buffer.alloc(1 << 20));
  bad.on('error', () => undefined);
  while (answers.length < 2) await sleep(10);
  await sleep(50);
  t.same(
    sockets.map(({ bytesRead }) => bytesRead),
    [0, 0],
  );
  for (const answer of answers) answer();
  await Promise.all([once(good, 'close'), new Promise((done) => bad.once('close', done))]);
  t.equal(received, 1 << 20);
  t.same(
    sockets.map(({ bytesRead }) => bytesRead),
    [1 << 20, 0],
  );
});

t.test('a connection that is let in is as any other', async (t) => {
  const accepted: Socket[] = [];
  const { client } = await openGuard(t, (socket) => void accepted.push(socket));
  const socket = client('127.0.0.1');
  socket.end('hello');
  while (accepted.length === 0) await sleep(5);
  const [mine] = accepted;
  // it waits for a reader, and has read ahead
  await eventually(() => mine?.bytesRead === 5);
  t.equal(mine?.readableFlowing, null);
  t.equal(mine?.bytesRead, 5);
  t.equal(await text(mine ?? socket), 'hello');
});

t.test('a connection that the service pauses stays paused', async (t) => {
  const accepted: Socket[] = [];
  const { client } = await openGuard(t, (socket) => {
    socket.pause();
    accepted.push(socket);
  });
  client('127.0.0.1').end('hello');
  while (accepted.length === 0) await sleep(5);
  let isRead = false;
  accepted[0]?.on('data', () => {
    isRead = true;
  });
  await sleep(50);
  t.notOk(isRead);
  accepted[0]?.resume();
  t.ok(await eventually(() => isRead));
});

t.test(
  'before a TLS server, who is refused is closed before the handshake',
  { skip: unlessInstalled('openssl') },
  async (t) => {
    const secured: (string | undefined)[] = [];
    const failed: unknown[] = [];
    const behind = createTlsServer(certificate(t), (socket) => {
      secured.push(socket.remoteAddress);
      socket.pipe(socket);
    });
    behind.on('tlsClientError', (error) => failed.push(error));
    const { port, client, sockets } = await openGuard(t, behind);
    const granted = tlsConnect({ port, host: '127.0.0.1', rejectUnauthorized: false });
    granted.end('hello');
    t.equal(await text(granted), 'hello');
    const denied = client('127.0.0.2');
    // what a client of TLS begins with
    denied.write('\x16\x03\x01');
    t.match(await hear(denied), /^go away, 127\.0\.0\.2\r\n/);
    const refused = tlsConnect({
      port,
      host: '127.0.0.1',
      localAddress: '127.0.0.2',
      rejectUnauthorized: false,
    } as object);
    await t.rejects(once(refused, 'secureConnect'));
    t.same([secured, failed], [['127.0.0.1'], []]);
    t.same(
      sockets.slice(1).map(({ bytesRead }) => bytesRead),
      [0, 0],
    );
  },
);

t.test('before an http server, who is refused is no client of it', async (t) => {
  const behind = createHttpServer((request, response) => {
    void text(request).then((body) => response.end(`${request.method} ${body}`));
  });
  const { port, client } = await openGuard(t, behind);
  const ask = async (body: string, agent?: Agent): Promise<string> => {
    const request = httpRequest({ port, host: '127.0.0.1', method: 'POST', agent: agent ?? false });
    request.end(body);
    const [response] = (await once(request, 'response')) as [NodeJS.ReadableStream];
    return text(response);
  };
  t.equal(await ask('x'.repeat(100_000)), `POST ${'x'.repeat(100_000)}`);
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  t.teardown(() => agent.destroy());
  t.same(await Promise.all([ask('1', agent), ask('2', agent)]), ['POST 1', 'POST 2']);
  // a request whose client has closed its side is answered all the same
  const half = client('127.0.0.1');
  half.end('GET / HTTP/1.0\r\n\r\n');
  t.match(await hear(half), /^HTTP\/1\.1 200 OK\r\n[^]*GET $/);
  const denied = client('127.0.0.2');
  denied.write('GET / HTTP/1.0\r\n\r\n');
  t.match(await hear(denied), /^go away, 127\.0\.0\.2\r\n(?!HTTP)/);
});

t.test('an http server behind a guard watches over slow clients', async (t) => {
  const behind = createHttpServer({ connectionsCheckingInterval: 50 });
  behind.headersTimeout = 100;
  const { client } = await openGuard(t, behind);
  const slow = client('127.0.0.1');
  slow.write('GET / HTTP/1.1\r\n');
  t.match(await hear(slow), /^HTTP\/1\.1 408 /);
});

t.test('an https server works behind a guard', { skip: unlessInstalled('openssl') }, async (t) => {
  const behind = createHttpsServer(certificate(t), (_, response) => response.end('hello'));
  const { port } = await openGuard(t, behind);
  const ask = async (localAddress: string): Promise<string> => {
    const request = httpsRequest({
      port,
      host: '127.0.0.1',
      localAddress,
      rejectUnauthorized: false,
      agent: false,
    });
    request.end();
    const [response] = (await once(request, 'response')) as [NodeJS.ReadableStream];
    return text(response);
  };
  t.equal(await ask('127.0.0.1'), 'hello');
  await t.rejects(ask('127.0.0.2'));
});

t.test('close ends what is idle, and tells when all is over', async (t) => {
  const behind = createHttpServer((_, response) => response.end('hello'));
  behind.keepAliveTimeout = 600_000;
  const { port, server } = await openGuard(t, behind);
  const agent = new Agent({ keepAlive: true });
  t.teardown(() => agent.destroy());
  const request = httpRequest({ port, host: '127.0.0.1', agent });
  request.end();
  const [response] = (await once(request, 'response')) as [NodeJS.ReadableStream];
  t.equal(await text(response), 'hello');
  await new Promise((done) => {
    server.close(done);
  });
  t.notOk(server.listening);
});

t.test('a client that is gone before it is looked at could be anybody, and is not served', async (t) => {
  const served: unknown[] = [];
  const { port, server } = await openGuard(
    t,
    (socket) => {
      socket.on('data', (part) => served.push(part));
    },
    // an address that is not known is none of these
    { files: { deny: 'ALL: 127.\n' } },
  );
  const connected = once(server, 'connection');
  // it sends and resets while this process does nothing else
  const client = `import socket, struct
s = socket.create_connection(('127.0.0.1', ${port})); s.send(b'evil')
s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0)); s.close()`;
  execFileSync('python3', ['-c', client]);
  const [socket] = (await connected) as [Socket];
  t.ok(await eventually(() => socket.destroyed));
  t.same(served, []);
});

t.test('clients of a unix socket have no address, and are unknown', async (t) => {
  const { hosts, path } = openFiles(t, { allow: 'service: UNKNOWN\n', deny: 'ALL: ALL\n' });
  const server = guard(hosts, 'service', (socket) => socket.end('hello'));
  server.listen(path('socket'));
  await once(server, 'listening');
  t.teardown(() => server.close());
  t.equal(await text(connect(path('socket'))), 'hello');
});

t.test('who is refused is closed at once, and a command of the rule goes on without him', async (t) => {
  const { hosts, path, write } = openFiles(t, {
    deny: [
      'told: ALL: banners @/banners: spawn until [ -e @/go ]; do sleep 0.05; done; echo told %a >> @/out',
      'ALL: ALL: setenv A b: spawn until [ -e @/go ]; do sleep 0.05; done; echo $A %a >> @/out',
      '',
    ].join('\n'),
    'banners/told': 'go away\n',
    out: '',
  });
  for (const [daemon, heard, put] of [
    ['service', '', 'b 127.0.0.1\n'],
    ['told', 'go away\r\n', 'b 127.0.0.1\ntold 127.0.0.1\n'],
  ] as const) {
    rmSync(path('go'), { force: true });
    const server = guard(hosts, daemon, () => t.fail('served'));
    const decided = once(server, 'decision') as Promise<[Decision, Applied]>;
    const port = await listen(t, server);
    t.equal(await hear(connect(port, '127.0.0.1')), heard);
    write('go', '');
    t.match((await decided)[1], { verdict: 'denied', problems: [] });
    t.equal(readFileSync(path('out'), 'latin1'), put);
  }
});

t.test('one client that has to wait holds up no other', async (t) => {
  const name = (): Promise<{ value: string }> => new Promise(() => undefined);
  const { client, server } = await openGuard(t, (socket) => socket.end('hello'), {
    files: { allow: 'service: 127.0.0.1 .example.com\n' },
    options: { resolver: { name } },
  });
  const waiting = client('127.0.0.2');
  await once(server, 'connection');
  t.equal(await text(client('127.0.0.1')), 'hello');
  t.equal(waiting.readyState, 'open');
});

t.test('what goes wrong inside lets nobody in, and is an error of the server', async (t) => {
  const name = (): Promise<never> => Promise.reject(new Error('broken'));
  const { client, server } = await openGuard(t, (socket) => socket.end('hello'), {
    files: { allow: 'service: .example.com\n' },
    options: { resolver: { name } },
  });
  const failed = once(server, 'error') as Promise<[Error]>;
  t.match(await hear(client('127.0.0.1')), /^(?:\[ECONNRESET\])?$/);
  t.equal((await failed)[0].message, 'broken');
});

t.test('a file that changes counts for the next client', async (t) => {
  const { hosts, write } = openFiles(t, { deny: 'ALL: ALL\n' });
  const server = guard(hosts, 'service', (socket) => socket.end('hello'));
  const port = await listen(t, server);
  t.equal(await hear(connect(port, '127.0.0.1')), '');
  write('allow', 'service: 127.0.0.1\n');
  t.equal(await hear(connect(port, '127.0.0.1')), 'hello');
});

t.test('a guard wants a name, and somebody to serve', async (t) => {
  const { hosts } = openFiles(t, {});
  t.throws(() => guard(hosts, '', () => undefined), {
    name: 'UsageError',
    hint: "write guard(openHosts(), 'sshd', server)",
  });
  t.throws(() => guard(hosts, 'service', {} as Server), { name: 'UsageError' });
  // nothing listens yet
  t.equal(guard(hosts, 'service', createServer()).listening, false);
});

function certificate(t: Test): { key: Buffer; cert: Buffer } {
  const directory = makeDirectory(t);
  const [key, cert] = [join(directory, 'key'), join(directory, 'cert')];
  execFileSync(
    'openssl',
    [
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-subj',
      '/CN=localhost',
    ].concat(['-keyout', key, '-out', cert]),
    { stdio: 'ignore' },
  );
  return { key: readFileSync(key), cert: readFileSync(cert) };
}

t.test(
  'a client whose rule has changed while it waited is not let in, and its command runs once',
  async (t) => {
    const rules = 'service: host.example.com: spawn echo >>@/runs\n';
    const { hosts, write, path } = openFiles(
      t,
      { allow: rules, deny: 'ALL: ALL\n' },
      {
        resolver: {
          name: async () => {
            write('allow', next);
            return { value: 'host.example.com' };
          },
        },
      },
    );
    const read = (name: string): string => readFileSync(path(name), 'latin1');
    const same = read('allow');
    let next = `# another line\n${same}`;
    const server = guard(hosts, 'service', (socket) => socket.end('served'));
    const port = await listen(t, server);
    const ask = (): Promise<string> => hear(connect({ port, host: '127.0.0.1' }));
    t.equal(await ask(), 'served', 'the same rule still lets it in');
    t.equal(read('runs'), '\n');
    next = 'service: host.example.com: deny\n';
    t.equal(await ask(), '');
  },
);

const behind: readonly (readonly [what: string, make: (onServed: () => void) => Server])[] = [
  ['net', (onServed) => createServer(onServed)],
  ['http', (onServed) => createHttpServer(onServed)],
  ['tls', (onServed) => createTlsServer(onServed)],
];
for (const [what, make] of behind) {
  t.test(`a server of node:${what} that listens itself is no way past its guard`, async (t) => {
    const { hosts } = openFiles(t, FILES);
    const server = make(() => t.fail('a client is served'));
    const port = await listen(t, server);
    t.throws(() => guard(hosts, 'service', server), { code: 'ERR_USAGE', message: /past the rules/ });
    t.equal((server.address() as AddressInfo).port, port, 'and it is left alone');
  });

  t.test(`a server of node:${what} behind a guard cannot listen later`, async (t) => {
    const server = make(() => t.fail('a client is served'));
    await openGuard(t, server);
    t.throws(() => server.listen(0, '127.0.0.1'), { code: 'ERR_USAGE', message: /past the rules/ });
    t.notOk(server.listening);
  });

  t.test(`a server of node:${what} that was about to listen when the guard came serves nobody`, async (t) => {
    const { hosts } = openFiles(t, FILES);
    const server = make(() => t.fail('a client is served'));
    // the name is still being looked up
    server.listen(0, 'localhost');
    t.notOk(server.listening);
    guard(hosts, 'service', server);
    const [error] = (await once(server, 'error').catch((error: unknown) => [error])) as [unknown];
    t.match(error, { code: 'ERR_USAGE', message: /past the rules/ });
    t.notOk(server.listening);
  });

  t.test(`a server of node:${what} whose listen() is called by another way serves nobody`, async (t) => {
    const server = make(() => t.fail('a client is served'));
    await openGuard(t, server);
    createServer().listen.call(server, { port: 0 });
    const port = (server.address() as AddressInfo).port;
    const client = connect({ port, host: '127.0.0.1', localAddress: '127.0.0.2' });
    const [error] = await once(server, 'error');
    t.match(error, { code: 'ERR_USAGE', message: /past the rules/ });
    t.match(await hear(client), /^\[ECONN/);
  });
}
