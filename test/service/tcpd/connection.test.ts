import { closeSync, openSync } from 'node:fs';

import t from 'tap';

import { describeConnection, hasSourceRoute } from '../../../lib/service/tcpd/connection.ts';

t.test('a source route is found behind other options, and only there', async (t) => {
  const has = (hex: string) => hasSourceRoute(Buffer.from(hex, 'hex'));
  t.ok(has('8307040a63000100'), 'loose');
  t.ok(has('8907040a63000100'), 'strict');
  t.ok(has('010107070400000000830704'), 'behind no operation and a record of the route');
  t.ok(has('0700830704'), 'behind a length that is none');
  t.notOk(has(''));
  t.notOk(has('0707840000008300'), 'what looks like one in another option');
  t.notOk(has('00830704'), 'behind the end of the options');
});

t.test('somebody who starts the command by hand is told what gives it a connection', async (t) => {
  const fd = openSync('/dev/null', 'r');
  t.teardown(() => closeSync(fd));
  t.match(describeConnection(fd), {
    kind: 'none',
    problem: /ENOTSOCK.*; inetd and systemd .*uchroot-tcpd match/,
  });
});
