// What becomes of each attribute of xinetd.conf(5): nothing is dropped without a word.
import t from 'tap';

import { toServices } from '../../../lib/inetd/config/configuration.ts';
import { readInetdConf } from '../../../lib/inetd/config/inetd-conf.ts';
import { readToml } from '../../../lib/inetd/config/toml-file.ts';
import { readXinetdConf } from '../../../lib/inetd/config/xinetd-conf.ts';
import { isXinetdText } from '../../../lib/tcpwrappers/daemon/xinetd-sections.ts';

const host = { hasIPv6: true, directory: '/srv/all', portOf: (port: string) => Number(port) };

const read = (text: string) => readXinetdConf([{ path: 'x', text }], host, () => []);

const NEEDED = ['port = 1', 'user = nobody', 'server = /bin/x', 'socket_type = stream', 'wait = no'];
const section = (...lines: readonly string[]): string => `service s\n{\n${lines.join('\n')}\n}\n`;
// The attribute is the second line of the section, in the third line of the file.
const withOne = (line: string): string => {
  const own = NEEDED.filter((other) => !other.startsWith(`${line.split(' ', 1)[0]} `));
  return section(line, ...own);
};
const shown = (text: string): string => {
  const { services, notCarried } = read(text);
  return [
    ...services.map(({ name, user, program, arguments: args, options }) =>
      [
        `${name} ${user} ${[program, ...args].join(' ')}`,
        ...options.map(({ name, word: { text } }) => `${name}=${text}`),
      ].join(', '),
    ),
    ...notCarried.map(
      ({ file, line, message, leftOut }) =>
        `${file}:${line}: ${message}${leftOut === undefined ? '' : ` (${leftOut} left out)`}`,
    ),
  ].join('; ');
};

const PLAIN = 's nobody /bin/x, listen=0.0.0.0:1, daemon=x, clear-groups=';
const keeps = (option: string): string => `${PLAIN}, ${option}`;
const tells = (message: string): string => `${PLAIN}; x:3: ${message}`;
const leavesOut = (message: string): string => `x:3: ${message} (s left out)`;
const RULE = 'is not carried over: write a rule into hosts.allow or hosts.deny';
const WITHOUT = 'is not carried over: take it out to carry the service over without it';

// All of the manual, in its order.
const attributes: readonly (readonly [line: string, outcome: string])[] = [
  ['id = other', PLAIN.replace(/^s/, 'other')],
  ['type = UNLISTED', PLAIN],
  ['type = RPC', 'x:1: services of type RPC are not carried over (s left out)'],
  ['type = INTERNAL', 'x:1: services of type INTERNAL are not carried over (s left out)'],
  ['type = TCPMUX', 'x:1: services of type TCPMUX are not carried over (s left out)'],
  ['flags = INTERCEPT', leavesOut('services with the flag INTERCEPT are not carried over')],
  ['flags = NORETRY REUSE IPv4', PLAIN],
  ['flags = IDONLY', leavesOut('services with the flag IDONLY are not carried over')],
  ['flags = NAMEINARGS', PLAIN],
  ['flags = NODELAY', tells('the flag NODELAY is not carried over')],
  ['flags = KEEPALIVE', tells('the flag KEEPALIVE is not carried over')],
  ['flags = NOLIBWRAP', PLAIN.replace(', clear', ', hosts-allow=/dev/null, hosts-deny=/dev/null, clear')],
  ['flags = SENSOR', leavesOut('services with the flag SENSOR are not carried over')],
  ['flags = IPv6', PLAIN.replace('0.0.0.0', '[::]')],
  ['flags = LABELED', leavesOut('services with the flag LABELED are not carried over')],
  ['flags = FOO', leavesOut('FOO is no word of flags: xinetd does not start it either')],
  ['v6only = yes', PLAIN],
  ['disable = no', PLAIN],
  ['disable = yes', ''],
  ['socket_type = raw', 'x:1: raw sockets of tcp are not carried over (s left out)'],
  [
    'socket_type = dgram',
    'x:7: datagrams without wait are not carried over: write wait, if the program reads all datagrams that come (s left out)',
  ],
  ['protocol = tcp', PLAIN],
  [
    'wait = yes',
    leavesOut(
      'xinetd asks the rules for a wait service, and uchroot-inetd leaves that to the program: write flags = NOLIBWRAP to carry it over',
    ),
  ],
  ['user = joe', PLAIN.replace('nobody', 'joe')],
  ['group = staff', PLAIN.replace('nobody', 'nobody:staff')],
  ['instances = 5', keeps('instances=5')],
  ['instances = UNLIMITED', keeps('instances=100000')],
  ['nice = 5', keeps('nice=5')],
  ['nice = -5', tells('a negative nice is not carried over')],
  ['server = /bin/y', PLAIN.replace('/bin/x', '/bin/y').replace('=x', '=y')],
  ['server_args = a b', PLAIN.replace('/bin/x', '/bin/x a b')],
  ['libwrap = other', PLAIN.replace('daemon=x', 'daemon=other')],
  ['only_from = 10.0.0.0', leavesOut(`only_from ${RULE}`)],
  ['only_from =', leavesOut(`only_from ${RULE}`)],
  ['no_access = 10.0.0.0', leavesOut(`no_access ${RULE}`)],
  ['access_times = 2:00-9:00', leavesOut(`access_times ${WITHOUT}`)],
  ['log_type = SYSLOG daemon', keeps('log=syslog')],
  ['log_type = SYSLOG daemon info', keeps('log=syslog')],
  [
    'log_type = SYSLOG daemon notice',
    `${keeps('log=syslog')}; x:3: log_type: daemon.notice is not carried over: lines go to daemon.info and daemon.warning`,
  ],
  [
    'log_type = SYSLOG authpriv info',
    `${keeps('log=syslog')}; x:3: log_type: authpriv.info is not carried over: lines go to daemon.info and daemon.warning`,
  ],
  [
    'log_type = SYSLOG authpriv notice',
    `${keeps('log=syslog')}; x:3: log_type: authpriv.notice is not carried over: lines go to daemon.info and daemon.warning`,
  ],
  [
    'log_type = FILE /var/log/s.log 1000',
    tells('log_type FILE is not carried over: lines go to standard error, and not to /var/log/s.log'),
  ],
  ['log_on_success = PID HOST EXIT DURATION', PLAIN],
  ['log_on_success += USERID', tells('log_on_success USERID is not carried over')],
  ['log_on_success = TRAFFIC', tells('log_on_success TRAFFIC is not carried over')],
  ['log_on_success = FOO', leavesOut('FOO is no word of log_on_success: xinetd does not start it either')],
  ['log_on_failure = HOST ATTEMPT', PLAIN],
  ['log_on_failure = USERID', tells('log_on_failure USERID is not carried over')],
  ['rpc_version = 2', PLAIN],
  ['rpc_number = 3', PLAIN],
  ['env = A=1 B=2', keeps('setenv=A=1, setenv=B=2')],
  ['passenv = A B', keeps('pass-env=A,B')],
  ['passenv =', PLAIN],
  ['port = 9', PLAIN.replace(':1', ':9')],
  ['redirect = 127.0.0.1 9', 'x:1: redirect is not carried over: it starts no program (s left out)'],
  ['bind = 127.0.0.1', PLAIN.replace('0.0.0.0', '127.0.0.1')],
  ['interface = ::1', PLAIN.replace('0.0.0.0', '[::1]')],
  [
    'banner = /b',
    `${keeps('banner=/b')}; x:3: banner is not carried over for clients that are denied: they read nothing`,
  ],
  ['banner_success = /b', keeps('banner=/b')],
  ['banner_fail = /b', tells('banner_fail is not carried over')],
  ['per_source = 4', keeps('per-source=4')],
  ['per_source = UNLIMITED', PLAIN],
  ['cps = 25 30', keeps('rate=25')],
  ['max_load = 2.5', leavesOut(`max_load ${WITHOUT}`)],
  ['groups = yes', PLAIN.replace(', clear-groups=', '')],
  ['mdns = yes', PLAIN],
  ['umask = 027', keeps('umask=027')],
  ['rlimit_as = 8M', keeps('rlimit=as=8388608')],
  ['rlimit_files = 9', keeps('rlimit=nofile=9')],
  ['rlimit_cpu = 9', keeps('rlimit=cpu=9')],
  ['rlimit_data = 8K', keeps('rlimit=data=8192')],
  ['rlimit_rss = UNLIMITED', keeps('rlimit=rss=unlimited')],
  ['rlimit_stack = 8M', keeps('rlimit=stack=8388608')],
  ['deny_time = 60', leavesOut(`deny_time ${WITHOUT}`)],
  ['mystery = 1', tells('mystery is not carried over')],
  ['constructor = 1', tells('constructor is not carried over')],
];

t.test('each attribute of a service is kept, or told with its line', async (t) => {
  for (const [line, outcome] of attributes) t.equal(shown(withOne(line)), outcome, line);
});

t.test('of two banners the second is told', async (t) => {
  t.match(
    shown(section(...NEEDED, 'banner = /a', 'banner_success = /b')),
    /banner=\/a; x:8: banner is .*; x:9: banner_success is not carried over: a client gets one banner$/,
  );
});

t.test('what xinetd ignores in defaults does not count, and is told once', async (t) => {
  // a service that asked no rules would let everybody in
  const text = `defaults\n{\nflags = NOLIBWRAP\nserver = /bin/evil\nlog_on_success = USERID\n}\n`;
  const second = section('id = t', ...NEEDED).replace('port = 1', 'port = 2');
  t.equal(
    shown(`${text}${section(...NEEDED)}${second}`),
    [
      PLAIN,
      PLAIN.replace('s nobody', 't nobody').replace(':1', ':2'),
      'x:3: flags is not carried over: xinetd ignores it in defaults',
      'x:4: server is not carried over: xinetd ignores it in defaults',
      'x:5: log_on_success USERID is not carried over',
    ].join('; '),
  );
});

t.test('what is wrong in defaults has the place of the defaults', async (t) => {
  const files = (defaults: string) =>
    readXinetdConf([{ path: 'conf', text: `defaults\n{\n${defaults}\n}\ninclude d\n` }], host, (path) => [
      { path, text: `\n\n\n\n${section(...NEEDED)}` },
    ]);
  for (const [line, message] of [
    ['instances = abc', /^conf:3: --instances takes|^conf:3: instances must be/],
    ['cps = 0 1', /^conf:3: rate must be/],
  ] as const)
    t.throws(() => toServices(files(line).services, []), { message });
  t.match(files('max_load = 2').notCarried, [{ file: 'conf', line: 3, leftOut: 's' }]);
});

t.test('a wait service without libwrap is carried over, with the wrapper that asks the rules', async (t) => {
  t.equal(
    shown(
      section(
        ...NEEDED.filter((line) => !/^(wait|server)/.test(line)),
        'wait = yes',
        'server = /usr/sbin/tcpd',
        'server_args = in.x -s',
        'flags = NOLIBWRAP NAMEINARGS',
      ),
    ),
    's nobody /usr/sbin/tcpd -s, listen=0.0.0.0:1, argv0=in.x, wait=, clear-groups=',
  );
});

t.test(
  'what xinetd does with each client is told for a wait service, whose program accepts them',
  async (t) => {
    const lines = [...NEEDED.filter((line) => !line.startsWith('wait')), 'wait = yes', 'flags = NOLIBWRAP'];
    t.equal(
      shown(section('per_source = 4', 'banner_success = /etc/motd', ...lines)),
      ['per_source', 'banner_success']
        .map(
          (name, i) =>
            `; x:${3 + i}: ${name} is not carried over for a wait service: its program accepts the clients`,
        )
        .reduce((all, one) => all + one, 's nobody /bin/x, listen=0.0.0.0:1, wait=, clear-groups='),
    );
  },
);

t.test('a section in another one is an error: the first one is not closed', async (t) => {
  for (const second of ['service t\n{\n', 'defaults {\n'])
    t.throws(() => read(`service s\n{\n${NEEDED.join('\n')}\n${second}port = 2\n}\n`), {
      message: 'x:1: the section s is not closed',
    });
});

t.test('no word of a file reaches the terminal as it is', async (t) => {
  const odd = '\u001b[2J';
  const told = [
    ...['type', 'flags', 'log_on_success', 'protocol', 'socket_type', 'bind', 'log_type'].map((name) =>
      shown(withOne(`${name} = ${odd}`)),
    ),
    ...[`1 ${odd} tcp nowait u /x`, `1 stream ${odd} nowait u /x`, `${odd}:1 stream tcp nowait u /x`].map(
      (line) => readInetdConf('i', `${line}\n`, host).notCarried.map(({ message }) => message),
    ),
  ].join('\n');
  t.notMatch(told, odd);
  t.equal(told.split('\\x1b[2J').length, 11);
  const nowhere = { ...host, portOf: () => undefined };
  for (const fails of [
    () => read(section(`${odd} = 1`)),
    () => read(`service ${odd}\n{\n`),
    () => readInetdConf('i', `1 stream tcp ${odd} u /x\n`, host),
    () => readInetdConf('i', `1 stream tcp nowait .${odd} /x\n`, host),
  ])
    t.throws(fails, { message: /^[ -~]*$/ });
  const named = section(...NEEDED.filter((line) => !line.startsWith('port')), `port = ${odd}`);
  t.match(
    readXinetdConf([{ path: 'x', text: named + section(...NEEDED) }], nowhere, () => []),
    {
      services: [],
      notCarried: [
        { message: /^services\(5\) has no port of [ -~]*$/, leftOut: 's' },
        { message: 'services(5) has no port of 1/tcp: write its number, such as port = 7000' },
      ],
    },
  );
  t.match(readInetdConf('i', `${odd} stream tcp nowait u /x\n`, nowhere).notCarried, [
    { message: /^services\(5\) has no port of [ -~]*$/ },
  ]);
});

t.test('empty lines, continued lines and open brackets take no more time than others', async (t) => {
  const many = 300_000;
  t.equal(isXinetdText(`${'\n'.repeat(many)}x`), false);
  t.equal(isXinetdText(`${'\n'.repeat(many)}defaults\n{\n}\n`), true);
  const line = `1 stream tcp nowait nobody /bin/x${'\n x'.repeat(many)}\n`;
  t.equal(readInetdConf('i', line, host).services[0]?.arguments.length, many - 1);
  t.same(readToml('a.toml', `[defaults]\nbanner = """\n${'['.repeat(many)}\n"""\n`).services, []);
});
