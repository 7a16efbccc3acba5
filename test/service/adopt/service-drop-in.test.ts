// From a service as systemd describes it to its drop-in.
import t from 'tap';

import type { Adoption } from '../../../lib/service/adopt/adoption.ts';
import { chooseIdentity } from '../../../lib/service/adopt/identity.ts';
import { configurationChecks } from '../../../lib/service/adopt/configuration-check.ts';
import { chooseEntry } from '../../../lib/service/adopt/identity.ts';
import { conditionsOf, limitsOf } from '../../../lib/service/adopt/installed/installed-service.ts';
import { forgeableLogs } from '../../../lib/service/adopt/installed/unit-mounts.ts';
import { dropInText, isTaken } from '../../../lib/service/adopt/service-drop-in.ts';
import { knownDaemon } from '../../../lib/service/adopt/installed/known-daemons.ts';
import { loginRefusal, refusalOf } from '../../../lib/service/adopt/service-refusal.ts';
import { adopted, daemon, installed, line } from '../../support/service/described.ts';

const text = (adoption: Adoption): string => dropInText(adoption, '1.0');

t.test('a service with User= starts as that user, with its ambient capabilities only', async (t) => {
  const { user, caps, isChosen } = chooseIdentity(
    installed({ ...daemon, User: 'web', AmbientCapabilities: 2 ** 10 }),
  );
  t.same({ user, caps, isChosen }, { user: 'web', caps: ['net_bind_service'], isChosen: false });
});

t.test('a service of root takes the account that it is known to work as', async (t) => {
  const named = installed({ ExecStartEx: [line('/usr/sbin/named -f')] });
  t.match(chooseIdentity(named), { user: 'bind', caps: ['net_bind_service'], isChosen: true });
  t.match(chooseIdentity(named, { user: 'root' }), { user: 'root', isChosen: false });
  t.match(text(adopted(named)), /^User=bind$/m);
});

t.test(
  'a line that a unit starts as root in spite of User= does so in the jail, and no other line does',
  async (t) => {
    const clock = installed({
      ExecStartEx: [line('/usr/sbin/clockd', 'no-setuid')],
      ExecStartPostEx: [line('/usr/bin/other')],
      ExecStopPostEx: [line('/usr/bin/last', 'no-setuid')],
      User: 'clock',
      Group: 'clock',
      Conditions: [['ConditionCapability', false, false, 'CAP_SYS_TIME']],
    });
    const { user, group, caps } = chooseIdentity(clock);
    t.match({ user, group }, { user: 'root', group: undefined });
    t.ok(caps.includes('sys_time'), 'the condition names it');
    const without = { Conditions: [['ConditionCapability', false, true, 'CAP_SYS_TIME']] };
    t.notOk(
      chooseIdentity(installed({ ...daemon, ...without })).caps.includes('sys_time'),
      'it starts where the capability is missing',
    );
    const withIt = { Conditions: [['ConditionCapability', false, false, 'CAP_SYS_TIME']] };
    t.ok(chooseIdentity(installed({ ...daemon, ...withIt })).caps.includes('sys_time'));
    const found = text(adopted(clock));
    t.match(found, /^ExecStart=!\/var\/lib\/uchroot\//m);
    t.match(found, /^ExecStartPost=\/usr\/bin\/other$/m);
    t.match(found, /^ExecStopPost=\+\/usr\/bin\/last$/m);
    t.match(found, /^SystemCallFilter=@clock$/m);
    t.notMatch(found, /^(ProtectClock|User)=/m);
    t.match(text(adopted(installed(daemon))), /^ProtectClock=yes$/m);
  },
);

t.test('systemd writes to no file in a directory of the service', async (t) => {
  const settings = {
    ...daemon,
    StandardOutput: 'append',
    StandardError: 'inherit',
    StandardFiles: ['/var/log/web/out'],
  };
  const logs = (path: string, isReadOnly = false) => forgeableLogs(settings, [{ path, isReadOnly }]);
  t.same(logs('/var/log/web'), ['/var/log/web/out']);
  t.same([...logs('/var/log/other'), ...logs('/var/log/web', true)], []);
  const found = text(adopted(installed(settings), { forgeableLogs: ['/var/log/web/out'] }));
  t.match(found, /^StandardOutput=journal$/m);
  t.notMatch(found, /^StandardError=/m);
});

t.test('a log that was removed is there again at the next start', async (t) => {
  const paths = [{ path: '/var/log/web.log', isReadOnly: false, isOptional: true }];
  t.match(
    text(adopted(installed(daemon), { paths })),
    /^ExecStartPre=-\+:\/usr\/bin\/touch -a \/var\/log\/web.log$/m,
  );
  t.notMatch(
    text(adopted(installed({ ...daemon, User: 'web' }), { paths })),
    'touch',
    'its user could not make it',
  );
});

t.test('the paths of /etc without which a unit does not start are its configuration', async (t) => {
  t.same(
    conditionsOf({
      Conditions: [
        ['ConditionPathExists', false, false, '/etc/web.conf'],
        ['ConditionPathExists', false, true, '/etc/web.off'],
        ['ConditionPathExists', false, false, '/run/web'],
      ],
      Asserts: [['AssertFileNotEmpty', false, false, '/etc/web.key']],
    }),
    ['/etc/web.conf', '/etc/web.key'],
  );
});

t.test('no capability goes beyond the bounding set of the unit', async (t) => {
  const nginx = { ExecStartEx: [line('/usr/sbin/nginx')], CapabilityBoundingSet: 2 ** 10 + 2 ** 21 };
  t.same(chooseIdentity(installed(nginx)).caps, ['net_bind_service']);
});

t.test(
  'systemd starts the launcher without taking the identity, and the launcher gets what it needs',
  async (t) => {
    const found = text(adopted(installed({ ...daemon, User: 'web' })));
    t.match(found, /^ExecStart=\nExecStart=!\/var\/lib\/uchroot\/services\/web.service\/1\/start$/m);
    t.match(
      found,
      /^CapabilityBoundingSet=\nCapabilityBoundingSet=CAP_SETGID CAP_SETPCAP CAP_SETUID CAP_SYS_CHROOT$/m,
    );
    t.match(
      found,
      /^SystemCallFilter=@system-service\nSystemCallFilter=~io_uring_setup .*\nSystemCallErrorNumber=EPERM\nSystemCallFilter=chroot /m,
    );
  },
);

t.test('a failure that the unit ignores stays ignored', async (t) => {
  const service = installed({ ExecStartEx: [line('/usr/bin/web', 'ignore-failure')], User: 'web' });
  t.match(text(adopted(service)), /^ExecStart=-!\/var/m);
});

t.test('paths of the host are mounted into the jail, configuration read-only', async (t) => {
  const paths = [
    { path: '/var/lib/web', isReadOnly: false, isOptional: false },
    { path: '/etc/web', isReadOnly: true, isOptional: true },
    { path: '/srv/100%', isReadOnly: false, isOptional: false },
  ];
  const jail = '/var/lib/uchroot/services/web.service/1/jail';
  const service = installed({ ...daemon, User: 'web' });
  const found = text(adopted(service, { paths }));
  t.match(found, `BindPaths=/var/lib/web:${jail}/var/lib/web\n`);
  t.match(found, `BindReadOnlyPaths=-/etc/web:${jail}/etc/web\n`);
  t.match(found, `BindPaths=/srv/100%%:${jail}/srv/100%%\n`);
  const entered = text(adopted(service, { paths, entry: 'systemd' }));
  t.match(entered, `RootDirectory=${jail}\nBindPaths=/var/lib/web\nBindReadOnlyPaths=-/etc/web\n`);
  t.notMatch(entered, 'ExecStart', 'systemd keeps the line of the unit');
});

t.test('a path that the unit lets the service write stays writable', async (t) => {
  const paths = [{ path: '/etc/web', isReadOnly: true, isOptional: true }];
  const service = installed({ ...daemon, User: 'web', ReadWritePaths: ['-/etc/web'] });
  t.match(text(adopted(service, { paths })), /^BindPaths=-\/etc\/web:/m);
});

t.test('a service that systemd describes as its own vendor does keeps stricter settings', async (t) => {
  const strict = {
    User: 'web',
    PrivateTmp: true,
    PrivateUsers: true,
    NoExecPaths: ['/'],
    RestrictAddressFamilies: [true, ['AF_UNIX']],
    // systemd itself adds @default, with the first two
    SystemCallFilter: [true, ['execve', 'exit_group', 'read', 'write']],
  };
  const found = text(adopted(installed({ ...daemon, ...strict })));
  t.notMatch(found, 'RestrictAddressFamilies');
  t.notMatch(found, '@system-service');
  t.match(found, /^SystemCallFilter=capget capset chdir chroot /m, 'what the launcher needs is added');
  t.notMatch(found, /^SystemCallFilter=.*\bread\b/m, 'and nothing that is allowed');
  t.match(found, 'PrivateUsers=no');
  t.match(found, 'ExecPaths=/var/lib/uchroot/services/web.service/1\n');
});

t.test('a service that speaks to systemd gets its socket, one that makes code may execute it', async (t) => {
  const silent = text(adopted(installed({ ...daemon, User: 'web' })));
  t.notMatch(silent, '/run/systemd/notify');
  t.match(silent, 'MemoryDenyWriteExecute=yes');
  const facts = { jailFacts: { compilesCode: true, usesSyslog: true } };
  const found = text(adopted(installed({ ...daemon, User: 'web', Type: 'notify' }), facts));
  t.match(found, 'BindReadOnlyPaths=/run/systemd/notify:');
  t.match(found, 'BindReadOnlyPaths=-/run/systemd/journal/dev-log:');
  t.notMatch(found, 'MemoryDenyWriteExecute');
});

t.test('a pid file in a directory of its own jail is read there, by the lines of the host too', async (t) => {
  const service = installed({
    ...daemon,
    PIDFile: '/run/web.pid',
    ExecStopEx: [line('/sbin/start-stop-daemon --stop --pidfile /run/web.pid', 'ignore-failure')],
  });
  const jail = '/var/lib/uchroot/services/web.service/1/jail';
  const found = text(adopted(service));
  t.match(found, `PIDFile=${jail}/run/web.pid\n`);
  t.match(found, `ExecStop=-+/sbin/start-stop-daemon --stop --pidfile ${jail}/run/web.pid\n`);
  const shared = { paths: [{ path: '/run', isReadOnly: false, isOptional: false }] };
  t.notMatch(text(adopted(service, shared)), 'PIDFile=');
});

t.test('lines of the daemon itself run in the jail, lines of other programs on the host', async (t) => {
  const service = installed({
    ExecStartPreEx: [line('/usr/bin/web -t'), line('/bin/mkdir -p /run/web')],
    ExecStartEx: [line('/usr/bin/web $OPTIONS')],
    ExecReloadEx: [line('/bin/kill -HUP $MAINPID')],
    Environment: ['OPTIONS=-a "b c"'],
  });
  const adoption = adopted(service);
  t.same(
    adoption.own.map(({ name, argv }) => [name, argv]),
    [
      ['start-pre-1', ['/usr/bin/web', '-t']],
      ['start', ['/usr/bin/web', '-a', 'b c']],
    ],
  );
  t.same(adoption.checks, [['/usr/bin/web', '-t']]);
  const found = text(adoption);
  t.match(found, 'ExecStartPre=/var/lib/uchroot/services/web.service/1/start-pre-1\n');
  t.match(found, 'ExecStartPre=+/bin/mkdir -p /run/web\n');
  t.match(found, 'ExecReload=+/bin/kill -HUP $MAINPID\n');
  const [check] = configurationChecks(adoption);
  t.match(check?.text, 'ExecStart=/var/lib/uchroot/services/web.service/1/check-1\n');
  t.match(check?.text, 'Environment="OPTIONS=-a \\"b c\\""\n');
});

t.test('a line of an interpreter is no test of the configuration: it may change anything', async (t) => {
  const service = installed({
    ExecStartPreEx: [line('/usr/bin/python3 /opt/web/migrate.py')],
    ExecStartEx: [line('/usr/bin/python3 /opt/web/serve.py')],
  });
  t.same(adopted(service).checks, []);
});

t.test('directories of the service have their names in its command line', async (t) => {
  const service = installed({
    ExecStartEx: [
      line('/usr/bin/web ${STATE_DIRECTORY}/db ${CREDENTIALS_DIRECTORY}/key ${GONE} $$HOME ${OTHER}'),
    ],
    StateDirectory: ['web'],
    SetCredential: [['key', []]],
    Environment: ['GONE=1', 'OTHER=2'],
    UnsetEnvironment: ['GONE'],
  });
  const { own, entry } = adopted(service);
  t.equal(entry, 'launcher');
  t.same(own[0]?.argv, [
    '/usr/bin/web',
    '/var/lib/web/db',
    '/run/credentials/web.service/key',
    '',
    '$HOME',
    '2',
  ]);
});

t.test('a line of the host without the identity of the unit has all privileges, by one sign', async (t) => {
  const service = installed({ ...daemon, ExecStartPreEx: [line('/bin/mkdir /run/web', 'no-setuid')] });
  t.match(text(adopted(service)), 'ExecStartPre=+/bin/mkdir /run/web\n');
});

t.test('a drop-in counts if systemd starts its launcher, or has its root directory', async (t) => {
  const service = installed(daemon);
  const [byLauncher, bySystemd] = [text(adopted(service)), text(adopted(service, { entry: 'systemd' }))];
  const directory = '/var/lib/uchroot/services/web.service/1';
  t.notOk(isTaken(byLauncher, service));
  t.notOk(isTaken(bySystemd, service));
  t.ok(isTaken(byLauncher, installed({ ExecStartEx: [line(`${directory}/start`)] })));
  t.ok(isTaken(bySystemd, installed({ ...daemon, RootDirectory: `${directory}/jail` })));
  t.notOk(isTaken(byLauncher, installed({ ExecStartEx: [line(`${directory}0/start`)] })));
});

t.test('limits that a launch would lower stay as the unit has them', async (t) => {
  const infinity = 2 ** 64;
  t.same(limitsOf({ LimitCORE: infinity, LimitCORESoft: 0, LimitSTACK: infinity, LimitSTACKSoft: 2 ** 24 }), {
    stack: { soft: 2 ** 24, hard: Infinity },
  });
  t.same(limitsOf({ LimitCORE: infinity, LimitCORESoft: infinity }), {
    core: { soft: Infinity, hard: Infinity },
  });
});

t.test('daemons whose configuration in Debian names the key of the host get it', async (t) => {
  for (const program of ['/usr/bin/pg_ctlcluster', '/usr/sbin/postfix'])
    t.ok(knownDaemon(program).paths?.includes('/etc/ssl/private/ssl-cert-snakeoil.key'), program);
});

t.test(
  'a test of the configuration has the system calls that the unit allows, and those that it refuses',
  async (t) => {
    const postfix = {
      ExecStartPreEx: [line('/usr/sbin/postfix check', 'privileged')],
      ExecStartEx: [line('/usr/sbin/postfix debian-systemd-start')],
    };
    const checkOf = (filter: unknown, errno = 2 ** 31 - 2): string => {
      const settings = { ...postfix, SystemCallFilter: filter, SystemCallErrorNumber: errno };
      return configurationChecks(adopted(installed(settings)))[0]?.text ?? '';
    };
    // the second line adds to the first, and alone would be all that is allowed (systemd.exec(5))
    t.match(
      checkOf([true, ['read', 'write']]),
      /^SystemCallFilter=read write$[^]*^SystemCallFilter=chroot$/m,
    );
    t.match(checkOf([false, ['ptrace']]), /^SystemCallFilter=~ptrace$/m);
    t.notMatch(checkOf([false, ['ptrace']]), 'SystemCallErrorNumber');
    t.match(checkOf([false, ['ptrace']], 13), /^SystemCallErrorNumber=13$/m);
    t.match(checkOf([false, []]), /^SystemCallFilter=@system-service/m);
    t.match(checkOf([false, []]), /^ExecStart=:\/usr\/sbin\/postfix check$/m);
  },
);

t.test('systemd enters the jail of a service that the launcher cannot start as the unit wants', async (t) => {
  const cases: readonly (readonly [Record<string, unknown>, RegExp])[] = [
    [{ ...daemon, DynamicUser: true }, /DynamicUser/],
    [{ ...daemon, OOMScoreAdjust: -900 }, /OOMScoreAdjust/],
    [{ ExecStartEx: [line('/usr/sbin/haproxy -Ws')] }, /changes its root directory/],
    [{ ...daemon, ExecReloadEx: [line('/usr/bin/web $MAINPID')] }, /MAINPID/],
    [
      {
        ...daemon,
        ExecStartPreEx: [line('/bin/true')],
        ExecReloadEx: [line('/usr/bin/web ${MAINPID}')],
      },
      /MAINPID/,
    ],
    [{ ...daemon, TimerSlackNSec: 100_000 }, /TimerSlackNSec/],
    [{ ...daemon, User: 'web', WorkingDirectory: '~' }, /^WorkingDirectory=~$/],
    [{ ...daemon, WorkingDirectory: '!/srv' }, /may be missing/],
    [{ ExecStartEx: [line('/usr/bin/web --home=${HOME}')] }, /HOME/],
    [{ ExecStartEx: [line('/usr/bin/web $TOKEN')], PassEnvironment: ['TOKEN'] }, /TOKEN/],
  ];
  for (const [settings, reason] of cases) {
    const { entry, entryReason } = adopted(installed(settings));
    t.equal(entry, 'systemd');
    t.match(entryReason, reason);
  }
});

t.test('lines with all privileges stay on the host when systemd enters the jail', async (t) => {
  const lines = { ExecStartPreEx: [line('/usr/bin/web check', 'privileged')], ...daemon, Nice: -1 };
  const startOnly = /^RootDirectory=\S+\nRootDirectoryStartOnly=yes$/m;
  t.match(text(adopted(installed(lines))), startOnly);
  t.notMatch(text(adopted(installed({ ...daemon, Nice: -1 }))), /StartOnly/);
});

t.test(
  'a service that logs in accounts of the host is refused, unless the caller knows better',
  async (t) => {
    const packed = ['/etc/ftp.conf', '/etc/pam.d/ftp'];
    t.match(loginRefusal('ftp.service', packed, []), {
      message: /it logs in accounts of the host \(\/etc\/pam.d\/ftp\)/,
      hint: /--ro-bind \/etc\/pam.d\/ftp$/,
    });
    t.equal(loginRefusal('ftp.service', packed, [{ path: '/etc/pam.d/ftp' }]), undefined);
    t.equal(loginRefusal('web.service', ['/etc/web.conf'], []), undefined);
  },
);

t.test('a service that cannot be carried is refused with the reason', async (t) => {
  t.equal(refusalOf(installed(daemon)), undefined);
  t.equal(refusalOf(installed({ ExecStartEx: [line('/usr/lib/systemd/systemd-socket-proxyd')] })), undefined);
  const cases: readonly (readonly [Record<string, unknown>, Record<string, unknown>, RegExp])[] = [
    [daemon, { LoadState: 'not-found' }, /^there is no unit web.service$/],
    [daemon, { LoadState: 'masked' }, /it is masked/],
    [daemon, { Transient: true }, /transient/],
    [{ ...daemon, Type: 'oneshot' }, {}, /oneshot/],
    ...[
      '/usr/lib/systemd/systemd-journald',
      '/lib/systemd/systemd-udevd',
      '/usr/bin/dbus-daemon --system',
    ].map(
      (start) =>
        [
          { ExecStartEx: [line(start)] },
          {},
          /^web.service cannot be adopted: \S+ works on the host itself$/,
        ] as const,
    ),
    [{ ...daemon, BusName: 'org.web' }, {}, /BusName=org.web/],
    [{ ...daemon, RootDirectory: '/srv' }, {}, /RootDirectory=\/srv/],
    [{ ...daemon, PAMName: 'login' }, {}, /PAMName=login/],
    [{ ExecStartEx: [line('/usr/bin/web', 'privileged')] }, {}, /begins with \+/],
    [{}, {}, /0 lines ExecStart=/],
    [{ ExecStartEx: [line('/bin/a'), line('/bin/b')] }, {}, /2 lines ExecStart=/],
    [{ ...daemon, ExtensionDirectories: ['/srv/x'] }, {}, /ExtensionDirectories=/],
    [{ ...daemon, MountImages: [['/srv/x.img', '/mnt', false, []]] }, {}, /MountImages=/],
    [{ ...daemon, ReadWritePaths: ['/data', '-/var'] }, {}, /ReadWritePaths=\/var: a jail shares/],
  ];
  for (const [settings, about, reason] of cases)
    t.match(refusalOf(installed(settings, about))?.message, reason);
});

t.test('a line of another program keeps the rights of root in a unit of root alone', async (t) => {
  const lines = { ...daemon, ExecStopEx: [line('/bin/rm /run/web')] };
  t.match(text(adopted(installed(lines))), '\nExecStop=+/bin/rm /run/web\n');
  t.match(text(adopted(installed({ ...lines, User: 'root' }))), '\nExecStop=+/bin/rm /run/web\n');
  t.match(text(adopted(installed({ ...lines, User: 'web' }))), '\nExecStop=/bin/rm /run/web\n');
});

t.test('a service of root writes to /run of its jail, and a pid file to its directory', async (t) => {
  const jail = '/var/lib/uchroot/services/web.service/1/jail';
  const linesOf = (settings: object): readonly string[] =>
    text(adopted(installed({ ...daemon, ...settings })))
      .split('\n')
      .filter((found) => found.startsWith('ReadWritePaths='));
  t.same(linesOf({}), [`ReadWritePaths=-${jail}/run`]);
  t.same(linesOf({ User: 'web' }), []);
  t.same(linesOf({ User: 'web', PIDFile: '/run/w/web.pid' }), [`ReadWritePaths=${jail}/run/w`]);
});

t.test('a directory in /run of the jail with mounts in it is a mount that cannot be written', async (t) => {
  const jail = '/var/lib/uchroot/services/web.service/1/jail';
  const closed = (settings: object, paths: readonly string[]): readonly string[] =>
    text(
      adopted(installed({ ...daemon, ...settings }), {
        paths: paths.map((path) => ({ path, isReadOnly: false, isOptional: false })),
      }),
    )
      .split('\n')
      .filter((found) => found.includes(':ro,mode=0755'));
  const line = (name: string) => `TemporaryFileSystem=${jail}/run/${name}:ro,mode=0755,nosuid,nodev`;
  t.same(closed({}, ['/run/web', '/var/lib/web']), []);
  t.same(closed({}, ['/run/web/a', '/run/web/b']), [line('web')]);
  t.same(closed({ Type: 'notify' }, ['/run/web']), [line('systemd')]);
  t.same(closed({ BindPaths: [['/srv/a', '/var/run/other/b', false, 0]] }, []), [line('other')]);
});

t.test('systemd enters the jail if the unit mounts where the service could put a link', async (t) => {
  const entry = (settings: object): string =>
    chooseEntry(installed({ ...daemon, ...settings }), chooseIdentity(installed(daemon)), [
      { path: '/var/lib/web', isReadOnly: false },
    ]).entry;
  const bind = (place: string, isOptional = false) => ({
    BindReadOnlyPaths: [['/srv/a', place, isOptional, 0]],
  });
  t.equal(entry(bind('/var/lib/web/a/b')), 'systemd');
  t.equal(entry(bind('/run/a', true)), 'systemd');
  t.equal(entry({ TemporaryFileSystem: [['/var/lib/web/cache', '']] }), 'systemd');
  t.equal(entry(bind('/run/a')), 'launcher');
  t.equal(entry(bind('/srv/a')), 'launcher');
});

t.test('a service with a watchdog speaks to systemd', async (t) => {
  const socket = 'BindReadOnlyPaths=/run/systemd/notify:';
  t.match(text(adopted(installed({ ...daemon, User: 'web', WatchdogUSec: 1 }))), socket);
  t.notMatch(text(adopted(installed({ ...daemon, User: 'web', WatchdogUSec: 0 }))), socket);
});

t.test('hardening is added where the unit has none, or a looser one', async (t) => {
  const has = (settings: object, setting: string): boolean =>
    text(adopted(installed({ ...daemon, User: 'web', ...settings })))
      .split('\n')
      .includes(setting);
  const families = (value: unknown): boolean =>
    has({ RestrictAddressFamilies: value }, 'RestrictAddressFamilies=');
  t.ok(families([false, ['AF_PACKET']]));
  t.notOk(families([true, []]), 'none is stricter');
  t.notOk(families([true, ['AF_UNIX']]));
  const refused = (...names: string[]): RegExp =>
    new RegExp(`^RestrictAddressFamilies=${names.join(' ')}$`, 'm');
  const without = (...names: string[]): string =>
    text(adopted(installed({ ...daemon, User: 'web', RestrictAddressFamilies: [false, names] })));
  t.match(without('AF_NETLINK', 'AF_INET6'), refused('AF_UNIX', 'AF_INET'));
  t.match(without('AF_NETLINK', 'AF_INET6', 'AF_UNIX', 'AF_INET'), refused('none'));
  t.ok(has({}, 'PrivateTmp=yes'));
  t.ok(has({ PrivateTmp: false }, 'PrivateTmp=yes'));
  t.notOk(has({ PrivateTmp: true }, 'PrivateTmp=yes'));
  const home = { BindReadOnlyPaths: [['/home/web', '/home/web', false, 0]] };
  for (const [settings, value] of [
    [{}, 'yes'],
    [home, 'yes'],
    [{ ...home, Nice: -1 }, 'no'],
    [{ ...home, Nice: -1, ProtectHome: 'yes' }, 'yes'],
  ] as const)
    t.ok(has(settings, `ProtectHome=${value}`), 'systemd would hide what it mounts into the jail');
  t.notOk(has({}, 'PrivateUsers=no'));
  t.notOk(has({ PrivateUsers: true, Nice: -1 }, 'PrivateUsers=no'), 'systemd enters the jail');
  t.ok(has({}, 'SystemCallFilter=@system-service'));
  t.notOk(has({ SystemCallFilter: [true, ['read']] }, 'SystemCallFilter=@system-service'));
  t.notOk(has({}, 'ExecPaths=/var/lib/uchroot/services/web.service/1'));
});

t.test('systemd gives a user the capabilities that the service had, and no more', async (t) => {
  const linesOf = (settings: object): readonly string[] =>
    text(adopted(installed({ ...daemon, Nice: -1, ...settings })))
      .split('\n')
      .filter((found) => /^(?:AmbientCapabilities|CapabilityBoundingSet|SystemCallFilter)=/.test(found));
  const filter = 'SystemCallFilter=@system-service';
  const given = linesOf({ User: 'web', AmbientCapabilities: 2 ** 10 });
  t.same(given.slice(0, 4), [
    'CapabilityBoundingSet=',
    'CapabilityBoundingSet=CAP_NET_BIND_SERVICE',
    'AmbientCapabilities=',
    'AmbientCapabilities=CAP_NET_BIND_SERVICE',
  ]);
  t.equal(given[4], filter);
  t.notOk(given.includes('SystemCallFilter=chroot'));
  t.same(linesOf({ User: 'web' }).slice(0, 3), ['CapabilityBoundingSet=', 'AmbientCapabilities=', filter]);
  t.same(linesOf({ CapabilityBoundingSet: 2 ** 10 }).slice(0, 4), [
    'CapabilityBoundingSet=',
    'CapabilityBoundingSet=CAP_NET_BIND_SERVICE',
    'AmbientCapabilities=',
    filter,
  ]);
  const byLauncher = text(adopted(installed({ ...daemon, User: 'web', AmbientCapabilities: 2 ** 10 })));
  t.notMatch(byLauncher, 'AmbientCapabilities=CAP');
  t.match(
    text(adopted(installed({ ExecStartEx: [line('/usr/sbin/haproxy -Ws')] }))),
    /^SystemCallFilter=chroot$/m,
  );
});
