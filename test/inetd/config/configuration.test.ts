// The three languages of configuration, what is wrong in them, and how they look in TOML.
import { readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';

import { Ajv2020 } from 'ajv/dist/2020.js';
import { parse } from 'smol-toml';
import t from 'tap';

import { readConfiguration, toServices } from '../../../lib/inetd/config/configuration.ts';
import { readInetdConf } from '../../../lib/inetd/config/inetd-conf.ts';
import { configurationSchema } from '../../../lib/inetd/config/schema.ts';
import { portsOf } from '../../../lib/inetd/config/service-ports.ts';
import { readToml } from '../../../lib/inetd/config/toml-file.ts';
import { tomlText } from '../../../lib/inetd/config/toml-text.ts';
import { readXinetdConf } from '../../../lib/inetd/config/xinetd-conf.ts';
import { makeDirectory } from '../../support/directory.ts';

const host = {
  hasIPv6: true,
  directory: '/srv/all',
  portOf: portsOf('echo 7/tcp\nftp\t21/tcp fsp # file transfer\ntftp 69/udp\n# finger 79/tcp\n'),
};

const readXinetd = (text: string) => readXinetdConf([{ path: 'x', text }], host, () => []);

const LINE = `user = "sam"
directory = "/srv/j"
program = "/bin/cat"
`;

t.test('a service of TOML has the options of the command, and defaults for what it leaves out', async (t) => {
  const text = `[defaults]
user = "sam"
directory = "/srv/j"
instances = 7
setenv = { A = "1", B = 2 }

[services.one]
listen = ["127.0.0.1:1", "[::1]:1"]
program = "/bin/cat"
arguments = ["-u", 5]
clear-groups = false

[services."two.x"]
listen = 2
user = "joe:staff"
program = "/bin/dog"
instances = 9
setenv = ["C=3"]
ro-bind = ["/a", "/b:/c"]
isolate = true
memory = "64M"
cpu = 0.5
`;
  const services = toServices(readToml('a.toml', text).services, []);
  t.same([...services.keys()], ['one', 'two.x']);
  t.match(services.get('one'), {
    instances: 7,
    daemon: 'cat',
    launch: { user: 'sam', args: [Buffer.from('-u'), Buffer.from('5')] },
  });
  t.equal(services.get('one')?.launch.clearGroups, undefined);
  t.same(
    services.get('one')?.normalLaunch.env.map(([name]) => name),
    ['A', 'B'],
  );
  t.match(services.get('two.x'), {
    instances: 9,
    launch: { user: 'joe:staff', memory: '64M', cpu: 0.5 },
  });
  t.same(
    services.get('two.x')?.normalLaunch.env.map(([name]) => name),
    ['C'],
  );
  t.equal(services.get('two.x')?.normalLaunch.view.length, 2);
});

t.test('what is wrong in TOML has its line, its key and the key that was meant', async (t) => {
  const wrong: readonly [text: string, message: string | RegExp, hint?: string | RegExp][] = [
    [
      `[services.a]\nlisten = 1\n${LINE}instnces = 3\n`,
      'a.toml:6: unknown key instnces',
      'did you mean instances?',
    ],
    [`[services.a]\n\n${LINE}# x\nlisten = "x"\n`, /^a\.toml:7: listen: 'x' is no address$/, /^write PORT/],
    [`[services.a]\nlisten = 1\n${LINE}rate = "x"\n`, /^a\.toml:6: rate must be COUNT/],
    [`[services.a]\nlisten = 1\n${LINE}per-source = 0\n`, /^a\.toml:6: per-source must be a whole number/],
    [`[services.a]\nlisten = 1\n${LINE}umask = "999"\n`, /^a\.toml:6: umask must be an octal mode/],
    [`[services.a]\nlisten = 1\n${LINE}isolate = 1\n`, 'a.toml:6: isolate is true or false'],
    [`[services.a]\nlisten = 1\n${LINE}banner = true\n`, 'a.toml:6: banner takes a text or a number'],
    [`[services.a]\nlisten = "1/udp"\n${LINE}`, /^a\.toml:2: listen needs wait: a service of datagrams/],
    [`[services.a]\nlisten = 1\n${LINE}arguments = "x"\n`, 'a.toml:6: arguments is an array'],
    [`[services.a]\nuser = "x"\n`, 'a.toml:1: a: directory is missing'],
    [`[services.a]\n${LINE}`, 'a.toml:1: listen is missing: give an address'],
    [`[service.a]\nlisten = 1\n`, 'a.toml:1: unknown key service', 'did you mean services?'],
    [`x = 1\n`, 'a.toml:1: unknown key x', 'write [services.NAME] above it, with a name for the service'],
    [`[x]\nlisten = 1\n`, 'a.toml:1: unknown key x', 'write [services.x]'],
    [`\nservices.a.lisen = 1\n`, 'a.toml:2: unknown key lisen', 'did you mean listen?'],
    [
      `[services]\n\na.rate = "x"\na.listen = 1\n${LINE.replaceAll(/^/gm, 'a.').replace(/a\.$/, '')}`,
      /^a\.toml:3: rate must be COUNT/,
    ],
    [`[services]\na = { listen = 1, instnces = 3 }\n`, 'a.toml:2: unknown key instnces'],
    [`["services"."a"]\n'listen' = 1\n${LINE}setenv.A.B = 1\n`, 'a.toml:6: setenv takes a text or a number'],
    [
      `[services.a]\nlisten = 1\n${LINE}timeout = 0\n`,
      /^a\.toml:6: timeout must be seconds from 0\.001 to 2147483, not 0$/,
    ],
    [`[defaults]\n\nlog = "x"\nlisen = 1\n`, 'a.toml:4: unknown key lisen', 'did you mean listen?'],
    [`[services]\na = 1\n`, 'a.toml:2: a is a table'],
    [
      `[[services]]\nlisten = 1\n`,
      'a.toml:1: services is a table of tables',
      'write [services.NAME], with a name for the service',
    ],
    [`defaults = 1\n`, 'a.toml:1: defaults is a table', 'write [defaults]'],
    [`[services."a b"]\n`, /a b is no name/],
    [`[services.a]\nlisten = \n`, /^a\.toml:2: no TOML: /],
    [``, 'the configuration has no services'],
  ];
  for (const [text, message, hint] of wrong)
    t.throws(
      () => toServices(readToml('a.toml', text).services, []),
      { message, ...(hint !== undefined && { hint }) },
      text,
    );
});

t.test('a mode is a text, and an array for one value is not cut', async (t) => {
  const read = (...lines: readonly string[]) =>
    toServices(
      readToml('a.toml', `[services.a]\nlisten = "/x"\n${LINE}${lines.join('\n')}\n`).services,
      [],
    ).get('a');
  for (const [line, message, hint] of [
    ['arguments = "-u"', 'a.toml:6: arguments is an array', 'for example arguments = ["-l"]'],
    ['umask = 0o027', 'a.toml:6: umask is a text with an octal mode', 'in quotes, such as umask = "640"'],
    ['socket-mode = 660', 'a.toml:6: socket-mode is a text with an octal mode', undefined],
    ['daemon = ["a", "b"]', 'a.toml:6: daemon takes one value', undefined],
    ['memory = ["64M", "65M"]', 'a.toml:6: memory takes one value', undefined],
    ['env = { A = 1 }', 'a.toml:6: unknown key env', 'write setenv'],
    ['jail = "/j"', 'a.toml:6: unknown key jail', 'write directory'],
    ['timeoutMs = 5', 'a.toml:6: unknown key timeoutMs', 'write timeout'],
  ] as const)
    t.throws(() => read(line), { message, ...(hint !== undefined && { hint }) }, line);
  t.match(read('umask = "027"', 'socket-mode = "660"'), { socketMode: 0o660, launch: { umask: '027' } });
  t.match(read('groups = ["a", "b"]', 'affinity = [0, "2-3"]', 'memory = ["64M"]'), {
    launch: { groups: ['a', 'b'], affinity: [0, 2, 3], memory: '64M' },
  });
  t.same(read('groups = []')?.normalLaunch.groups, [], 'no supplementary groups');
  t.same(read('connect-tcp = [80, "1-100"]', 'cap = ["kill", "chown"]')?.launch.caps, ['kill', 'chown']);
  const defaults = [{ name: 'cap', word: { text: 'kill', bytes: Buffer.from('kill') }, line: undefined }];
  const { services } = readToml('a.toml', `[services.a]\nlisten = 1\n${LINE}cap = []\n`);
  t.equal(toServices(services, defaults).get('a')?.launch.caps, undefined);
});

t.test('options of the command line count for services that do not set them', async (t) => {
  const { services } = readToml('a.toml', `[services.a]\nlisten = 1\n${LINE}instances = 3\n`);
  const word = (text: string) => ({ text, bytes: Buffer.from(text) });
  const defaults = [
    { name: 'instances', word: word('5'), line: undefined },
    { name: 'isolate', word: word(''), line: undefined },
  ];
  t.match(toServices(services, defaults).get('a'), { instances: 3, launch: { isolate: true } });
  for (const text of [`[services.a]\nisolate = false\n`, `[defaults]\nisolate = false\n[services.a]\n`]) {
    const off = toServices(readToml('a.toml', `${text}listen = 1\n${LINE}`).services, defaults);
    t.equal(off.get('a')?.launch.isolate, undefined, text);
  }
  const on = readToml(
    'a.toml',
    `[defaults]\nisolate = false\n[services.a]\nisolate = true\nlisten = 1\n${LINE}`,
  );
  t.match(toServices(on.services, []).get('a'), { launch: { isolate: true } });
  t.throws(() => toServices([...services, ...services], []), {
    message: 'a.toml:1: there is another service a',
  });
});

t.test('false takes back any default, of the file and of the command line', async (t) => {
  const limits = ['idle = 5', 'instances = 7', 'memory = "64M"', 'setenv = { A = 1 }', 'umask = "027"'];
  const off = limits.map((line) => line.replace(/ = .*$/, ' = false')).join('\n');
  const read = (above: string, own: string) =>
    readToml('a.toml', `[defaults]\n${above}\n[services.a]\nlisten = 1\n${LINE}${own}\n`).services;
  const bare = toServices(read('', ''), []).get('a');
  const given = toServices(read(limits.join('\n'), ''), []).get('a');
  t.match(given, { idleMs: 5000, instances: 7, launch: { memory: '64M', umask: '027' } });
  t.same(toServices(read(limits.join('\n'), off), []).get('a'), bare);
  const ofCommand = [{ name: 'idle', word: { text: '5', bytes: Buffer.from('5') }, line: undefined }];
  t.match(toServices(read('', ''), ofCommand).get('a'), { idleMs: 5000 });
  t.same(toServices(read('', 'idle = false'), ofCommand).get('a'), bare);
  t.same(toServices(read('idle = false', ''), ofCommand).get('a'), bare);
  const validate = new Ajv2020({ allowUnionTypes: true }).compile(configurationSchema());
  t.ok(validate(parse(`[services.a]\n${off}\n`)), JSON.stringify(validate.errors));
  t.notOk(validate(parse('[services.a]\nidle = true\n')));
});

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

t.test(
  'a service whose wrapper has an option that is unknown here is left out, and the others stay',
  async (t) => {
    const directory = makeDirectory(t);
    const wrapper = '/usr/bin/uchroot-tcpd';
    writeFileSync(
      `${directory}/inetd`,
      `1 stream tcp nowait nobody ${wrapper} uchroot-tcpd run --dialect command /bin/a
2 stream tcp nowait nobody ${wrapper} uchroot-tcpd run --isolate --x\u001b --jail joe:/srv/j /bin/b
3 stream tcp nowait nobody ${wrapper} uchroot-tcpd run --isolate /bin/c
`,
    );
    const section = (name: string, port: number, args: string): string =>
      `service ${name}\n{\ntype = UNLISTED\nport = ${port}\nwait = no\nuser = nobody\nserver = ${wrapper}\nserver_args = ${args}\n}\n`;
    writeFileSync(
      `${directory}/xinetd`,
      `${section('a', 4, 'run --compat=libwrap /bin/a')}${section('b', 5, 'run /bin/b')}`,
    );
    const { services, notCarried } = readConfiguration([directory], '/srv/all');
    t.same([...toServices(services, []).keys()], ['3', 'b']);
    t.same(
      notCarried.map(({ file, line, leftOut, message }) => [basename(file), line, leftOut, message]),
      [
        ['inetd', 1, '1', '--dialect of uchroot-tcpd run is not carried over'],
        ['inetd', 2, '2', '--x\\x1b of uchroot-tcpd run is not carried over'],
        ['xinetd', 8, 'a', '--compat of uchroot-tcpd run is not carried over'],
      ],
    );
  },
);

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

const listenOf = ({ services }: ReturnType<typeof readInetdConf>): Record<string, string> =>
  Object.fromEntries(
    services.map(({ name, options }) => [
      name,
      options.flatMap(({ name, word }) => (name === 'listen' ? [word.text] : [])).join(' '),
    ]),
  );

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

t.test('the lines of a large file in TOML are found in time', async (t) => {
  const timeOf = (count: number): number => {
    const services = Array.from({ length: count }, (_, i) => `[services.s${i}]\nlisten = ${i + 1}\n${LINE}`);
    const begin = process.cpuUsage();
    t.equal(readToml('a.toml', services.join('')).services.length, count);
    return process.cpuUsage(begin).user;
  };
  timeOf(100);
  // the collector of garbage may run in one of them
  const best = (count: number): number => Math.min(timeOf(count), timeOf(count), timeOf(count));
  // ten times as many lines take ten times as long, and not a hundred times
  t.ok(best(3000) < 40 * best(300));
});

t.test('what import writes says the same, and fits the schema, which is published', async (t) => {
  const { services } = readInetdConf(
    'inetd.conf',
    'ftp stream tcp nowait.50 root /usr/sbin/tcpd in.ftpd -l\ntftp dgram udp wait nobody /usr/sbin/in.tftpd in.tftpd -s "é"\n',
    host,
  );
  const text = tomlText(services);
  const plain = (list: typeof services) =>
    list.map(({ name, user, directory, program, arguments: args, options }) => {
      return {
        name,
        user,
        directory,
        program,
        args,
        options: options.map(({ name, word }) => [name, word.text]),
      };
    });
  t.same(plain(readToml('x.toml', text).services), plain(services));
  const validate = new Ajv2020({ allowUnionTypes: true }).compile(configurationSchema());
  t.ok(validate(parse(text)), JSON.stringify(validate.errors));
  t.notOk(validate({ services: { a: { instnces: 1 } } }));
  t.notOk(validate({ services: { a: { isolate: 'yes' } } }));
  t.notOk(validate({ service: {} }));
  const published = readFileSync(
    join(import.meta.dirname, '../../../../doc/uchroot-inetd.schema.json'),
    'utf8',
  );
  const { version, ...schema } = JSON.parse(published) as Record<string, unknown>;
  t.equal(version, undefined);
  t.same(schema, configurationSchema(), 'uchroot-inetd schema >doc/uchroot-inetd.schema.json');
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

t.test('a name in a table of TOML cannot be a part of a value', async (t) => {
  const text = `[services.a]\nlisten = 1\n${LINE}setenv = { "A=B" = "c" }\n`;
  t.throws(() => readToml('a.toml', text), { message: 'a.toml:6: setenv: A=B is no name' });
});
