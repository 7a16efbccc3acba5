// Debian's redis-server and nginx in jails, on a systemd that has been booted for the purpose.
import t, { type Test } from 'tap';

import { packageDirectory, type Ended } from '../../support/launch.ts';
import { bootMachine, unlessMachine, type Machine } from '../../support/machine.ts';

const skip = unlessMachine('busctl', 'curl', 'nginx', 'redis-server', 'redis-cli', 'systemd-analyze');
let machine: Machine;

t.before(async () => {
  if (skip !== false) return;
  machine = await bootMachine();
});
t.teardown(async () => await machine?.stop());

function serviceTest(name: string, body: (t: Test) => Promise<void>): void {
  void t.test(name, { skip }, body);
}

const service = (...words: readonly string[]): Ended =>
  machine.run([process.execPath, `${packageDirectory}/dist/bin/uchroot-service.cjs`, ...words]);
const shell = (line: string): string => machine.shell(line).stdout.trim();
const show = (unit: string, property: string): string =>
  shell(`systemctl show --value -p ${property} ${unit}`);
// The root directory of the main process has these entries, and the host's has others.
const isJailed = (unit: string): boolean =>
  shell(`ls -A /proc/${show(unit, 'MainPID')}/root/`)
    .split('\n')
    .includes('.uchroot');
const exposure = (unit: string): number =>
  Number(/: ([0-9.]+) /.exec(shell(`systemd-analyze security --no-pager ${unit} | tail -n 1`))?.[1]);
// Everything that an adoption can leave behind.
const traces = (): string =>
  shell('find /etc/systemd/system /run/systemd/system /var/lib/uchroot -newer /etc/before 2>&1 | sort');

serviceTest('a plan shows the drop-in and the exposure, and changes nothing', async (t) => {
  machine.shell('systemctl start redis-server nginx; sleep 1; touch /etc/before; mkdir -p /var/www/html');
  machine.shell('echo site >/var/www/html/index.html; redis-cli set colour blue; redis-cli save');
  const { status, stdout } = service('adopt', 'redis-server', '--plan');
  t.equal(status, 0);
  t.match(stdout, /^redis-server.service: would be adopted$/m);
  t.match(stdout, /^BindPaths=-\/var\/lib\/redis$/m);
  t.match(stdout, /^ {2}exposure: 1\.\d before, (1|1\.\d) after/m);
  t.notOk(isJailed('redis-server'));
  t.notMatch(traces(), 'uchroot.conf');
  t.notOk(shell('ls /var/lib/uchroot 2>/dev/null'));
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
  machine.shell('touch -d @1 /usr/bin/redis-check-rdb; printf x >>/etc/services');
  t.match(service('status', 'redis-server').stdout, /behind the host: \d+ files; uchroot-service update/);
  const { status, stderr } = service('update', '--all');
  t.equal(status, 0, stderr);
  t.match(service('status').stdout, /redis-server.service: active\n(.*\n)*? {2}current\n/);
  t.equal(shell('redis-cli get shape'), 'round');
  t.equal(shell('ls /var/lib/uchroot/services/redis-server.service'), '2\nadoption.json\nconfiguration');
});

serviceTest('a service that does not come up goes on with its old jail', async (t) => {
  machine.shell(
    'redis-cli save; cp -a /usr/bin/redis-check-rdb /root/good; cp /usr/bin/sleep /usr/bin/redis-check-rdb',
  );
  const { status, stderr } = service('update', 'redis-server');
  machine.shell('cp -a /root/good /usr/bin/redis-check-rdb');
  t.equal(status, 1);
  // systemd forgets the result once it has begun to start the service again by itself
  t.match(
    stderr,
    /redis-server.service does not come up; it is as before: (result exit-code|Job for .* failed)[^]* status=1/,
  );
  t.equal(shell('ls /var/lib/uchroot/services/redis-server.service'), '2\nadoption.json\nconfiguration');
  t.ok(isJailed('redis-server'));
  t.equal(shell('redis-cli get colour'), 'blue');
});

serviceTest('a service whose new configuration is broken runs with the last good one', async (t) => {
  machine.shell(
    'redis-cli save; cp -a /etc/redis/redis.conf /root/good.conf; echo nonsense >>/etc/redis/redis.conf',
  );
  const { status, stderr } = service('update', 'redis-server');
  t.equal(status, 1);
  t.match(
    stderr,
    /does not come up with the configuration in \/etc; it runs with the one of \d{4}-[-0-9: ]+ UTC; different files: \/etc\/redis\/redis.conf: /,
  );
  t.match(stderr, />>> 'nonsense'/, 'the last words, which are only in the log of redis');
  t.match(
    stderr,
    /^hint: mend \/etc\/redis\/redis.conf; then: uchroot-service reload redis-server.service$/m,
  );
  t.ok(isJailed('redis-server'));
  t.equal(shell('redis-cli get shape; redis-cli set size big; redis-cli save'), 'round\nOK\nOK');
  t.match(service('reload', 'redis-server').stderr, 'it runs with the one of', 'it goes on so');
  t.match(
    service('release', 'redis-server').stderr,
    'it runs with the one of',
    'a release cannot start it either',
  );
  t.match(
    service('status', 'redis-server').stdout,
    /configuration of .* UTC, and not with the one in \/etc; uchroot-service reload .*\n {4}different: \/etc\/redis\/redis.conf\n/,
  );
  const [found] = JSON.parse(service('status', '--format', 'json').stdout).services;
  t.match(found.keptConfiguration, { keptAt: /^\d{4}-/, files: ['/etc/redis/redis.conf'] });
  const copy = '/var/lib/uchroot/services/redis-server.service/configuration';
  t.equal(
    shell(`cd ${copy}; stat -c '%a %U' . */etc/redis */etc/redis/redis.conf`),
    '700 root\n2770 redis\n640 redis',
  );
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
  machine.shell(`sed -i 's/worker_connections [0-9]*/worker_connections 512/' /etc/nginx/nginx.conf`);
  t.match(service('reload', 'nginx').stdout, 'reloaded; tests of the configuration: 1 passed');
  machine.shell('cp /etc/nginx/nginx.conf /root/good; echo nonsense >>/etc/nginx/nginx.conf');
  const { status, stderr } = service('reload', 'nginx');
  t.equal(status, 1);
  t.match(stderr, /the test of its configuration fails: .*unexpected end of file/);
  t.equal(service('update', 'nginx').status, 1, 'an update refuses it too');
  t.equal(shell('curl -s http://localhost/'), 'site');
  machine.shell('cp /root/good /etc/nginx/nginx.conf');
});

serviceTest('a crash and a boot start it in its jail again', async (t) => {
  machine.shell('redis-cli save; systemctl kill --signal SEGV redis-server');
  await machine.until('redis-cli get shape', /round/);
  t.ok(isJailed('redis-server'));
  machine.shell('systemctl enable redis-server nginx');
  await machine.reboot();
  t.equal(shell('redis-cli get colour'), 'blue');
  t.equal(shell('curl -s http://localhost/'), 'site');
  t.ok(isJailed('redis-server') && isJailed('nginx'));
});

const copies = (unit: string): string => shell(`ls /var/lib/uchroot/services/${unit}.service/configuration`);

serviceTest('a reload with the mended configuration goes back to /etc', async (t) => {
  t.match(service('status', 'redis-server').stdout, 'and not with the one in /etc', 'since before the boot');
  machine.shell('cp -a /root/good.conf /etc/redis/redis.conf');
  t.match(service('reload', 'redis-server').stdout, 'restarted: it ran with a kept configuration; ');
  t.notMatch(service('status', 'redis-server').stdout, 'not with the one in /etc');
  t.equal(shell('redis-cli get size; redis-cli config rewrite'), 'big\nOK');
});

serviceTest('a run that is killed while it copies leaves the old copy in use', async (t) => {
  machine.shell(
    `printf '#!/bin/sh\n/usr/bin/cp "$@"; kill -KILL $PPID; sleep 9\n' >/usr/local/bin/cp; chmod 755 /usr/local/bin/cp`,
  );
  t.equal(service('reload', 'redis-server').signal, 'SIGKILL', 'redis has written to its configuration');
  t.equal(copies('redis-server'), '1\n2');
  machine.shell(
    'rm /usr/local/bin/cp; cp -a /etc/redis/redis.conf /root/good.conf; echo nonsense >>/etc/redis/redis.conf',
  );
  t.match(service('reload', 'redis-server').stderr, 'it runs with the one of');
  t.match(
    shell('cat /etc/systemd/system/redis-server.service.d/uchroot.conf'),
    '/configuration/1/etc/redis:/etc/redis',
  );
  machine.shell('cp -a /root/good.conf /etc/redis/redis.conf');
  t.match(service('reload', 'redis-server').stdout, 'restarted');
  t.equal(copies('redis-server'), '3');
  t.equal(shell('redis-cli get colour'), 'blue');
});

serviceTest('a release leaves no trace but the data', async (t) => {
  for (const unit of ['redis-server', 'nginx']) {
    const { status, stderr } = service('release', unit);
    t.equal(status, 0, stderr);
    t.notOk(isJailed(unit));
  }
  t.equal(shell('redis-cli get shape'), 'round');
  t.equal(shell('curl -s http://localhost/'), 'site');
  t.notMatch(traces(), /uchroot(?!': No such file)/);
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
  t.equal(machine.shell(ownUnit).stderr, '');
  const without = service('adopt', 'own', '--ro-bind', '/etc/own.conf');
  t.equal(without.status, 1);
  t.match(without.stderr, /own.service does not come up; it is as before(.*\n)*.*factor: not found/);
  const words = ['adopt', 'own', '--ro-bind', '/etc/own.conf', '--program', '/usr/bin/factor'];
  const { status, stderr } = service(...words);
  t.equal(status, 0, stderr);
  t.ok(isJailed('own'));
  t.equal(shell('cat /run/own/shell'), '/bin/sh', 'not the shell of root, which the jail lacks');
  t.equal(service('update', 'own').status, 0);
  t.ok(isJailed('own'), 'an update knows the program too');
});

// A drop-in of the owner, since an adopted unit stays his.
const reloadBy = (line: string): Ended =>
  machine.shell(
    `mkdir -p /etc/systemd/system/own.service.d; printf '[Service]\\nExecReload=\\nExecReload=${line}\\n' >/etc/systemd/system/own.service.d/z.conf; systemctl daemon-reload`,
  );
const configure = (line: string): Ended => machine.shell(`echo '${line}' >/etc/own.conf`);

serviceTest(
  'a service that a reload ends is restarted, with the last good configuration if need be',
  async (t) => {
    reloadBy('kill -HUP $MAINPID');
    configure('/usr/bin/factor 8');
    t.match(service('reload', 'own').stdout, 'restarted: it ended at its reload; ');
    configure('/usr/bin/false');
    t.match(
      service('reload', 'own').stderr,
      /come up with the configuration in \/etc; .*: \/etc\/own.conf: /,
    );
    t.ok(isJailed('own'));
    configure('/usr/bin/factor 10');
    t.match(service('update', 'own').stdout, 'adopted', 'an update goes back to /etc too');
    t.notMatch(service('status', 'own').stdout, 'not with the one in /etc');
  },
);

serviceTest(
  'a service whose reload fails goes on, and starts with the last good configuration',
  async (t) => {
    reloadBy('false');
    configure('/usr/bin/false');
    const before = show('own', 'MainPID');
    t.match(
      service('reload', 'own').stderr,
      /does not reload with the configuration in \/etc; it runs with .*: its reload fails/,
    );
    t.equal(show('own', 'MainPID'), before);
    t.equal(shell('systemctl restart own; systemctl is-active own'), 'active');
  },
);

serviceTest('a service that is not active is not started', async (t) => {
  machine.shell('systemctl stop own');
  t.match(service('reload', 'own').stdout, 'the next start takes the configuration in /etc: ');
  t.match(service('reload', 'own').stderr, 'own.service is not active: there is nothing to reload');
  t.equal(service('update', 'own').status, 0);
  t.equal(shell('systemctl is-active own'), 'inactive');
  t.match(
    shell('grep -rh factor /var/lib/uchroot/services/own.service/configuration'),
    'factor 10',
    'as it was good',
  );
});

serviceTest(
  'a disk that is too full for the record fails an update before the service is touched',
  async (t) => {
    const [place, drop] = [
      '/var/lib/uchroot/services/own.service',
      '/etc/systemd/system/own.service.d/uchroot.conf',
    ];
    const before = shell(`ls ${place}; cat ${drop}`);
    machine.shell(`ln -s /dev/full ${place}/adoption.json.new`);
    const { status, stderr } = service('update', 'own');
    t.equal(status, 1);
    t.match(stderr, /^uchroot-service: ENOSPC: no space left on device/);
    machine.shell(`rm ${place}/adoption.json.new`);
    t.equal(shell(`ls ${place}; cat ${drop}`), before);
  },
);

serviceTest('a disk that is too full for a copy fails no update', async (t) => {
  configure('/usr/bin/factor 12');
  machine.shell('systemctl start own; head -c 100000 /dev/zero | tr "\\0" "\\n" >>/etc/own.conf');
  machine.shell('mount -t tmpfs -o size=64k none /var/lib/uchroot/services/own.service/configuration');
  const { status, stderr } = service('update', 'own');
  t.equal(status, 0);
  t.match(
    stderr,
    /warning: own.service: no new copy of the configuration is kept: .*No space left on device/,
  );
  t.equal(copies('own'), '', 'no half copy');
  machine.shell('umount /var/lib/uchroot/services/own.service/configuration');
  configure('/usr/bin/false');
  t.match(service('reload', 'own').stderr, 'it runs with the one of');
  configure('/usr/bin/factor 12');
  t.equal(service('release', 'own').status, 0);
});

serviceTest('what cannot be adopted is refused with the reason', async (t) => {
  const cases = [
    ['nosuch', /there is no unit nosuch.service/],
    ['systemd-logind', /BusName=org.freedesktop.login1/],
    ['getty@tty1', /terminal/],
    ['nginx.socket', /not the name of a service/],
    ['postgresql@', /is a template/],
    ['gone', /the program of its ExecStart=, gone-server, is not installed/],
  ] as const;
  machine.shell(
    `printf '[Service]\\nExecStart=gone-server\\n' >/etc/systemd/system/gone.service; systemctl daemon-reload`,
  );
  for (const [unit, reason] of cases) {
    const { status, stderr } = service('adopt', unit);
    t.equal(status, 1);
    t.match(stderr, reason);
  }
  t.match(service('update', 'nginx').stderr, /nginx.service is not adopted\nhint: uchroot-service adopt/);
});
