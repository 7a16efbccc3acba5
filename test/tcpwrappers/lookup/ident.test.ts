import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import t, { type Test } from 'tap';

import { askUser, parseReply } from '../../../lib/tcpwrappers/lookup/ident.ts';
import { patientMs } from '../../support/patience.ts';

t.test('the user is what stands behind the third colon of a proper reply', async (t) => {
  t.equal(parseReply('6193, 23 : USERID : UNIX : stjohns\r', 6193, 23), 'stjohns');
  t.equal(parseReply('6193,23:USERID:OTHER:a:b', 6193, 23), 'a:b');
  t.equal(parseReply(' 6193 , 23 : USERID :UNIX,US-ASCII: joe doe', 6193, 23), 'joe');
  t.equal(parseReply(`1,2:USERID:X:${'u'.repeat(300)}`, 1, 2), 'u'.repeat(255));
});

t.test('anything else names nobody', async (t) => {
  for (const line of [
    '6193, 23 : ERROR : NO-USER',
    '6193, 24 : USERID : UNIX : joe',
    '23, 6193 : USERID : UNIX : joe',
    '6193, 23 : userid : UNIX : joe',
    '6193, 23 : USERID :: joe',
    '6193, 23 : USERID : UNIX :',
    '6193, 23 : USERID : UNIX',
    '-6193, 23 : USERID : UNIX : joe',
    '6193\u00a0, 23 : USERID : UNIX : joe',
    '6193, 23 : USERID : UNIX\0: joe',
    '\0',
    '',
  ])
    t.equal(parseReply(line, 6193, 23), undefined, JSON.stringify(line));
});

// A server for the answers of the other host, at an address of its own.
async function openIdent(t: Test, answer: (socket: Socket) => void): Promise<number> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    answer(socket);
  });
  server.listen(0, '127.0.0.9');
  await once(server, 'listening');
  t.teardown(() => server.close());
  return (server.address() as AddressInfo).port;
}

const connection = {
  client: { address: '::ffff:127.0.0.9', port: 4711 },
  server: { address: '::ffff:127.0.0.8', port: 22 },
};

t.test("the client's host is asked from the address of the server, about the two ports", async (t) => {
  const asked: unknown[] = [];
  const port = await openIdent(t, (socket) => {
    asked.push(socket.remoteAddress);
    socket.on('data', (data) => {
      asked.push(data.toString());
      // in pieces
      socket.write('4711 , 22 : USER');
      setTimeout(() => socket.end('ID : UNIX : j\xf6e\r\n', 'latin1'), 20);
    });
  });
  t.same(await askUser(connection, 10, port), { value: 'j\xf6e' });
  t.same(asked, ['127.0.0.8', '4711,22\r\n']);
});

const bad: readonly (readonly [what: string, answer: (socket: Socket) => void, problem: RegExp])[] = [
  ['says nothing', () => undefined, /no answer in time/],
  ['closes', (socket) => socket.end(), /no user in the reply/],
  ['resets', (socket) => socket.resetAndDestroy(), /ECONNRESET/],
  ['does not end its line', (socket) => socket.end('4711,22:USERID:UNIX:joe'), /no user in the reply/],
  ['goes on for ever', (socket) => socket.write('x'.repeat(1 << 20)), /no user in the reply/],
  ['has too long a line', (socket) => socket.end(`4711,22:USERID:${'x'.repeat(500)}:joe\n`), /no user/],
  ['answers about other ports', (socket) => socket.end('4711,23:USERID:UNIX:root\r\n'), /no user/],
];
for (const [what, answer, problem] of bad)
  t.test(`a host that ${what} leaves the user unknown, in time`, async (t) => {
    const port = await openIdent(t, answer);
    const begin = performance.now();
    const found = await askUser(connection, 0.3, port);
    t.equal(found.value, 'unknown');
    t.match(found.problem, problem);
    t.ok(performance.now() - begin < patientMs(5000));
  });

t.test('a host that drips its answer has no more time than one that is silent', async (t) => {
  const port = await openIdent(t, (socket) => {
    const timer = setInterval(() => socket.write('x'), 20);
    socket.on('close', () => clearInterval(timer));
  });
  const begin = performance.now();
  t.match(await askUser(connection, 0.3, port), { value: 'unknown', problem: 'no answer in time' });
  t.ok(performance.now() - begin < patientMs(5000));
});

t.test('nobody at home leaves the user unknown', async (t) => {
  t.match(await askUser(connection, 10, 1), { value: 'unknown', problem: /ECONNREFUSED/ });
});
