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
    t.throws(() => read([{ fd: 7, name }]), { message: /^listenFds\[0\]\.name must be 1 to 255 printable/ });
  for (const wrong of [{ fd: 7 }, 'x', 7])
    t.throws(() => read(wrong), {
      message: /^listenFds must be an array/,
      hint: 'for example listenFds: [{fd: 7}]',
    });
  for (const wrong of [7, null, 'x'])
    t.throws(() => read([wrong]), { message: /^listenFds\[0\] must be an object with fd/ });
});

t.test('other descriptors come after those of the sockets', async (t) => {
  t.equal(read([{ fd: 7 }, { fd: 8 }], [5, 6]).length, 2);
  t.throws(() => read([{ fd: 7 }, { fd: 8 }], [4, 6]), { message: /^preserveFds must be from 5 on/ });
});
