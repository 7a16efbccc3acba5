// Sections of xinetd.conf and xinetd.d, as services of the super-server.
import t from 'tap';

import { toServices } from '../../../lib/inetd/config/configuration.ts';
import { readXinetdConf } from '../../../lib/inetd/config/xinetd-conf.ts';
import { host, listenOf } from '../../support/inetd-conf.ts';

const readXinetd = (text: string) => readXinetdConf([{ path: 'x', text }], host, () => []);

t.test(
  'xinetd.d is read as it is, and a service with limits that are unknown here is left out',
  async (t) => {
    const text = `defaults
{
  instances = 60
  cps = 25 30
}
service ftp
{
  # a comment
  socket_type = stream
  wait = no
  user = root
  group = ftp
  server = /usr/sbin/vsftpd
  server_args = -a b
  per_source = 4
  env = A=1
  env += B=2
  flags = NOLIBWRAP
  bind = 127.0.0.1
  rlimit_as = 8M
  deny_time = FOREVER
}
service fsp
{
  id = second
  type = UNLISTED
  port = 2121
  socket_type = dgram
  wait = yes
  flags = NOLIBWRAP
  user = nobody
  server = /bin/x
  instances = UNLIMITED
  no_access =
  mystery = 1
}
service closed
{
  server = /bin/x
  only_from =
}
service off
{
  disable = yes
}
service echo
{
  type = INTERNAL
}
service tftp
{
  socket_type = dgram
  server = /bin/t
  only_from = 10.0.0.0/8
}
`;
    const { services, notCarried } = readXinetd(text.replace('  deny_time = FOREVER\n', ''));
    const shown = services.map(({ name, user, program, arguments: args, options }) => [
      name,
      user,
      program,
      args.join(' '),
      options.map(({ name, word }) => `${name}=${word.text}`).join(' '),
    ]);
    t.same(shown, [
      [
        'ftp',
        'root:ftp',
        '/usr/sbin/vsftpd',
        '-a b',
        'listen=127.0.0.1:21 daemon=vsftpd hosts-allow=/dev/null hosts-deny=/dev/null clear-groups= instances=60 rate=25 per-source=4 setenv=A=1 setenv=B=2 rlimit=as=8388608',
      ],
      [
        'second',
        'nobody',
        '/bin/x',
        '',
        'listen=0.0.0.0:2121/udp wait= clear-groups= instances=100000 rate=25',
      ],
    ]);
    t.match(notCarried, [
      { message: 'mystery is not carried over', leftOut: undefined },
      { message: /^only_from/, leftOut: 'closed' },
      { message: /type INTERNAL/, leftOut: 'echo' },
      { message: /^only_from is not carried over: write a rule/, leftOut: 'tftp' },
    ]);
    t.match(readXinetd(text).notCarried[0], {
      line: 21,
      leftOut: 'ftp',
      message: /^deny_time/,
    });
    t.throws(() => readXinetd('service a\n{\nport = 1\n'), {
      message: 'x:1: the section a is not closed',
    });
    t.throws(() => readXinetd('service a\n{\nport\n}\n'), {
      message: /^x:3: 'port' is no attribute/,
    });
  },
);

const xinetdService = (name: string, port: number, ...lines: readonly string[]): string =>
  [`service ${name}`, '{', 'type = UNLISTED', `port = ${port}`, 'wait = no', ...lines, '}', ''].join('\n');

t.test('a service that xinetd does not start, or starts for fewer clients, is not served', async (t) => {
  const run = ['user = nobody', 'server = /bin/x'];
  const text = `defaults
{
  disabled = off1
  disabled = off2
  bogus = 1
  log_on_success += PID
}
${xinetdService('off1', 1, ...run)}${xinetdService('off2', 2, ...run)}${xinetdService('off3', 3, 'disable = YES', ...run)}
${xinetdService('six', 4, 'flags = IPv6', 'v6only = yes', ...run)}${xinetdService('both', 5, 'flags = IPv6', ...run)}
${xinetdService('first', 6, ...run, 'server = /bin/later', 'server_args = one', 'server_args = two', 'env = A=1', 'env = B=2')}
${xinetdService('limits', 7, ...run, 'nice = -5', 'rlimit_as = UNLIMITED', 'rlimit_stack = 8M', 'banner_success = /b', 'flags = KEEPALIVE REUSE')}
${xinetdService('ident', 8, 'flags = IDONLY', ...run)}${xinetdService('sensor', 9, 'flags = SENSOR', ...run)}
${xinetdService('nouser', 10, 'server = /bin/x')}${xinetdService('raw', 11, 'socket_type = raw', ...run)}
${xinetdService('name', 12, 'bind = localhost', ...run)}${xinetdService('odd/name', 13, ...run)}`;
  const read = readXinetd(text);
  t.same(listenOf(read), {
    six: '[::]:4/tcp6',
    both: '[::]:5',
    first: '0.0.0.0:6',
    limits: '0.0.0.0:7',
    'odd-name': '0.0.0.0:13',
  });
  const optionsOf = (wanted: string) =>
    read.services
      .find(({ name }) => name === wanted)
      ?.options.map(({ name, word }) => `${name}=${word.text}`)
      .join(' ');
  t.equal(
    optionsOf('limits'),
    'listen=0.0.0.0:7 daemon=x clear-groups= rlimit=as=unlimited rlimit=stack=8388608 banner=/b',
  );
  t.match(optionsOf('first'), 'setenv=A=1 setenv=B=2');
  t.match(
    read.services.find(({ name }) => name === 'first'),
    { program: '/bin/x', arguments: ['one'] },
  );
  t.same(
    read.notCarried.map(({ message, leftOut }) => [message, leftOut]),
    [
      ['bogus is not carried over: xinetd ignores it in defaults', undefined],
      ['a negative nice is not carried over', undefined],
      ['the flag KEEPALIVE is not carried over', undefined],
      ['services with the flag IDONLY are not carried over', 'ident'],
      ['services with the flag SENSOR are not carried over', 'sensor'],
      ['it has no user', 'nouser'],
      ['raw sockets of tcp are not carried over', 'raw'],
      ['localhost is no address: write bind as a number', 'name'],
    ],
  );
  t.equal(toServices(read.services, []).size, 5);
  const some = readXinetd(
    `defaults\n{\nenabled = six\nenabled = no\n}\n${text.slice(text.indexOf('}') + 1)}`,
  );
  t.same(Object.keys(listenOf(some)), ['six']);
});

t.test('defaults of xinetd.conf count for the files that it includes', async (t) => {
  const files: Readonly<Record<string, string>> = {
    'xinetd.d': xinetdService('inner', 1, 'user = nobody', 'server = /bin/x'),
    'own.conf': xinetdService('free', 2, 'user = nobody', 'server = /bin/x', 'only_from -= 10.0.0.0/8'),
  };
  const read = (defaults: string) =>
    readXinetdConf(
      [{ path: 'x', text: `includedir xinetd.d\ninclude own.conf\ndefaults\n{\n${defaults}\n}\n` }],
      host,
      (path, from) => [{ path: `${from}/${path}`, text: files[path] ?? '' }],
    );
  const { services, notCarried } = read('per_source = 3');
  t.match(services[0], { file: 'x/xinetd.d', options: [{}, {}, {}, { name: 'per-source' }] });
  t.match(notCarried, [{ file: 'x/own.conf', leftOut: 'free' }]);
  t.same(
    read('only_from = 10.0.0.0/8').notCarried.map(({ leftOut }) => leftOut),
    ['inner', 'free'],
  );
});

t.test(
  'xinetd.d: a service with another value than yes or no for a switch is not started by xinetd either',
  async (t) => {
    for (const switched of ['disable = true', 'wait = maybe', 'groups = 1'])
      t.match(
        readXinetd(
          `service a\n{\nport = 1\nsocket_type = stream\nuser = root\nserver = /bin/a\n${switched}\n}\n`,
        ),
        {
          services: { length: 0 },
          notCarried: [
            { line: 7, leftOut: 'a', message: `${switched.split(' ', 1)[0]} is neither yes nor no` },
          ],
        },
      );
  },
);
