// An adopted service must not reach the managers of its host: on a systemd that has been booted for the purpose.
import { serviceMachine } from '../../support/adopted.ts';

const { serviceTest, machine, service, shell, isJailed } = serviceMachine('systemd-tmpfiles');

// A service of root that tries to leave, with lines of package systemd beside its own.
const open = `cat >/usr/local/bin/open-server <<'END'
#!/bin/sh
exec >/var/lib/open/seen 2>&1
ls -d /run/systemd/private /run/systemd/system /run/dbus /run/user /var/lib/systemd
printf '[Service]\\nExecStart=/usr/bin/true\\n' >/run/systemd/system/evil.service && echo escaped
exec /usr/bin/sleep 1000
END
chmod 755 /usr/local/bin/open-server
cat >/etc/systemd/system/open.service <<'END'
[Service]
Type=exec
ExecStartPre=/usr/bin/systemd-tmpfiles --version
ExecStart=/usr/local/bin/open-server
ExecStartPost=/usr/bin/systemctl --version
StateDirectory=open
TimeoutStopSec=1
END
systemctl daemon-reload && systemctl start open`;
const adopt = [
  'adopt',
  'open',
  '--no-trial',
  '--watch',
  '0.5',
  '--program',
  '/usr/bin/ls',
  '--program',
  '/usr/bin/sleep',
];
const dataIn = (stdout: string): readonly string[] =>
  stdout.split('\n').flatMap((line) => /^ {2}data: (.*)$/.exec(line)?.[1] ?? []);

serviceTest(
  'a program of package systemd in any line of a unit, or in --program, brings no data of systemd into the jail',
  async (t) => {
    t.equal(machine().shell(open).stderr, '');
    await machine().until('cat /var/lib/open/seen', /escaped/);
    machine().shell('rm /run/systemd/system/evil.service /var/lib/open/seen');
    const { status, stdout, stderr } = service(...adopt, '--program', '/usr/bin/systemctl');
    t.equal(status, 0, stderr);
    t.ok(isJailed('open'));
    t.same(dataIn(stdout), ['/var/lib/open']);
    t.match(stdout, / after \(systemd-analyze security\); and it writes to the host: \/var\/lib\/open$/m);
    const seen = await machine().until('cat /var/lib/open/seen', /evil/);
    t.notMatch(seen, /escaped|^\/run\/systemd\/private$/m);
    t.equal(shell('ls /run/systemd/system/evil.service'), '', 'nothing of it is on the host');
    const dropIn = shell('cat /etc/systemd/system/open.service.d/uchroot.conf');
    t.notMatch(
      dropIn,
      /^Bind(?:ReadOnly)?Paths=-?\/(?:run(?!\/systemd\/journal\/dev-log)|var\/lib\/systemd)/m,
    );
    t.match(service('status', 'open').stdout, /jail\); and it writes to the host: \/var\/lib\/open$/m);
  },
);

serviceTest('status and update report a drop-in that lets it out', async (t) => {
  const place = '/var/lib/uchroot/services/open.service';
  const jail = shell(`ls -d ${place}/*/jail`);
  const file = '/etc/systemd/system/open.service.d/uchroot.conf';
  const paths = ['/run/systemd', '/var/lib/systemd', '/srv/helper'];
  machine().shell(`mkdir -p /srv/helper
sed -i '0,/^    "paths"/s:^    "paths"\\: \\[:&${paths.map((path) => `{"path"\\: "${path}"}`).join(',')},:' ${place}/adoption.json
printf '${paths.map((path) => `BindPaths=-${path}\\:${jail}${path}\\n`.replace('\\:', ':')).join('')}' >>${file}
systemctl daemon-reload`);
  const { stdout } = service('status', 'open');
  const told = 'it sees what must not be in its jail: /run/systemd leads to the service manager';
  t.match(stdout, new RegExp(`^ {2}${told}.*; uchroot-service update open.service$`, 'm'));
  t.match(stdout, /in its jail: \/var\/lib\/systemd has .*; uchroot-service update open.service$/m);
  t.notMatch(stdout, 'in its jail: /srv/helper');
  const { status, stderr } = service('update', 'open');
  t.equal(status, 0, stderr);
  t.match(stderr, /\/run\/systemd is not bound any more, since \/run\/systemd leads to the service manager/);
  t.match(
    stderr,
    /\/srv\/helper is not bound any more: .* uchroot-service release open.service, and adopt it with --bind \/srv\/helper$/m,
  );
  t.notMatch(service('status', 'open').stdout, 'must not be in its jail');
  t.equal(service('release', 'open').status, 0);
});

serviceTest('a path that leads out must be accepted, and a plan says what it gives away', async (t) => {
  machine().shell('ln -s /run /srv/link; mkdir -p /var/spool/cron /srv/app/conf');
  const refused: readonly (readonly [option: string, path: string, says: RegExp, remedy: RegExp])[] = [
    ['--ro-bind', '/srv/link', /\/srv\/link, which is \/run, has/, /leave --ro-bind \/srv\/link out/],
    ['--ro-bind', '/var/run/dbus', /which is \/run\/dbus, leads to the bus/, /leave --ro-bind/],
    ['--ro-bind', '/run/systemd/private', /lies in \/run\/systemd: that leads/, /leave --ro-bind/],
    ['--bind', '/etc/ssl', /lies in \/etc: that decides who logs in/, /^hint: --ro-bind \/etc\/ssl/],
    ['--bind', '/var/spool/cron', /has commands that the host starts later/, /^hint: --ro-bind/],
  ];
  for (const [option, path, says, remedy] of refused) {
    const { status, stderr } = service(...adopt, option, path, '--plan');
    t.equal(status, 1, path);
    t.match(stderr.split('\n')[0], says);
    t.match(stderr.split('\n')[1], remedy);
    t.match(stderr, / # or accept the risk with --insecure-path\n$/);
  }
  const nested = service(...adopt, '--plan', '--bind', '/srv/app', '--ro-bind', '/srv/app/conf');
  t.equal(nested.status, 1);
  t.match(
    nested.stderr,
    /\/srv\/app\/conf lies in \/srv\/app, which the service can write: it could put a link/,
  );
  machine().shell('chown nobody /srv/app');
  t.match(
    service(...adopt, '--plan', '--ro-bind', '/srv/app/conf').stderr,
    /another user could put a link at \/srv\/app\/conf, .*: \/srv\/app is owned by uid 65534; choose a directory/,
  );
  const harmless = ['--ro-bind', '/etc/ssl', '--bind', '/dev/shm', '--ro-bind', '/sys'];
  t.match(service(...adopt, '--plan', ...harmless), { status: 0, stdout: /^(?!.*gives away)/s });
  const accepted = service(...adopt, '--plan', '--insecure-path', '--ro-bind', '/run/dbus');
  t.equal(accepted.status, 0, accepted.stderr);
  t.match(accepted.stdout, /^ {2}gives away: \/run\/dbus leads to the bus of the system/m);
});

serviceTest('a unit that names such a path itself is refused, or accepted too', async (t) => {
  machine().shell('touch /run/docker.sock');
  const edit = (line: string): void => {
    machine().shell(
      `sed -i '/^BindPaths=\\|^ReadWritePaths=/d; s:^\\[Service\\]:&\\n${line}:' /etc/systemd/system/open.service; systemctl daemon-reload`,
    );
  };
  for (const line of [
    'BindPaths=/run/docker.sock',
    'ReadWritePaths=/etc/cron.d',
    'ReadWritePaths=-/run/user',
  ]) {
    edit(line);
    const path = line.replace(/^.*=-?/, '');
    const { status, stderr } = service(...adopt, '--plan');
    t.equal(status, 1, line);
    t.match(stderr, `its unit names ${path}, and ${path} `);
    t.match(stderr, /hint: take it out of the unit: systemctl edit --full open.service {3}# or accept/);
  }
  edit('BindPaths=/run/docker.sock');
  const { status, stdout, stderr } = service(...adopt, '--insecure-path');
  t.equal(status, 0, stderr);
  t.match(stdout, /gives away: \/run\/docker.sock leads to a container engine/);
  t.match(stdout, /and it writes to the host: \/run\/docker.sock, \/var\/lib\/open$/m);
  const shown = service('status', 'open').stdout;
  t.match(shown, /gives away: \/run\/docker.sock leads/);
  t.notMatch(shown, 'must not be in its jail', 'it was accepted');
  t.equal(service('update', 'open').status, 0, 'an update accepts it too');
  t.equal(service('release', 'open').status, 0);
});

serviceTest(
  'nothing that root of the host follows at the next start lies where the service can put a link',
  async (t) => {
    const file = '/etc/systemd/system/open.service';
    machine().shell(
      `sed -i '/Paths=\\|Exec.*P/d' ${file}; cp ${file} /srv/open.service; mkdir -p /var/log/open /var/lib/open; touch /var/lib/open/variables`,
    );
    const withLine = (line: string): void => {
      machine().shell(`(cat /srv/open.service; printf '%s\\n' '${line}') >${file}; systemctl daemon-reload`);
    };
    for (const [line, path] of [
      ['StandardInput=file:/var/lib/open/log', '/var/lib/open/log'],
      ['BindPaths=-/var/lib/open/written:/mnt', '/var/lib/open/written'],
      ['BindReadOnlyPaths=-/var/lib/open/read:/mnt', '/var/lib/open/read'],
      ['EnvironmentFile=-/var/lib/open/variables', '/var/lib/open/variables'],
      ['LoadCredential=key:/var/lib/open/key', '/var/lib/open/key'],
      ['ExecStartPre=+/bin/chown root /var/lib/open/file', '/var/lib/open/file'],
    ] as const) {
      withLine(line);
      const { status, stderr } = service(...adopt, '--plan');
      t.equal(status, 1, line);
      t.match(
        stderr,
        `its unit names ${path}, and ${path} lies in /var/lib/open, which the service can write`,
      );
    }
    t.equal(service(...adopt, '--plan', '--insecure-path').status, 0);
    withLine('EnvironmentFile=-/var/lib/open/variables');
    machine().shell('rm /var/lib/open/variables');
    t.match(service(...adopt, '--plan'), {
      status: 0,
      stdout: /^EnvironmentFile=\n(?!EnvironmentFile)/m,
      stderr:
        '/var/lib/open/variables, an EnvironmentFile= in a directory that it can write, is not read any more',
    });
    withLine('ExecStartPre=-/bin/sh -c "chown root ${STATE_DIRECTORY}/file"');
    const { status, stdout, stderr } = service(...adopt, '--plan');
    t.equal(status, 0, stderr);
    t.match(stdout, /entry: systemd enters the jail: root would use \/var\/lib\/open\/file on the host/);
    withLine('StandardError=truncate:%S/%N/log');
    t.match(service(...adopt, '--plan'), {
      status: 0,
      stdout: /^StandardError=journal$/m,
      stderr:
        'its output goes to the journal, and no longer to /var/lib/open/log, which lies in a directory that',
    });
    withLine('StandardOutput=append:/var/log/open/log');
    t.equal(service(...adopt, '--plan').status, 0, 'a directory that the service cannot write');
  },
);

serviceTest('a service does not give itself the data of others by its configuration', async (t) => {
  shell(`useradd --system --home-dir /var/lib/theirs theirs; useradd --system greedy
mkdir -p /var/lib/theirs /srv/theirs /etc/greedy /opt/greedy
chown theirs /var/lib/theirs; touch /opt/greedy/run; chmod 755 /opt/greedy/run
echo 'db_user = theirs' >/etc/greedy.conf
printf 'user = theirs\ndir = /var/lib/theirs\nsite = /srv/theirs\n' >/etc/greedy/own.conf
mkdir /etc/greedy/empty; ln -s . /etc/greedy/empty/one; ln -s . /etc/greedy/empty/two
chown -R greedy /etc/greedy
printf '#!/bin/sh\nexec sleep 1000\n' >/opt/greedy/run
printf '[Service]\nConfigurationDirectory=greedy\nExecStart=/opt/greedy/run --config=/etc/greedy.conf\n' >/etc/systemd/system/greedy.service
systemctl daemon-reload`);
  const { status, stdout, stderr } = service('adopt', 'greedy', '--plan');
  t.equal(status, 0, stderr);
  t.notMatch(stdout, /theirs/);
  shell(`echo 'dir = /var/lib/theirs' >>/etc/greedy.conf`);
  t.same(dataIn(service('adopt', 'greedy', '--plan').stdout), ['/var/lib/theirs'], 'root has named it');
});

serviceTest('the last words of a service give no orders to the terminal of the administrator', async (t) => {
  machine().shell(`cat >/usr/local/bin/rude <<'END'
#!/bin/sh
[ ! -e /.uchroot ] || { printf 'rude \\033]0;title\\007\\n' >&2; exit 3; }
exec /usr/bin/sleep 1000
END
chmod 755 /usr/local/bin/rude
printf '[Service]\\nType=exec\\nExecStart=/usr/local/bin/rude\\n' >/etc/systemd/system/rude.service
systemctl daemon-reload; systemctl start rude`);
  const { status, stderr } = service(
    'adopt',
    'rude',
    '--no-trial',
    '--watch',
    '0.5',
    '--program',
    '/usr/bin/sleep',
  );
  t.equal(status, 1);
  t.match(stderr, 'rude \\x1b]0;title\\x07');
});

serviceTest('a daemon of package systemd has no directories of systemd as its data', async (t) => {
  machine().shell(
    `printf '[Service]\\nExecStart=/usr/lib/systemd/systemd-socket-proxyd /run/elsewhere.sock\\n' >/etc/systemd/system/proxy.service; systemctl daemon-reload`,
  );
  const { status, stdout, stderr } = service('adopt', 'proxy', '--plan');
  t.equal(status, 0, stderr);
  t.notMatch(stdout, /^ {2}data: /m);
  t.match(stderr, /the directories of package systemd are not bound, since /);
});
