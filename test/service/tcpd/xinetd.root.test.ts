// Behind xinetd, which asks libwrap itself: with the real one.
import { join } from 'node:path';

import t from 'tap';

import { packageDirectory } from '../../support/launch.ts';
import { unlessRoot, unlessThere } from '../../support/root.ts';
import { sanitized } from '../../support/sanitizer.ts';
import { openNet } from '../../support/tcpd-net.ts';

// It cannot be installed beside the other inetd; scripts/test unpacks it.
const xinetd = `${packageDirectory}/build/test/xinetd/usr/sbin/xinetd`;
const skip =
  unlessRoot('ip', 'python3', 'nsenter') ||
  unlessThere(xinetd) ||
  (sanitized && 'the sanitized build preloads its runtime');
const tcpd = join(import.meta.dirname, '../../../bin/uchroot-tcpd.cjs');

function service(name: string, port: number, more: string): string {
  return `service ${name}
{
  type = UNLISTED
  port = ${port}
  socket_type = stream
  wait = no
  user = root
  ${more}
}
`;
}

t.test(
  'a service that xinetd starts is decided about once, by the name of the daemon',
  { skip },
  async (t) => {
    const run = 'server_args = run showd one';
    const net = await openNet(t, {
      etc: {
        // as books have them
        'hosts.allow': 'showd: 10.99.0.2\n',
        'hosts.deny': 'ALL: ALL\n',
        'xinetd.conf': 'defaults\n{\n}\nincludedir /etc/xinetd.d\n',
        'xinetd.d/asks': service('asks', 7001, `server = /etc/uchroot-tcpd\n  ${run}`),
        'xinetd.d/once': service('once', 7002, `server = /etc/uchroot-tcpd\n  flags = NOLIBWRAP\n  ${run}`),
        'xinetd.d/named': service('named', 7003, `server = /etc/uchroot-tcpd\n  libwrap = showd\n  ${run}`),
        // as tcpd is started: NAMEINARGS has it asked about by the name of the daemon
        'xinetd.d/args': service(
          'args',
          7004,
          'server = /etc/showd\n  flags = NAMEINARGS\n  server_args = /somewhere/showd one',
        ),
      },
      links: { 'uchroot-tcpd': tcpd, showd: tcpd },
      sbin: { showd: '#!/bin/sh\nread line\necho "$* $line"\n' },
      server: {
        command: `${xinetd} -dontfork -f /etc/xinetd.conf -pidfile /etc/xinetd.pid`,
        ports: [7001, 7002, 7003, 7004],
      },
    });
    const ask = (port: number, source: string) => net.talk({ source, port, text: 'hello\n' })[0];
    t.equal(ask(7001, '10.99.0.2'), '', 'refused by the name of the wrapper');
    for (const port of [7002, 7003, 7004]) {
      t.equal(ask(port, '10.99.0.2'), 'one hello\n', `port ${port}`);
      t.equal(ask(port, '10.99.0.3'), '', `port ${port}`);
    }
    const words = ['check', '--no-lookups', '--inetd', '/dev/null'];
    const told = net.run(['sh', '-c', '"$@" || [ $? = 1 ]', 'sh', process.execPath, tcpd, ...words]);
    t.same(told.match(/^\/etc\/xinetd\.d\/.*$/gm), [
      '/etc/xinetd.d/asks:1: error xinetd-asks: ' +
        'xinetd asks libwrap about uchroot-tcpd before the wrapper is asked about showd → write flags = NOLIBWRAP',
    ]);
  },
);
