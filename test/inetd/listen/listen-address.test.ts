import t from 'tap';

import { UsageError } from '../../../lib/errors.ts';
import { parseListenAddress, showListenAddress } from '../../../lib/inetd/listen/listen-address.ts';

t.test('an address is read, and shown in the same form', async (t) => {
  for (const [text, shown = text] of [
    ['127.0.0.1:7000'],
    ['[::1]:7000'],
    ['7000', '[::]:7000'],
    ['0', '[::]:0'],
    ['127.0.0.1:69/udp'],
    ['69/udp', '[::]:69/udp'],
    ['69/tcp', '[::]:69'],
    ['69/tcp6', '[::]:69/tcp6'],
    ['[::1]:69/udp6'],
    ['/run/echo.sock'],
    ['@echo'],
    ['systemd'],
    ['systemd:echo'],
  ] as const)
    t.equal(showListenAddress(parseListenAddress(text)), shown);
});

t.test('anything else is refused with the forms that there are', async (t) => {
  for (const text of [
    '',
    'x',
    '/',
    '@',
    '65536',
    '127.1:80',
    'localhost:7000',
    '*:7000',
    'tcp://127.0.0.1:80',
    '::1:80',
    '127.0.0.1',
    '[127.0.0.1]:80',
    '80/sctp',
    '127.0.0.1:80/tcp6',
    '80/tcp4',
    '-1',
    'systemd:',
  ])
    t.throws(
      () => parseListenAddress(text),
      { name: 'UsageError', hint: /^write PORT up to 65535, ADDRESS:PORT/ },
      text,
    );
  t.throws(() => parseListenAddress('/a\0b'), UsageError);
});

t.test('the last port, and the longest path that bind takes, are addresses', async (t) => {
  t.match(parseListenAddress('65535'), { port: 65_535 });
  t.match(parseListenAddress(`/${'x'.repeat(106)}`), { kind: 'unix' });
});

t.test('a path that is too long for bind is told as such', async (t) => {
  t.throws(() => parseListenAddress(`/${'x'.repeat(107)}`), {
    name: 'UsageError',
    message: /is too long for a unix socket$/,
    hint: 'choose a shorter path: it has at most 107 bytes (unix(7))',
  });
});
