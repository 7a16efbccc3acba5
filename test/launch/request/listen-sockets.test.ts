import t from 'tap';

import { type ListenSocket, noSockets, toListenSockets } from '../../../lib/launch/request/listen-sockets.ts';

const read = (value: unknown, preserveFds?: unknown) =>
  toListenSockets(value as readonly ListenSocket[], 'listenFds', { preserveFds });

t.test('a socket has a descriptor, and a name that LISTEN_FDNAMES can hold', async (t) => {
  t.same(read([{ fd: 7 }, { fd: 8, name: 'web 1' }]), [
    { fd: 7, name: 'unknown' },
    { fd: 8, name: 'web 1' },
  ]);
  t.equal(read(undefined), noSockets);
  t.equal(read([{ fd: 7, name: 'x'.repeat(255) }]).length, 1);
  for (const name of ['', 'a:b', 'a\n', 'x'.repeat(256), 5])
    t.throws(() => read([{ fd: 7, name }]), { name: 'UsageError', message: /cannot be the name/ });
  for (const wrong of [{ fd: 7 }, [7], [null], 'x'])
    t.throws(() => read(wrong), { message: 'listenFds must be an array such as [{fd: 7}]' });
});

t.test('other descriptors come after those of the sockets', async (t) => {
  t.equal(read([{ fd: 7 }, { fd: 8 }], [5, 6]).length, 2);
  t.throws(() => read([{ fd: 7 }, { fd: 8 }], [4, 6]), { message: /^preserveFds must be from 5 on/ });
});
