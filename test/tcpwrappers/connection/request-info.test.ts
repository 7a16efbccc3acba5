import t from 'tap';

import { UsageError } from '../../../lib/errors.ts';
import { canAskUser, learnName, makeRequest } from '../../../lib/tcpwrappers/connection/request-info.ts';

t.test('names are cut at 127 bytes, as libwrap cuts them', async (t) => {
  const request = makeRequest({
    daemon: 'd'.repeat(200),
    client: { name: 'é'.repeat(100), user: 'u'.repeat(128) },
  });
  t.equal(request.daemon.length, 127);
  t.equal(request.client.name, Buffer.from('é'.repeat(100)).toString('latin1', 0, 127));
  t.equal(request.user?.length, 127);
});

t.test('what cannot be is refused', async (t) => {
  t.throws(() => makeRequest({ daemon: 'a\0b', client: {} }), UsageError);
  t.throws(() => makeRequest({ daemon: 'a', client: { address: Buffer.from([0]) } }), UsageError);
  t.throws(() => makeRequest({ daemon: 'a', client: { port: 65536 } }), UsageError);
  t.throws(() => makeRequest({ daemon: 'a', client: {}, server: { port: 1.5 } }), UsageError);
});

t.test('a client that would have no address by mistake is refused, and the hint has its place', async (t) => {
  const wrong: readonly (readonly [described: unknown, message: string | RegExp, hint: string])[] = [
    ['sshd', 'the request must be an object', "for example {daemon: 'sshd', client: {address: '192.0.2.1'}}"],
    [
      { daemon: 'a', client: '10.0.0.1' },
      /^client must be an object/,
      "for example client: {address: '192.0.2.1'}",
    ],
    [
      { daemon: 'a', address: '10.0.0.1' },
      /^client is missing/,
      "for example client: {address: '192.0.2.1'}",
    ],
    [{ daemon: 'a', client: { ip: '10.0.0.1' } }, "unknown key 'client.ip'", "did you mean 'address'?"],
    [
      { daemon: 'a', client: {}, server: '10.0.0.1' },
      /^server must be an object/,
      "for example server: {address: '192.0.2.1'}",
    ],
  ];
  for (const [described, message, hint] of wrong)
    t.throws(() => makeRequest(described as never), { name: 'UsageError', message, hint });
  t.equal(
    makeRequest({ daemon: 'a', client: { address: undefined, port: 1, family: 4 } as never }).client.port,
    1,
  );
});

t.test('nothing and the empty text are not known yet', async (t) => {
  const { client, user } = makeRequest({ daemon: 'a', client: { name: '', user: '', address: '' } });
  t.same([client.address, client.name, user], ['unknown', undefined, undefined]);
});

t.test('a name that a look-up finds ends at a NUL', async (t) => {
  const { client } = makeRequest({ daemon: 'a', client: {} });
  learnName(client, 'Host\0x');
  t.same([client.name, client.foldedName], ['Host', 'host']);
});

t.test('a user can be asked for where both ports are known and the families are one', async (t) => {
  const four = { address: '10.0.0.1', port: 1 };
  const six = { address: '::1', port: 1 };
  t.ok(canAskUser(makeRequest({ daemon: 'a', client: four, server: four })));
  t.notOk(canAskUser(makeRequest({ daemon: 'a', client: four, server: six })));
  t.notOk(canAskUser(makeRequest({ daemon: 'a', client: four })));
});
