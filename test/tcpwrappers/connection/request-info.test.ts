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
