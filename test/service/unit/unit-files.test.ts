// What units hold, and what is refused. Whether the init systems understand them is seen in *.root.test.ts.
import t from 'tap';

import { findRefusal, unitFiles } from '../../../lib/service/unit/unit-files.ts';
import { systemdWord } from '../../../lib/service/unit/systemd-unit.ts';
import { formats, type Format, type Unit } from '../../../lib/service/unit/service-unit.ts';

function makeUnit(format: Format, changes: Partial<Unit> = {}): Unit {
  return {
    format,
    name: 'www',
    description: 'nginx in the jail /srv/www',
    command: ['/usr/bin/node', '/usr/bin/uchroot'],
    options: ['--cap=net_bind_service'],
    operands: ['www-data', '/srv/www', '/usr/sbin/nginx', '-g', 'daemon off;'],
    listen: [],
    accept: false,
    notify: false,
    hasWaiter: false,
    hasCgroup: false,
    hasRelay: false,
    watchdogSec: undefined,
    reloadSignal: undefined,
    update: undefined,
    syslog: false,
    compiled: undefined,
    state: [],
    runtime: [],
    credentials: [],
    settings: [],
    pidFile: '/run/www.pid',
    version: '0.1.0',
    ...changes,
  };
}

const textsOf = (unit: Unit): Readonly<Record<string, string>> =>
  Object.fromEntries(unitFiles(unit).map(({ path, text }) => [path, text]));

t.test('a unit for systemd is this', async (t) => {
  t.equal(
    textsOf(makeUnit('systemd'))['www.service'],
    `# Made by uchroot 0.1.0 --unit systemd. The paths of node and uchroot are those of that moment:
# make it again when one of them moves.
[Unit]
Description=nginx in the jail /srv/www
After=network.target nss-user-lookup.target
RequiresMountsFor=/srv/www
StartLimitIntervalSec=10
StartLimitBurst=5

[Service]
# Options of uchroot stand for two settings that do not reach the program: LimitNOFILE=, which Node covers with a limit of
# its own, is --rlimit nofile=N, and variables of Environment= pass with --pass-env NAME.
Type=exec
ExecStart=/usr/bin/node /usr/bin/uchroot --service-status --unsetenv=NOTIFY_SOCKET --cap=net_bind_service www-data /srv/www /usr/sbin/nginx -g "daemon off;"
NotifyAccess=main
KillMode=mixed
SyslogIdentifier=www
ExecStop=/bin/sh -c "[ -z \\"$$MAINPID\\" ] || exit 0; while IFS=: read -r id none group && [ \\"$$id\\" != 0 ]; do :; done </proc/self/cgroup; list=/sys/fs/cgroup$$group/cgroup.procs; left() { while read -r pid; do [ \\"$$pid\\" = $$$$ ] || return 0; done <\\"$$list\\"; return 1; }; [ -r \\"$$list\\" ] && left && sleep 1 && left || exit 0; echo \\"the program has ended, and left processes behind: it has to stay in the foreground\\" >&2; exit 1"
Restart=on-failure
RestartSec=1
RestartSteps=5
RestartMaxDelaySec=30
RestartPreventExitStatus=0 250

[Install]
WantedBy=multi-user.target
`,
  );
});

t.test('with addresses there is a socket unit, and the service wants it', async (t) => {
  const files = textsOf(makeUnit('systemd', { listen: ['80', '[::1]:81', '/run/a%b'] }));
  t.same(Object.keys(files), ['www.service', 'www.socket']);
  t.match(files['www.service'], /^Requires=www\.socket$/m);
  t.match(files['www.service'], /^After=.* www\.socket$/m);
  t.match(files['www.service'], /^Also=www\.socket$/m);
  t.match(files['www.socket'], 'ListenStream=80\nListenStream=[::1]:81\nListenStream=/run/a%%b\nAccept=no\n');
});

t.test('a service for each connection is a template, which is not started again', async (t) => {
  const files = textsOf(makeUnit('systemd', { listen: ['80'], accept: true }));
  t.same(Object.keys(files), ['www@.service', 'www.socket']);
  t.match(files['www@.service'], 'StandardInput=socket\nStandardOutput=socket\nStandardError=journal\n');
  t.notMatch(files['www@.service'], /Restart|Install|ExecStop/);
});

t.test('every unit asks for statuses that no program has, and acts on those alone', async (t) => {
  for (const format of formats) {
    const texts = Object.values(textsOf(makeUnit(format))).join('');
    t.match(texts, /--service-status /, format);
    t.notMatch(texts, /\b12[67]\b/, format);
  }
  t.match(textsOf(makeUnit('runit'))['www/finish'], '\n250) printf d >supervise/control ;;\n');
  t.match(textsOf(makeUnit('s6'))['www/finish'], '\n250) exit 125 ;;\n');
});

t.test('the socket of systemd reaches the program only where it is asked for', async (t) => {
  const launchOf = (changes: Partial<Unit>): string =>
    /^ExecStart=.*/m.exec(textsOf(makeUnit('systemd', changes))['www.service'] ?? '')?.[0] ?? '';
  t.match(launchOf({}), ' --unsetenv=NOTIFY_SOCKET ');
  t.notMatch(launchOf({ notify: true }), 'NOTIFY_SOCKET');
  t.notMatch(launchOf({ watchdogSec: 3 }), 'NOTIFY_SOCKET');
});

t.test('a reload can bring the jail up to date first', async (t) => {
  const changes = {
    reloadSignal: 'HUP',
    update: ['/usr/bin/node', '/usr/bin/uchroot jail', 'update', '/srv/www'],
  };
  t.match(
    textsOf(makeUnit('systemd', changes))['www.service'],
    `ExecReload=/bin/sh -c "/usr/bin/node '/usr/bin/uchroot jail' update /srv/www || [ $$? -eq 3 ]"
ExecReload=/bin/sh -c "kill -s HUP $$MAINPID"
`,
  );
  t.match(
    textsOf(makeUnit('sysv', changes))['www'],
    `	/usr/bin/node '/usr/bin/uchroot jail' update /srv/www || [ $? -eq 3 ] || return 1
	kill -s HUP "$pid"
`,
  );
  t.match(
    textsOf(makeUnit('openrc', changes))['www'],
    `	/usr/bin/node '/usr/bin/uchroot jail' update /srv/www || [ $? -eq 3 ] || { eend $?; return 1; }
`,
  );
});

t.test('each socket is mounted only if it is asked for', async (t) => {
  const mountsOf = (changes: Partial<Unit>): readonly string[] =>
    textsOf(makeUnit('systemd', changes))['www.service']?.match(/^(?:BindPaths|TemporaryFile\w+)=.*/gm) ?? [];
  const tmpfs = 'TemporaryFileSystem="/srv/www/run/systemd:ro,mode=0755,nosuid,nodev,noexec,size=64k"';
  const bind = (socket: string): string => `BindPaths=/run/systemd/${socket}:/srv/www/run/systemd/${socket}`;
  t.same(mountsOf({}), []);
  t.same(
    mountsOf({ notify: true }),
    [tmpfs, bind('notify')].map((line) => line.replaceAll('"', '')),
  );
  t.same(mountsOf({ watchdogSec: 3 }).slice(1), [bind('notify')]);
  t.same(mountsOf({ syslog: true }).slice(1), [bind('journal/dev-log')]);
  t.same(mountsOf({ notify: true, syslog: true }).slice(1), [bind('notify'), bind('journal/dev-log')]);
});

t.test('what means something to systemd is escaped in a word', async (t) => {
  t.equal(systemdWord('plain/word-1.2:3,4=5@6+7'), 'plain/word-1.2:3,4=5@6+7');
  t.equal(systemdWord(''), '""');
  t.equal(systemdWord('a "b" \\ %n $HOME\n\t\u0001'), '"a \\"b\\" \\\\ %%n $$HOME\\n\\t\\x01"');
});

t.test('what an init system cannot do is refused, with the reason', async (t) => {
  const cases: readonly (readonly [Format, Partial<Unit>, RegExp])[] = [
    ['runit', { listen: ['80'] }, /^--listen: runit opens no sockets/],
    ['s6', { watchdogSec: 1 }, /^--watchdog: s6 has no watchdog/],
    ['openrc', { syslog: true }, /^--syslog: openrc mounts nothing into a jail/],
    ['sysv', { notify: true }, /^--notify: sysv does not wait/],
    ['runit', { reloadSignal: 'HUP' }, /^--reload-signal: runit sends any signal itself/],
    ['sysv', { options: ['--die-with-parent'] }, /^--die-with-parent: the script/],
    ['systemd', { operands: ['www', '/srv/www', '/x', '\xff'] }, /^'\\xff' is not UTF-8, and systemctl/],
    ['systemd', { operands: ['www', "/srv/it's", '/x'] }, /has a quote/],
    ['systemd', { operands: ['www', '/srv/a:b', '/x'], notify: true }, /has a ':'/],
    ['systemd', { operands: ['www', '/srv/a:b', '/x'], state: ['www'] }, /has a ':'/],
    ['systemd', { operands: ['www', '/srv/a:b', '/x'], runtime: ['www'] }, /has a ':'/],
    ['systemd', { operands: ['www', '/srv/a:b', '/x'], credentials: ['key'] }, /has a ':'/],
  ];
  for (const [format, changes, reason] of cases)
    t.match(findRefusal(makeUnit(format, changes)), { message: reason, hint: /^\w.+/ });
  for (const format of formats) t.equal(findRefusal(makeUnit(format)), undefined, format);
  t.equal(findRefusal(makeUnit('s6', { notify: true })), undefined);
  t.equal(findRefusal(makeUnit('systemd', { operands: ['www', '/srv/a:b', '/x'] })), undefined);
});

t.test('no line of a comment or header can be left by a description', async (t) => {
  for (const format of formats) {
    const texts = Object.values(textsOf(makeUnit(format, { description: '/x%n in the jail /a\\nb' }))).join(
      '',
    );
    t.notMatch(texts, /^b/m, format);
  }
  t.match(textsOf(makeUnit('systemd', { description: '%n' }))['www.service'], 'Description=%%n\n');
});

t.test('a user whose name looks like an option is none', async (t) => {
  for (const format of formats) {
    const texts = Object.values(textsOf(makeUnit(format, { operands: ['-x', '/srv/www', '/x'] }))).join('');
    t.match(texts, /-- -x \/srv\/www \/x/, format);
  }
});

t.test('scripts are executable, and units are not', async (t) => {
  for (const format of formats) {
    for (const { path, mode } of unitFiles(makeUnit(format, { notify: format === 's6' }))) {
      const isScript =
        format !== 'systemd' && !path.endsWith('notification-fd') && !path.startsWith('logrotate.d/');
      t.equal(mode, isScript ? 0o755 : 0o644, `${format} ${path}`);
    }
  }
});

t.test('a unit mounts the directories that systemd makes, which belong to the user', async (t) => {
  const own = {
    state: ['www'],
    runtime: ['www/a'],
    credentials: ['key:/root/key'],
    operands: makeUnit('systemd').operands,
  };
  const text = textsOf(makeUnit('systemd', own))['www.service'] ?? '';
  t.match(text, /^ExecStart=!\/usr\/bin\/node /m, 'the launch takes the identity');
  t.match(
    text,
    /^User=www-data\nStateDirectory=www\nRuntimeDirectory=www\/a\nLoadCredential=key:\/root\/key$/m,
  );
  t.match(text, 'BindPaths=/var/lib/www:/srv/www/var/lib/www\n');
  t.match(text, 'BindPaths=/run/www/a:/srv/www/run/www/a\n');
  t.match(text, 'BindReadOnlyPaths=/run/credentials/%n:/srv/www/run/credentials\n');
  t.match(text, 'AssertPathIsDirectory=/srv/www/var/lib/www\n');
  const operands = ['+33:+34', '/srv/www', '/bin/www'] as const;
  t.match(
    textsOf(makeUnit('systemd', { ...own, operands: [...operands] }))['www.service'],
    'User=33\nGroup=34\n',
  );
});

t.test('a compiled unit starts the launcher alone, with its settings', async (t) => {
  const compiled = '/usr/local/sbin/www';
  const changes = { compiled, command: [compiled], settings: ['ProtectHome=yes'], reloadSignal: 'HUP' };
  const text = textsOf(makeUnit('systemd', changes))['www.service'] ?? '';
  t.match(text, /^ExecStart=\/usr\/local\/sbin\/www$/m);
  t.match(text, /^ProtectHome=yes$/m);
  t.match(text, /^ExecReload=\+\/bin\/sh -c/m, 'a reload is not hardened');
  t.notMatch(text, 'node');
  t.match(
    textsOf(makeUnit('runit', { compiled, command: [compiled] }))['www/run'],
    '\nexec /usr/local/sbin/www\n',
  );
});

t.test('what an init system cannot do with directories and launchers is refused', async (t) => {
  for (const format of formats.filter((format) => format !== 'systemd')) {
    t.match(findRefusal(makeUnit(format, { state: ['a'] })), {
      message: /^--state: /,
      hint: / --isolate --bind$/,
    });
    t.match(findRefusal(makeUnit(format, { credentials: ['a'] })), { message: /^--credential: / });
  }
  t.match(findRefusal(makeUnit('sysv', { compiled: '/a' })), { message: /^--compile: / });
  t.match(findRefusal(makeUnit('s6', { compiled: '/a', notify: true })), {
    message: /^--compile: --notify of s6/,
  });
  t.equal(findRefusal(makeUnit('openrc', { compiled: '/a' })), undefined);
});
