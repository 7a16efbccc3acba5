// Debian's redis-server and nginx in jails, on a systemd that has been booted for the purpose.
import { eventually } from '../../support/patience.ts';
import { packageDirectory } from '../../support/launch.ts';
import { serviceMachine } from '../../support/adopted.ts';

const { serviceTest, machine, service, shell, show, isJailed, outdate } = serviceMachine(
  'curl',
  'nginx',
  'redis-server',
  'redis-cli',
);
const exposure = (unit: string): number =>
  Number(/: ([0-9.]+) /.exec(shell(`systemd-analyze security --no-pager ${unit} | tail -n 1`))?.[1]);
// Everything that an adoption can leave behind.
const traces = (): string =>
  shell(
    'find /etc/systemd/system /run/systemd/system /var/lib/uchroot/services -newer /etc/before 2>&1 | sort',
  );

serviceTest('a plan shows the drop-in and the exposure, and changes nothing', async (t) => {
  machine().shell('systemctl start redis-server nginx; sleep 1; touch /etc/before; mkdir -p /var/www/html');
  machine().shell('echo site >/var/www/html/index.html; redis-cli set colour blue; redis-cli save');
  const { status, stdout } = service('adopt', 'redis-server', '--plan');
  t.equal(status, 0);
  t.match(stdout, /^redis-server.service: would be adopted$/m);
  t.match(stdout, /^BindPaths=-\/var\/lib\/redis$/m);
  t.match(stdout, /^ {2}exposure: 1\.\d before, (1|1\.\d) after/m);
  t.notOk(isJailed('redis-server'));
  t.notMatch(traces(), 'uchroot.conf');
  t.notOk(shell('ls /var/lib/uchroot/services 2>/dev/null'));
});

serviceTest(
  'a service with User= has its data in the jail, and is no more exposed than before',
  async (t) => {
    const before = exposure('redis-server');
    const { status, stdout, stderr } = service('adopt', 'redis-server');
    t.equal(status, 0, stderr);
    t.match(stdout, /^ {2}user: redis \(User=redis\)$/m);
    t.ok(isJailed('redis-server'));
    t.equal(shell('redis-cli get colour'), 'blue');
    t.equal(shell('redis-cli set shape round && redis-cli save'), 'OK\nOK');
    t.ok(exposure('redis-server') <= before);
    t.match(service('adopt', 'redis-server').stderr, /adopted already\nhint: uchroot-service update/);
  },
);

serviceTest('an update builds the jail anew, and the service goes on with its data', async (t) => {
  machine().shell('touch -d @1 /usr/bin/redis-check-rdb; echo uchroot: files >>/etc/nsswitch.conf');
  t.match(service('status', 'redis-server').stdout, /behind the host: \d+ files; uchroot-service update/);
  const { status, stderr } = service('update', '--all');
  t.equal(status, 0, stderr);
  t.match(service('status').stdout, /redis-server.service: active\n(.*\n)*? {2}current\n/);
  t.equal(shell('redis-cli get shape'), 'round');
  t.equal(shell('ls /var/lib/uchroot/services/redis-server.service'), '2\nadoption.json\nconfiguration');
});

serviceTest('a service that does not come up goes on with its old jail', async (t) => {
  machine().shell(
    'redis-cli save; cp -a /usr/bin/redis-check-rdb /root/good; cp /usr/bin/sleep /usr/bin/redis-check-rdb',
  );
  const { status, stderr } = service('update', 'redis-server');
  machine().shell('cp -a /root/good /usr/bin/redis-check-rdb');
  t.equal(status, 1);
  // systemd forgets the result once it has begun to start the service again by itself
  t.match(
    stderr,
    /redis-server.service does not come up; it is as before: (result exit-code|it has ended)[^]* status=1/,
  );
  t.equal(shell('ls /var/lib/uchroot/services/redis-server.service'), '2\nadoption.json\nconfiguration');
  t.ok(isJailed('redis-server'));
  t.equal(shell('redis-cli get colour'), 'blue');
});

serviceTest('a service of root runs by a launcher in its jail, with its own pid file and stop', async (t) => {
  const { status, stdout, stderr } = service('adopt', 'nginx');
  t.equal(status, 0, stderr);
  t.match(stdout, /a compiled launcher enters the jail/);
  t.match(stdout, /tests of the configuration: 1 passed/);
  t.ok(isJailed('nginx'));
  t.equal(shell('curl -s http://localhost/'), 'site');
  t.ok(exposure('nginx') <= 3);
  t.match(show('nginx', 'ExecStart'), '/var/lib/uchroot/services/nginx.service/');
  t.equal(shell('systemctl stop nginx; systemctl start nginx; systemctl is-active nginx'), 'active');
});

serviceTest('a reload takes a good configuration, and refuses a broken one', async (t) => {
  machine().shell(`sed -i 's/worker_connections [0-9]*/worker_connections 512/' /etc/nginx/nginx.conf`);
  t.match(service('reload', 'nginx').stdout, 'reloaded; tests of the configuration: 1 passed');
  machine().shell('cp /etc/nginx/nginx.conf /root/good; echo nonsense >>/etc/nginx/nginx.conf');
  t.equal(service('reload', 'nginx').status, 1);
  // on a slow machine the journal can have the words later than the test ends
  const tells = () =>
    /the test of its configuration fails: .*unexpected end of file/.test(service('reload', 'nginx').stderr);
  t.ok(await eventually(tells));
  t.equal(service('update', 'nginx').status, 1, 'an update refuses it too');
  t.equal(shell('curl -s http://localhost/'), 'site');
  machine().shell('cp /root/good /etc/nginx/nginx.conf');
});

serviceTest('a configuration that was only tested replaces no proven one', async (t) => {
  // redis-server has this port; nginx tests no ports, and goes on at a reload
  machine().shell('echo "server { listen 127.0.0.1:6379; }" >/etc/nginx/conf.d/taken.conf');
  t.match(service('reload', 'nginx').stdout, 'reloaded; tests of the configuration: 1 passed');
  const { status, stderr } = service('update', 'nginx');
  t.equal(status, 1);
  t.match(stderr, /it runs with the one of .*; different files: \/etc\/nginx\/conf.d\/taken.conf, /);
  t.equal(shell('curl -s http://localhost/'), 'site');
  machine().shell('rm /etc/nginx/conf.d/taken.conf');
  t.match(service('reload', 'nginx').stdout, 'restarted: it ran with a kept configuration; ');
});

serviceTest('a crash and a boot start it in its jail again', async (t) => {
  machine().shell('redis-cli save; systemctl kill --signal SEGV redis-server');
  await machine().until('redis-cli get shape', /round/);
  t.ok(isJailed('redis-server'));
  machine().shell('systemctl enable redis-server nginx');
  await machine().reboot();
  t.equal(shell('redis-cli get colour'), 'blue');
  t.equal(shell('curl -s http://localhost/'), 'site');
  t.ok(isJailed('redis-server') && isJailed('nginx'));
});

serviceTest('a release leaves no trace but the data', async (t) => {
  for (const unit of ['redis-server', 'nginx']) {
    const { status, stderr } = service('release', unit);
    t.equal(status, 0, stderr);
    t.notOk(isJailed(unit));
  }
  t.equal(shell('redis-cli get shape'), 'round');
  t.equal(shell('curl -s http://localhost/'), 'site');
  t.notMatch(traces(), /uchroot(?!\/services': No such file)/);
  t.equal(service('status').stdout, 'no service is adopted\n');
});

// systemd finds its program by the name, and its configuration says what it starts.
const ownUnit = `cat >/usr/local/bin/own-server <<'END'
#!/bin/sh
set -e
$(/usr/bin/cat /etc/own.conf)
echo "$SHELL" >/run/own/shell
exec /usr/bin/sleep 1000
END
chmod 755 /usr/local/bin/own-server
echo /usr/bin/factor 6 >/etc/own.conf
printf '[Service]\\nExecStart=own-server\\nRuntimeDirectory=own\\nTimeoutStopSec=1\\n' >/etc/systemd/system/own.service
systemctl daemon-reload && systemctl start own`;

serviceTest('a service of one’s own gets the program that only its configuration names', async (t) => {
  t.equal(machine().shell(ownUnit).stderr, '');
  const pid = show('own', 'MainPID');
  const without = service('adopt', 'own', '--watch', '0.5', '--ro-bind', '/etc/own.conf');
  t.equal(without.status, 1);
  t.match(
    without.stderr,
    /own.service does not come up in its jail; it runs on, and was not stopped: .*(.*\n)*.*factor: not found/,
  );
  t.match(
    without.stderr,
    /^hint: if it needs .*; to restart the service in its jail without this trial: --no-trial$/m,
  );
  t.equal(show('own', 'MainPID'), pid);
  const words = [
    'adopt',
    'own',
    '--watch',
    '0.5',
    '--ro-bind',
    '/etc/own.conf',
    '--program',
    '/usr/bin/factor',
  ];
  const { status, stderr } = service(...words);
  t.equal(status, 0, stderr);
  t.ok(isJailed('own'));
  t.equal(shell('cat /run/own/shell'), '/bin/sh', 'not the shell of root, which the jail lacks');
  outdate('own');
  t.match(service('update', 'own').stdout, /^own.service: adopted$/m);
  t.ok(isJailed('own'), 'an update knows the program too');
  t.equal(service('release', 'own').status, 0);
  const command = [process.execPath, `${packageDirectory}/dist/bin/uchroot-service.cjs`];
  const long = [
    'adopt',
    'own',
    '--watch',
    '60',
    '--no-trial',
    '--ro-bind',
    '/etc/own.conf',
    '--program',
    '/usr/bin/factor',
  ];
  const broken = machine().run(['timeout', '--preserve-status', '--signal', 'INT', '5', ...command, ...long]);
  t.equal(broken.status, 130, 'the watch can be interrupted');
  t.match(broken.stderr, /^uchroot-service: interrupted; nothing is left half done$/m);
  t.notOk(isJailed('own'));
  t.equal(
    shell('systemctl is-active own; ls /etc/systemd/system/own.service.d /var/lib/uchroot/services'),
    'active',
  );
});

serviceTest('a service that ends some seconds after its start has not come up', async (t) => {
  machine().shell(
    `printf '[Service]\\nExecStart=sh -c "sleep 4; exit 3"\\n' >/etc/systemd/system/late.service; systemctl daemon-reload; systemctl start late`,
  );
  const { status, stderr } = service(
    'adopt',
    'late',
    '--watch',
    '12',
    '--no-trial',
    '--program',
    '/usr/bin/sleep',
  );
  t.equal(status, 1);
  t.match(
    stderr,
    /late.service comes up neither in its jail \(.*\) nor without it; it is not adopted: .* status 3/,
  );
});

// Answers what it sees.
const looker = `cat >/usr/local/bin/looker <<'END'
#!/bin/sh
shift
cat /etc/looker.conf /mnt/data/inner/name /var/lib/linked/name "\${1#--config=}" >/var/lib/looker/seen 2>&1
ls /mnt/data/secret >>/var/lib/looker/seen 2>&1
touch /mnt/data/new >>/var/lib/looker/seen 2>&1
exec /usr/bin/sleep 1000
END
chmod 755 /usr/local/bin/looker
mkdir -p /opt/looker/inner /opt/looker/secret /etc/looker.d /var/lib/looker
echo inner >/opt/looker/inner/name; echo hidden >/opt/looker/secret/key; echo named >/etc/looker.d/main; echo conf >/opt/looker.conf
echo linked >/var/lib/looker/name
cat >/etc/systemd/system/looker.service <<'END'
[Service]
Type=exec
ExecStart=looker run --config=/etc/looker.d/main
BindPaths=/opt/looker:/mnt/data:norbind
BindReadOnlyPaths=/opt/looker.conf:/etc/looker.conf
InaccessiblePaths=/mnt/data/secret
ReadOnlyPaths=/mnt/data
StateDirectory=looker:linked
WorkingDirectory=/mnt/data/inner
END
systemctl daemon-reload && systemctl start looker && sleep 0.2`;

serviceTest('the mounts of the unit itself, and what its command line names, are in the jail', async (t) => {
  t.equal(machine().shell(looker).stderr, '');
  const seen = shell('cat /var/lib/looker/seen');
  t.match(seen, /^conf\ninner\nlinked\nnamed\ntouch: .*Read-only file system$/);
  machine().shell('rm /var/lib/looker/seen');
  const words = [
    'adopt',
    'looker',
    '--watch',
    '0.5',
    '--program',
    '/usr/bin/ls',
    '--program',
    '/usr/bin/touch',
  ];
  const { status, stdout, stderr } = service(...words, '--program', '/usr/bin/cat');
  t.equal(status, 0, stderr);
  t.match(stdout, /^ {2}read-only: \/etc\/looker.d$/m);
  t.ok(isJailed('looker'));
  t.equal(
    shell('cat /var/lib/looker/seen').replaceAll('Permission denied', ''),
    seen.replaceAll('Permission denied', ''),
  );
  const later = '/etc/systemd/system/looker.service.d/zz.conf';
  machine().shell(
    `printf '[Service]\\nExecStart=\\nExecStart=sleep 9\\n' >${later}; systemctl daemon-reload`,
  );
  t.match(service('status', 'looker').stdout, 'has another ExecStart=: the service starts without its jail');
  t.match(
    service('update', 'looker').stderr,
    `${later} sets ExecStart=, and systemd reads it after uchroot.conf`,
  );
  machine().shell(`rm ${later}; systemctl daemon-reload`);
  t.notMatch(service('status', 'looker').stdout, 'without its jail;');
  t.equal(service('release', 'looker').status, 0);
  machine().shell(
    "sed -i 's/^WorkingDirectory=.*/WorkingDirectory=\\/opt\\/looker/; s/--config=.*/--config=\\/opt\\/looker.conf/' /etc/systemd/system/looker.service; systemctl daemon-reload",
  );
  const { stdout: planned } = service(...words, '--plan');
  t.match(planned, /^ {2}read-only: \/opt\/looker$/m, 'its WorkingDirectory=');
  t.match(planned, /^ {2}read-only: \/opt\/looker\.conf$/m);
});

const writer = `mkdir /data; mkdir /srv/homely; useradd --system --home-dir /srv/homely homely
cat >/etc/systemd/system/writer.service <<'END'
[Service]
Type=exec
ExecStart=/usr/bin/sh -c 'pwd >/data/at; exec sleep 1000'
ProtectSystem=strict
ReadWritePaths=/data
END
systemctl daemon-reload && systemctl start writer`;

serviceTest('what a service writes to a directory of ReadWritePaths= is on the host', async (t) => {
  t.equal(machine().shell(writer).stderr, '');
  const words = ['adopt', 'writer', '--no-trial', '--watch', '0.5', '--program', '/usr/bin/sleep'];
  await machine().until('cat /data/at', /^\/$/m);
  machine().shell('rm /data/at');
  const { status, stderr } = service(...words);
  t.equal(status, 0, stderr);
  t.ok(isJailed('writer'));
  t.equal(shell('cat /data/at'), '/');
  t.equal(service('release', 'writer').status, 0);
  t.equal(shell('cat /data/at'), '/');
  const edit = (line: string): void => {
    machine().shell(
      `sed -i 's:^ReadWritePaths=.*:ReadWritePaths=/data ${line}:' /etc/systemd/system/writer.service; systemctl daemon-reload`,
    );
  };
  edit('/var');
  t.match(service(...words), {
    status: 1,
    stderr: /ReadWritePaths=\/var: .*\nhint: .*systemctl edit --full writer.service/,
  });
  edit('/run');
  t.match(service(...words, '--plan'), { status: 0, stderr: /^(?!.*ReadWritePaths)/ });
});

serviceTest('a service that starts in the home of its user does so in the jail', async (t) => {
  machine().shell(
    `sed -i 's/^ReadWritePaths=.*/ReadWritePaths=\\/data\\nUser=homely\\nWorkingDirectory=~/' /etc/systemd/system/writer.service; chown -R homely /data; systemctl daemon-reload; systemctl restart writer`,
  );
  await machine().until('cat /data/at', /^\/srv\/homely$/m);
  const words = ['adopt', 'writer', '--no-trial', '--watch', '0.5', '--program', '/usr/bin/sleep'];
  machine().shell('rm /data/at');
  const { status, stdout, stderr } = service(...words);
  t.equal(status, 0, stderr);
  t.match(stdout, /WorkingDirectory=~/);
  t.ok(isJailed('writer'));
  t.equal(shell('cat /data/at'), '/srv/homely');
  t.equal(service('release', 'writer').status, 0);
});

const named = `cat >/etc/systemd/system/named@.service <<'END'
[Service]
Type=exec
User=nobody
StateDirectory=named-%i
SetCredential=key:secret
UnsetEnvironment=NOTHING
LimitCORE=infinity
ExecStart=/usr/bin/sh -c 'read -r key <"$2/key"; trap - PIPE; echo "$1 $key $(ulimit -c)" >"$1/seen"; exec sleep 1000' sh \${STATE_DIRECTORY} \${CREDENTIALS_DIRECTORY}
END
systemctl daemon-reload && systemctl start named@a.example.com`;

serviceTest('an instance with dots finds its directories by the variables of its command line', async (t) => {
  t.equal(machine().shell(named).stderr, '');
  const seen = '/var/lib/named-a.example.com/seen';
  await machine().until(`cat ${seen}`, /^\/var\/lib\/named-a.example.com secret unlimited$/m);
  machine().shell(`rm ${seen}`);
  const words = [
    'adopt',
    'named@a.example.com',
    '--no-trial',
    '--watch',
    '0.1',
    '--program',
    '/usr/bin/sleep',
  ];
  const { status, stderr } = service(...words);
  t.equal(status, 0, stderr);
  t.ok(isJailed('named@a.example.com'));
  t.equal(shell(`cat ${seen}`), '/var/lib/named-a.example.com secret unlimited');
  // systemd ignores SIGPIPE, whose bit is the 13th, for a service
  const ignored = shell(`grep SigIgn /proc/${show('named@a.example.com', 'MainPID')}/status`);
  t.match(ignored, /1\d{3}$/);
});

serviceTest('a run that was killed when its record counted is finished by the next', async (t) => {
  const unit = 'named@a.example.com';
  const place = `/var/lib/uchroot/services/${unit}.service`;
  const dropIn = `/etc/systemd/system/${unit}.service.d/uchroot.conf`;
  const before = JSON.stringify({ dropIn: shell(`cat ${dropIn}`), isActive: true });
  outdate(unit);
  t.equal(service('update', unit).status, 0);
  const now = [shell(`cat ${dropIn}`), show(unit, 'MainPID')];
  machine().run(['tee', `${place}/swap.json`], { input: before });
  t.match(service('update', unit).stdout, ': current;');
  t.same([shell(`cat ${dropIn}`), show(unit, 'MainPID')], now, 'it is neither undone nor restarted');
  t.equal(shell(`ls ${place}`), '2\nadoption.json');
  t.equal(service('release', unit).status, 0);
  t.equal(shell(`systemctl is-active ${unit}`), 'active');
});

serviceTest('what cannot be adopted is refused with the reason', async (t) => {
  const cases = [
    ['nosuch', /there is no unit nosuch.service/],
    ['systemd-logind', /systemd-logind works on the host itself/],
    ['getty@tty1', /terminal/],
    ['nginx.socket', /not the name of a service/],
    ['postgresql@', /is a template/],
    ['gone', /the program of its ExecStart=, gone-server, is not installed/],
  ] as const;
  machine().shell(
    `printf '[Service]\\nExecStart=gone-server\\n' >/etc/systemd/system/gone.service; systemctl daemon-reload`,
  );
  for (const [unit, reason] of cases) {
    const { status, stderr } = service('adopt', unit);
    t.equal(status, 1);
    t.match(stderr, reason);
  }
  machine().shell('mkdir -p /var/lib/uchroot; mount -t tmpfs none /var/lib/uchroot');
  t.match(
    service('update', 'nginx').stderr,
    /^uchroot-service: nginx.service is not adopted\nhint: uchroot-service adopt/,
  );
  t.match(
    service('release', 'nginx').stderr,
    /^uchroot-service: nginx.service is not adopted\nhint: it has no jail to leave; uchroot-service status/,
  );
  machine().shell('umount /var/lib/uchroot');
});
