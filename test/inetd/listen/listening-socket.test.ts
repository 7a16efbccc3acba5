import t from 'tap';

import { activatedSockets } from '../../../lib/inetd/listen/listening-socket.ts';

t.test('sockets of systemd begin at descriptor 3, and have the names of their units', async (t) => {
  const env = { LISTEN_PID: '5', LISTEN_FDS: '3', LISTEN_FDNAMES: 'web::api' };
  t.same(activatedSockets(env, 5), [
    { fd: 3, name: 'web' },
    { fd: 4, name: 'unknown' },
    { fd: 5, name: 'api' },
  ]);
  t.same(activatedSockets({ LISTEN_PID: '5', LISTEN_FDS: '1' }, 5), [{ fd: 3, name: 'unknown' }]);
});

t.test('sockets for another process, or none, are none', async (t) => {
  t.same(activatedSockets({ LISTEN_PID: '5', LISTEN_FDS: '3' }, 6), []);
  t.same(activatedSockets({ LISTEN_FDS: '3' }, 6), []);
  for (const LISTEN_FDS of [undefined, '', '0', '-1', '03', '10000', 'x'])
    t.same(activatedSockets({ LISTEN_PID: '5', LISTEN_FDS }, 5), []);
});
