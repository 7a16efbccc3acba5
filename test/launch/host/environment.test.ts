import t from 'tap';

import type { Account } from '../../../lib/launch/host/account.ts';
import {
  buildEnvironment,
  describedNames,
  listenFds,
  lostDirectories,
  namedVariables,
  splitEntries,
  type EnvironmentInput,
} from '../../../lib/launch/host/environment.ts';
import { normalize } from '../../../lib/launch/request/request.ts';
import type { Bytes } from '../../../lib/words/quote.ts';

const sam: Account = {
  uid: 1001,
  gid: 1001,
  groups: [1001],
  memberships: [1001],
  name: 'sam',
  home: '/home/sam',
  shell: '/bin/bash',
};

interface Given extends Partial<Pick<EnvironmentInput, 'account'>> {
  readonly inPlace?: boolean;
  /** Entries of the caller's environment. */
  readonly caller?: readonly string[];
  readonly env?: Readonly<Record<string, Bytes | undefined>>;
  readonly keepEnv?: boolean;
  readonly passEnv?: readonly string[];
  readonly jail?: string;
}

function build(given: Given): readonly string[] {
  const { account = sam, caller = [], env, inPlace = true, keepEnv, passEnv, jail = '/' } = given;
  const entries = buildEnvironment({
    account,
    request: normalize({ user: 'sam', jail, env, keepEnv, passEnv }),
    caller: {
      environment: splitEntries(caller.map((entry) => Buffer.from(entry, 'latin1'))),
      inPlace,
      pid: 77,
    },
  });
  return entries.map((entry) => entry.toString('latin1')).toSorted();
}

const own = [
  'HOME=/home/sam',
  'LOGNAME=sam',
  'PATH=/usr/local/bin:/usr/bin:/bin',
  'SHELL=/bin/bash',
  'USER=sam',
];

t.test('of an empty environment the account and a path remain', async (t) => {
  t.same(build({}), own);
});

t.test('of what the caller has, terminal, language and time zone go along and nothing else', async (t) => {
  const described = ['COLORTERM=truecolor', 'LANG=C.UTF-8', 'LC_ALL=C', 'TERM=xterm', 'TZ=UTC'];
  const others = [
    'AWS_SECRET_ACCESS_KEY=x',
    'HOME=/root',
    'LD_PRELOAD=/x.so',
    'LC_EVIL=x',
    'NODE_OPTIONS=--x',
    'PATH=/root/bin',
    'PWD=/root',
    'SHELL=/bin/zsh',
    'SUDO_USER=eve',
    'USER=root',
    'term=x',
  ];
  t.same(build({ caller: [...others, ...described] }), [...own, ...described].toSorted());
});

t.test('--keep-env keeps what it does not know, and the path', async (t) => {
  const kept = build({ keepEnv: true, caller: ['EDITOR=vi', 'PATH=/opt/bin', 'MY_VARIABLE='] });
  t.same(
    kept,
    [
      ...own.filter((entry) => !entry.startsWith('PATH=')),
      'EDITOR=vi',
      'MY_VARIABLE=',
      'PATH=/opt/bin',
    ].toSorted(),
  );
});

t.test(
  '--keep-env keeps no variable that makes a loader, a shell or an interpreter run something',
  async (t) => {
    const dangerous = [
      'LD_PRELOAD',
      'LD_LIBRARY_PATH',
      'LD_AUDIT',
      'LD_',
      'GLIBC_TUNABLES',
      'GCONV_PATH',
      'LOCPATH',
      'NODE_OPTIONS',
      'NODE_PATH',
      'NODE_EXTRA_CA_CERTS',
      'npm_config_node_options',
      'BASH_ENV',
      'ENV',
      'BASH_FUNC_ls%%',
      'BASH_FUNC_a\nb%%',
      'LD_PRELOAD\n',
      'SHELLOPTS',
      'IFS',
      'PS4',
      'PERL5LIB',
      'PERLLIB',
      'PERL5OPT',
      'PYTHONPATH',
      'PYTHONSTARTUP',
      'RUBYOPT',
      'JAVA_TOOL_OPTIONS',
      'OPENSSL_CONF',
      'TMPDIR',
      'XDG_RUNTIME_DIR',
      'DBUS_SESSION_BUS_ADDRESS',
      'SSH_AUTH_SOCK',
      'SUDO_COMMAND',
      'PWD',
      'OLDPWD',
      'MAIL',
    ];
    t.same(build({ keepEnv: true, caller: dangerous.map((name) => `${name}=x`) }), own);
  },
);

t.test('--keep-env keeps names that only begin like a dangerous one', async (t) => {
  for (const name of ['LDAP_HOST', 'ENVIRONMENT', 'PWDX', 'MYLD_PRELOAD', 'NODES', 'IFSX']) {
    t.ok(build({ keepEnv: true, caller: [`${name}=x`] }).includes(`${name}=x`), name);
  }
});

t.test('the identity is that of the account, also with --keep-env', async (t) => {
  t.same(
    build({ keepEnv: true, caller: ['HOME=/root', 'USER=root', 'LOGNAME=root', 'SHELL=/bin/zsh'] }),
    own,
  );
});

t.test('a uid without a name has no USER and no LOGNAME, not even the caller’s', async (t) => {
  const account: Account = { ...sam, name: undefined, home: '/' };
  const built = build({ account, keepEnv: true, caller: ['USER=root', 'LOGNAME=root'] });
  t.same(built, ['HOME=/', 'PATH=/usr/local/bin:/usr/bin:/bin', 'SHELL=/bin/bash']);
});

t.test('root has the path of root', async (t) => {
  t.ok(
    build({ account: { ...sam, uid: 0 } }).includes(
      'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    ),
  );
});

t.test('what the request sets comes over everything, and what it leaves out is gone', async (t) => {
  const built = build({
    keepEnv: true,
    caller: ['A=caller', 'B=caller', 'TERM=xterm'],
    env: {
      A: 'request',
      B: undefined,
      PATH: '/jail/bin',
      HOME: undefined,
      LD_PRELOAD: '/own.so',
      ['__proto__']: 'x',
    },
  });
  t.same(built, [
    'A=request',
    'LD_PRELOAD=/own.so',
    'LOGNAME=sam',
    'PATH=/jail/bin',
    'SHELL=/bin/bash',
    'TERM=xterm',
    'USER=sam',
    '__proto__=x',
  ]);
});

t.test('the init system’s variables reach a program in place, and no other', async (t) => {
  const caller = ['NOTIFY_SOCKET=/run/x', 'WATCHDOG_USEC=5', 'WATCHDOG_PID=77'];
  t.same(build({ caller }), [...own, ...caller].toSorted());
  t.same(build({ caller, keepEnv: true }), [...own, ...caller].toSorted());
  t.same(build({ caller, inPlace: false, keepEnv: true }), own);
});

t.test('socket activation goes along only if it is meant for this process', async (t) => {
  const caller = ['LISTEN_FDS=2', 'LISTEN_FDNAMES=a:b'];
  t.same(build({ caller: [...caller, 'LISTEN_PID=77'] }), [...own, ...caller, 'LISTEN_PID=77'].toSorted());
  t.same(build({ caller: [...caller, 'LISTEN_PID=78'] }), own);
  t.same(build({ caller }), own);
});

t.test(
  'descriptors of socket activation are counted only with the matching pid and a plain number',
  async (t) => {
    const count = (fds: string, pid: string): number =>
      listenFds(splitEntries([Buffer.from(`LISTEN_FDS=${fds}`), Buffer.from(`LISTEN_PID=${pid}`)]), 77);
    t.equal(count('3', '77'), 3);
    for (const fds of ['', '0', '-1', '03', '3 ', '0x3', '1e3', '999999']) t.equal(count(fds, '77'), 0, fds);
    for (const pid of ['', '78', '077', ' 77', '77 ']) t.equal(count('3', pid), 0, pid);
  },
);

t.test('a variable that is named passes, whatever it is called', async (t) => {
  const caller = ['A=1', 'B=2', 'LD_PRELOAD=/x.so', 'É=é'].map((entry) =>
    Buffer.from(entry).toString('latin1'),
  );
  t.same(
    build({ caller, passEnv: ['A', 'LD_PRELOAD', 'É', 'NONE'] }),
    [...own, 'A=1', 'LD_PRELOAD=/x.so', caller[3] ?? ''].toSorted(),
  );
  t.same(build({ caller: ['A=1'], passEnv: ['A'], env: { A: 'set' } }), [...own, 'A=set'].toSorted());
  t.same(build({ caller: ['LISTEN_FDS=1', 'LISTEN_PID=78'], passEnv: ['LISTEN_FDS'] }), own);
});

t.test('a variable of the account that is named is the one of the caller, if he has it', async (t) => {
  const caller = ['HOME=/var/lib/app', 'PATH=/opt/bin'];
  const built = build({ caller, passEnv: ['HOME', 'PATH', 'USER', 'NOTIFY_SOCKET'] });
  const others = own.filter((entry) => !/^(?:HOME|PATH)=/.test(entry));
  t.same(built, [...others, ...caller].toSorted());
  t.same(
    build({ caller, passEnv: ['HOME'], env: { HOME: '/set' } }).filter((entry) => entry.startsWith('HOME=')),
    ['HOME=/set'],
  );
});

t.test('a directory of the service manager has the path of the jail, or is left out', async (t) => {
  const directoriesOf = (jail: string, entry: string): readonly string[] =>
    build({ jail, keepEnv: true, caller: [entry] }).filter((built) => !own.includes(built));
  t.same(directoriesOf('/srv/www/', 'STATE_DIRECTORY=/srv/www/var/lib/x'), ['STATE_DIRECTORY=/var/lib/x']);
  t.same(directoriesOf('/srv/www', 'STATE_DIRECTORY=/srv/www/../x:/srv/www/..:/srv/www/..a'), [
    'STATE_DIRECTORY=/..a',
  ]);
  t.same(directoriesOf('/srv//./www', 'CACHE_DIRECTORY=/srv/www'), ['CACHE_DIRECTORY=/']);
  t.same(directoriesOf('/srv/../srv/www', 'CACHE_DIRECTORY=/srv/www'), [], '/srv may be a link');
  t.same(directoriesOf('/srv/www', 'LOGS_DIRECTORY=/srv/www/a:/var/log/b:/srv/www/c'), [
    'LOGS_DIRECTORY=/a:/c',
  ]);
  t.same(directoriesOf('/', 'STATE_DIRECTORY=/var/lib/x'), ['STATE_DIRECTORY=/var/lib/x']);
  for (const outside of ['/run/credentials/x', '/srv/www2', 'srv/www/x', ''])
    t.same(directoriesOf('/srv/www', `CREDENTIALS_DIRECTORY=${outside}`), [], outside);
  t.same(directoriesOf('/srv/www', 'OTHER_DIRECTORY=/var/x'), ['OTHER_DIRECTORY=/var/x']);
});

t.test('of a name that comes twice the first counts', async (t) => {
  t.same(build({ caller: ['TERM=first', 'TERM=second'] }), [...own, 'TERM=first'].toSorted());
  t.same(build({ keepEnv: true, caller: ['A=1', 'A=2', 'LD_PRELOAD=x', 'LD_PRELOAD=y'] }), ['A=1', ...own]);
});

t.test('an entry without = or without a name is left out', async (t) => {
  t.same(build({ keepEnv: true, caller: ['TERM', '', '=x', '=TERM=x'] }), own);
});

t.test('names and values are kept byte for byte', async (t) => {
  t.ok(build({ keepEnv: true, caller: ['N\xff=\x80\n=\xfe'] }).includes('N\xff=\x80\n=\xfe'));
  t.ok(build({ env: { ['é']: Buffer.from([0xff]) } }).includes('\xc3\xa9=\xff'));
});

t.test('a service reads only what every program gets', async (t) => {
  t.same(namedVariables({ TERM: 'xterm', LANG: undefined, LD_PRELOAD: 'x', HOME: '/root' }, describedNames), [
    ['TERM', Buffer.from('xterm')],
  ]);
});

const named = [
  ['STATE_DIRECTORY', Buffer.from('/srv/www/var/lib/x:/var/lib/x:/var/lib/y')],
  ['CREDENTIALS_DIRECTORY', Buffer.from('/run/credentials/x.service')],
  ['OTHER', Buffer.from('/var/lib/x')],
] as const;

t.test('what is left out of a variable is told, if the variable would pass', async (t) => {
  const lost = (request: object) =>
    lostDirectories(normalize({ user: 'sam', jail: '/srv/www', ...request }), named);
  t.same(lost({}), []);
  t.same(lost({ passEnv: ['STATE_DIRECTORY'] }), [
    {
      message: 'environment: STATE_DIRECTORY: /var/lib/x:/var/lib/y is outside the jail, and is left out',
      hint: 'mount it into the jail (BindPaths=), and say where with --setenv STATE_DIRECTORY=PATH',
    },
  ]);
  t.equal(lost({ keepEnv: true }).length, 2);
  t.same(lost({ keepEnv: true, env: { STATE_DIRECTORY: '/x', CREDENTIALS_DIRECTORY: undefined } }), []);
});
