// Lines of inetd.conf, as the daemons of inetd read them.
import t from 'tap';

import { toServices } from '../../../lib/inetd/config/configuration.ts';
import { readInetdConf } from '../../../lib/inetd/config/inetd-conf.ts';
import { host, listenOf } from '../../support/inetd-conf.ts';

t.test('inetd.conf is read as it is', async (t) => {
  const text = `# services
ftp stream tcp nowait.50 root /usr/sbin/tcpd in.ftpd -l
127.0.0.1:fsp stream tcp nowait sam:staff /usr/sbin/ftpd ftpd
tftp dgram udp wait nobody /usr/sbin/in.tftpd in.tftpd -s
9 dgram udp wait nobody /usr/sbin/tcpd in.talkd -x
[::1]:
echo stream tcp6 nowait nobody /bin/echo
*:
ftp stream tcp6 nowait nobody /bin/six six
8000 stream tcp nowait nobody /usr/bin/uchroot-tcpd uchroot-tcpd run --isolate --deny /etc/d --jail joe:staff:/srv/j /bin/d -w
/run/x.sock stream unix nowait nobody /bin/x x
echo stream tcp nowait root internal
r stream rpc/tcp nowait root /bin/r r
10 dgram udp wait root /usr/bin/uchroot-tcpd uchroot-tcpd run --jail joe:/srv/j /bin/d
`;
  const { services, notCarried } = readInetdConf('inetd.conf', text, host);
  const shown = services.map(({ name, user, directory, program, arguments: args, options }) => [
    name,
    user,
    directory,
    program,
    args.join(' '),
    options.map(({ name, word }) => `${name}=${word.text}`).join(' '),
  ]);
  t.same(shown, [
    [
      'ftp',
      'root',
      '/srv/all',
      '/usr/sbin/in.ftpd',
      '-l',
      'listen=0.0.0.0:21 daemon=in.ftpd argv0=in.ftpd rate=50/60',
    ],
    ['fsp', 'sam:staff', '/srv/all', '/usr/sbin/ftpd', '', 'listen=127.0.0.1:21 daemon=ftpd argv0=ftpd'],
    [
      'tftp-udp',
      'nobody',
      '/srv/all',
      '/usr/sbin/in.tftpd',
      '-s',
      'listen=0.0.0.0:69/udp listen=[::]:69/udp6 argv0=in.tftpd wait=',
    ],
    [
      '9-udp',
      'nobody',
      '/srv/all',
      '/usr/sbin/tcpd',
      '-x',
      'listen=0.0.0.0:9/udp listen=[::]:9/udp6 argv0=in.talkd wait=',
    ],
    ['echo', 'nobody', '/srv/all', '/bin/echo', '', 'listen=[::1]:7/tcp6 daemon=echo argv0=echo'],
    ['ftp-2', 'nobody', '/srv/all', '/bin/six', '', 'listen=[::]:21/tcp6 daemon=six argv0=six'],
    [
      '8000',
      'joe:staff',
      '/srv/j',
      '/bin/d',
      '-w',
      'listen=0.0.0.0:8000 listen=[::]:8000/tcp6 daemon=d argv0=d isolate= hosts-deny=/etc/d',
    ],
    ['x.sock', 'nobody', '/srv/all', '/bin/x', '', 'listen=/run/x.sock daemon=x argv0=x'],
  ]);
  t.match(notCarried, [
    { line: 12, leftOut: 'echo', message: /performs itself/ },
    { line: 13, leftOut: 'r', message: /RPC/ },
    { line: 14, leftOut: '10', message: /^uchroot-tcpd run of a wait service is not carried over/ },
  ]);
  t.throws(() => readInetdConf('i', 'ftp stream tcp nowait root\n', host), {
    message: /^i:1: it has fewer than six fields/,
  });
  const { services: left, notCarried: lost } = readInetdConf(
    'i',
    '\nx stream tcp nowait root /bin/x\nftp stream tcp nowait root /bin/ftpd\n',
    host,
  );
  t.match(left, [{ name: 'ftp', line: 3 }], 'a service without a port does not stop the others');
  t.match(lost, [
    { line: 2, leftOut: 'x', message: 'services(5) has no port of x/tcp: write its number, such as 7000' },
  ]);
  t.throws(() => readInetdConf('i', 'ftp stream tcp later root /bin/x\n', host), {
    message: 'i:1: later is neither wait nor nowait',
  });
});

t.test('odd lines of inetd.conf are read as openbsd-inetd reads them, or told', async (t) => {
  const text = `\ufeff10.0.0.1,[::1],*:1 stream tcp nowait nobody /bin/x x\r
::1:2 stream tcp nowait nobody /bin/x x
3 stream tcp46 nowait nobody /bin/x x
4 stream tcp4 nowait.0 nobody.nogroup /bin/x x "a
\tb" c
  # a comment
5 stream tcp,rcvbuf=16k,sndbuf=1m nowait nobody /bin/x x
#@ in ipsec ah/require
6 stream udp wait nobody /bin/x x
7 dgram tcp wait nobody /bin/x x
127.0.0.1:
8 stream tcp6 nowait nobody /bin/x x
localhost:9 stream tcp nowait nobody /bin/x x
*:10 stream tcp nowait nobody /bin/first x
*:10 stream tcp nowait nobody /bin/second x
11 dgram udp nowait nobody /bin/x x
/run/é.sock stream unix nowait nobody /bin/x x
`;
  const read = readInetdConf('i', text, host);
  t.same(listenOf(read), {
    '1': '10.0.0.1:1 [::1]:1/tcp6 0.0.0.0:1 [::]:1/tcp6',
    '2': '[::1]:2/tcp6',
    '3': '[::]:3',
    '4': '0.0.0.0:4',
    '5': '0.0.0.0:5 [::]:5/tcp6',
    '10-2': '0.0.0.0:10 [::]:10/tcp6',
    sock: '/run/é.sock',
  });
  t.match(read.services[3], { user: 'nobody:nogroup', arguments: ['"a', 'b"', 'c'] });
  t.notOk(
    read.services[3]?.options.some(({ name }) => name === 'rate'),
    'max 0 is no limit of its own',
  );
  t.equal(read.services.find(({ name }) => name === '10-2')?.program, '/bin/second', 'the later line counts');
  t.same(
    read.notCarried.map(({ line, message, leftOut }) => [line, message, leftOut]),
    [
      [7, 'rcvbuf=16k,sndbuf=1m is not carried over', undefined],
      [8, 'a policy of IPsec is not carried over', undefined],
      [9, 'stream sockets of udp are not carried over', '6'],
      [10, 'dgram sockets of tcp are not carried over', '7'],
      [12, '127.0.0.1 is no address of tcp6: write it as a number', '8'],
      [13, 'localhost is no address of tcp: write it as a number', 'localhost:9'],
      [
        16,
        'datagrams without wait are not carried over: write wait, if the program reads all datagrams that come',
        '11',
      ],
      [14, 'a later line has the same address', '10'],
    ],
  );
  t.throws(() => toServices(read.services, []), {
    message: 'i:1: listen: 0.0.0.0:1: it listens on 10.0.0.1:1 already',
  });
  const others = read.services.filter(({ name }) => name !== '1');
  t.same(
    [...toServices(others, []).keys()],
    others.map(({ name }) => name),
  );
  t.same(listenOf(readInetdConf('i', '1 stream tcp nowait nobody /bin/x x\n', { ...host, hasIPv6: false })), {
    '1': '0.0.0.0:1',
  });
  for (const [line, message] of [
    [
      '1 stream tcp nowait nobody:nogroup:class /bin/x x',
      'nobody:nogroup:class is neither USER nor USER:GROUP',
    ],
    ['1 stream tcp nowait/3 nobody /bin/x x', 'nowait/3 is neither wait nor nowait'],
  ] as const)
    t.throws(() => readInetdConf('i', `${line}\n`, host), { message: `i:1: ${message}` });
});
