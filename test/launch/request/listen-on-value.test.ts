// Ports of the host that lead to ports of the program.
import t from 'tap';

import { showListenPort, toListenPorts } from '../../../lib/launch/request/listen-on-value.ts';
import { toListenOn } from '../../../lib/launch/request/outbound-value.ts';

const rows: readonly (readonly [given: string, normal: string])[] = [
  ['8080', '127.0.0.1:8080:8080'],
  ['8080:80', '127.0.0.1:8080:80'],
  ['0.0.0.0:8080:80', '0.0.0.0:8080:80'],
  ['192.0.2.7:8080', '192.0.2.7:8080:8080'],
  ['[::1]:8080:80', '[::1]:8080:80'],
  ['[0:0::1]:8080', '[::1]:8080:8080'],
];

t.test('a port of the host comes first, and 127.0.0.1 is its address unless one is written', async (t) => {
  for (const [given, normal] of rows)
    t.same(toListenPorts([given, given], 'listenOn').map(showListenPort), [normal], given);
});

const wrong: readonly (readonly [given: unknown, meant?: string])[] = [
  [''],
  ['0'],
  ['65536'],
  ['80:0'],
  ['8080-8090'],
  [0],
  [80.5],
  [{ port: 8080 }],
  [8080, '8080'],
  ['1.2.3:80:80'],
  ['[::x]:80:80'],
  ['[fe80::1%eth0]:80'],
  ['example.org:80:80'],
  ['8080/udp'],
  ['8080:localhost:80'],
  ['8080/tcp', '8080'],
  [':8080', '8080'],
  ['*:8080:80', '0.0.0.0:8080:80'],
  ['localhost:8080:80', '8080:80'],
  ['::1:8080:80', '[::1]:8080:80'],
];

t.test('a bad port is refused, with the right form', async (t) => {
  for (const [given, meant] of wrong)
    t.throws(
      () => toListenPorts([given], 'listenOn'),
      {
        code: 'ERR_USAGE',
        message: /^listenOn\[0\] must be PORT, PORT:INSIDE or ADDRESS:PORT:INSIDE/,
        hint:
          meant === undefined
            ? "for example listenOn: ['8080:3000']"
            : `did you mean listenOn: ['${meant}']?`,
      },
      String(given),
    );
  t.throws(() => toListenPorts(['8080:1', '127.0.0.1:8080:2'], 'listenOn'), {
    message: 'listenOn: 127.0.0.1:8080 cannot lead to port 1 and to port 2',
  });
});

t.test('the ports of a list are not those of the program', async (t) => {
  const given = (port: number, others: object) => () =>
    toListenOn([`8080:${port}`], 'listenOn', { isolate: true, ...others });
  for (const others of [{ connectTo: ['web.test:80'] }, { onConnect: () => true }])
    for (const port of [1, 53])
      t.throws(given(port, others), {
        code: 'ERR_USAGE',
        message: new RegExp(` leads to port ${port}, which`),
      });
  for (const others of [{}, { connectTo: [] }]) t.doesNotThrow(given(53, others));
});
