// The kept configuration: services of systemd with a broken configuration, on a systemd that has been booted for the purpose.
import { packageDirectory, type Ended } from '../../../support/launch.ts';
import { serviceMachine } from '../../../support/adopted.ts';

const { serviceTest, machine, service, serviceProcess, shell, show, isJailed, outdate } = serviceMachine(
  'redis-server',
  'redis-cli',
  'strace',
);
const copies = (unit: string): string => shell(`ls /var/lib/uchroot/services/${unit}.service/configuration`);

serviceTest('a service whose new configuration is broken runs with the last good one', async (t) => {
  machine().shell('systemctl enable --now redis-server; sleep 1; redis-cli set shape round; redis-cli save');
  t.equal(service('adopt', 'redis-server', '--no-trial').status, 0);
  machine().shell(
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
  t.equal(shell('redis-cli config rewrite'), 'OK', 'as Sentinel does at its start');
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

serviceTest(
  'it does so after a boot too, and a reload with the mended configuration goes back to /etc',
  async (t) => {
    await machine().reboot();
    t.match(service('status', 'redis-server').stdout, 'and not with the one in /etc', 'after a boot too');
    machine().shell('cp -a /root/good.conf /etc/redis/redis.conf');
    t.match(service('reload', 'redis-server').stdout, 'restarted: it ran with a kept configuration; ');
    t.notMatch(service('status', 'redis-server').stdout, 'not with the one in /etc');
    t.equal(shell('redis-cli get size; redis-cli config rewrite'), 'big\nOK');
  },
);

serviceTest('a run that is killed while it copies leaves the old copy in use', async (t) => {
  machine().shell(
    `printf '#!/bin/sh\n/usr/bin/cp "$@"; kill -KILL $PPID; sleep 9\n' >/usr/local/bin/cp; chmod 755 /usr/local/bin/cp`,
  );
  t.equal(
    serviceProcess('reload', 'redis-server').signal,
    'SIGKILL',
    'redis has written to its configuration',
  );
  t.equal(copies('redis-server'), '1\n2');
  machine().shell(
    'rm /usr/local/bin/cp; cp -a /etc/redis/redis.conf /root/good.conf; echo nonsense >>/etc/redis/redis.conf',
  );
  t.match(service('reload', 'redis-server').stderr, 'it runs with the one of');
  t.match(
    shell('cat /etc/systemd/system/redis-server.service.d/uchroot.conf'),
    '/configuration/.1/etc/redis:/etc/redis',
  );
  machine().shell('cp -a /root/good.conf /etc/redis/redis.conf');
  t.match(service('reload', 'redis-server').stdout, 'restarted');
  t.equal(copies('redis-server'), '3');
  t.equal(shell('redis-cli get shape'), 'round');
  t.equal(service('release', 'redis-server').status, 0);
});

const command = [process.execPath, `${packageDirectory}/dist/bin/uchroot-service.cjs`];

// Its configuration is a command, without which it does not start.
const ownUnit = `cat >/usr/local/bin/own-server <<'END'
#!/bin/sh
set -e
$(/usr/bin/cat "$1")
exec /usr/bin/sleep 1000
END
chmod 755 /usr/local/bin/own-server
printf '[Service]\\nExecStart=own-server /etc/own.conf\\n' >/etc/systemd/system/own.service
systemctl daemon-reload; systemctl start own`;

// A drop-in of the owner, since an adopted unit stays his.
const reloadBy = (line: string): Ended =>
  machine().shell(
    `mkdir -p /etc/systemd/system/own.service.d; printf '[Service]\\nExecReload=\\nExecReload=${line}\\n' >/etc/systemd/system/own.service.d/z.conf; systemctl daemon-reload`,
  );
const configure = (line: string): Ended => machine().shell(`echo '${line}' >/etc/own.conf`);

serviceTest(
  'a service that a reload ends is restarted, with the last good configuration if need be',
  async (t) => {
    configure('/usr/bin/factor 6');
    machine().shell(`${ownUnit}; truncate -s 17M /etc/large; mkdir /etc/日本`);
    const programs = ['--program', '/usr/bin/factor', '--program', '/usr/bin/false'];
    const adopted = service(
      'adopt',
      'own',
      '--no-trial',
      '--watch',
      '0.5',
      ...programs,
      '--ro-bind',
      '/etc/large',
      '--ro-bind',
      '/etc/日本',
    );
    t.equal(adopted.status, 0);
    t.match(shell(`ls /proc/${show('own', 'MainPID')}/root/etc`), '日本');
    t.match(
      adopted.stderr,
      'warning: own.service: no copy of /etc/large is kept: with it the configuration has more than 1000 files or 16 MB\n',
    );
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

serviceTest('a reload reaches a file that was replaced, and proves nothing by itself', async (t) => {
  reloadBy('kill -CONT $MAINPID');
  configure('/usr/bin/false');
  t.match(service('reload', 'own').stdout, /^reloaded; /);
  machine().shell('cp /etc/own.conf /etc/n; echo >>/etc/n; mv /etc/n /etc/own.conf; mv /etc/日本 /etc/gone');
  t.match(service('reload', 'own').stderr, /own.service: \/etc\/日本 is gone\nhint: put it back; /);
  machine().shell('mv /etc/gone /etc/日本');
  t.match(service('reload', 'own').stderr, 'it runs with the one of');
  t.equal(
    shell('cat /proc/$(systemctl show --value -p MainPID own)/root/etc/own.conf'),
    '/usr/bin/factor 10',
  );
  configure('/usr/bin/factor 10');
  t.match(service('reload', 'own').stdout, 'restarted: it ran with a kept configuration; ');
});

serviceTest('the next command mends what a killed one has left half done', async (t) => {
  const drop = '/etc/systemd/system/own.service.d/uchroot.conf';
  const before = shell(`cat ${drop}`);
  // the start of the service kills it
  const line = 'echo "eval kill -KILL $$; false" >/etc/own.conf; exec "$@"';
  t.equal(machine().run(['sh', '-c', line, 'sh', ...command, 'update', 'own']).signal, 'SIGKILL');
  t.not(shell(`cat ${drop}`), before);
  await machine().until('systemctl is-active own', /failed/);
  configure('/usr/bin/factor 10');
  t.match(service('reload', 'own').stdout, /^reloaded; /);
  t.equal(shell(`cat ${drop}`), before);
  t.ok(isJailed('own'));
});

serviceTest('a copy counts when it is on the disk', async (t) => {
  const broken = 'strace -f -qq -o /dev/null -e trace=syncfs -e inject=syncfs:error=EIO'.split(' ');
  const withoutDisk = (verb: string) => machine().run([...broken, ...command, verb, 'own']);
  machine().shell('echo >>/etc/own.conf');
  const { status, stderr } = withoutDisk('update');
  t.equal(status, 1);
  t.match(stderr, /^uchroot-service: .*: Input\/output error, syncfs$/m, 'a jail too');
  reloadBy('kill -9 $MAINPID');
  t.match(withoutDisk('reload').stderr, /no new copy of the configuration is kept: .*: i\/o error/);
  reloadBy('kill -CONT $MAINPID');
});

serviceTest('a copy that is not whole is not used, and the message says that it was tried', async (t) => {
  const copy = '/var/lib/uchroot/services/own.service/configuration/*/etc/own.conf';
  machine().shell(`mv ${copy} /root/own.conf; rm /etc/own.conf`);
  t.match(
    service('update', 'own').stderr,
    /neither with the configuration in \/etc nor with the one of .* \(files of the copy are missing\): /,
  );
  configure('/usr/bin/factor 10');
  machine().shell('systemctl restart own');
  t.match(service('update', 'own').stdout, 'adopted');
  reloadBy('kill -CONT $MAINPID\\nEnvironmentFile=/etc/default/none');
  t.match(service('update', 'own').stderr, '/etc/default/none, its EnvironmentFile=, is not there');
  t.ok(isJailed('own'));
});

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
  machine().shell('systemctl stop own');
  t.match(service('reload', 'own').stdout, 'the next start takes the configuration in /etc: ');
  t.match(service('reload', 'own').stderr, 'own.service is not active: there is nothing to reload');
  outdate('own');
  t.equal(service('update', 'own').status, 0);
  t.equal(shell('systemctl is-active own'), 'inactive');
  t.match(
    shell('grep -rh factor /var/lib/uchroot/services/own.service/configuration'),
    'factor 10',
    'as it was good',
  );
});

serviceTest(
  'a service whose record is damaged keeps no other one from its update and its line',
  async (t) => {
    const other = '/var/lib/uchroot/services/a.service';
    machine().shell(`mkdir ${other}; echo '{' >${other}/adoption.json`);
    for (const words of [['status'], ['update', '--all']]) {
      const { status, stdout, stderr } = service(...words);
      t.equal(status, 1);
      t.match(stderr, /^uchroot-service: .*a.service\/adoption.json: /);
      t.match(stdout, 'own.service: ');
    }
    machine().shell(`rm -r ${other}`);
  },
);

serviceTest(
  'a disk that is too full for the record fails an update before the service is touched',
  async (t) => {
    const [place, drop] = [
      '/var/lib/uchroot/services/own.service',
      '/etc/systemd/system/own.service.d/uchroot.conf',
    ];
    outdate('own');
    const before = shell(`ls ${place}; cat ${drop}`);
    machine().shell(`ln -s /dev/full ${place}/adoption.json.new`);
    const { status, stderr } = service('update', 'own');
    t.equal(status, 1);
    t.match(
      stderr,
      /^uchroot-service: .*adoption\.json\.new: no space left on device\nhint: make room there/,
    );
    machine().shell(`rm ${place}/adoption.json.new`);
    t.equal(shell(`ls ${place}; cat ${drop}`), before);
  },
);

serviceTest('a disk that is too full for a copy fails no update', async (t) => {
  configure('/usr/bin/factor 12');
  machine().shell('systemctl start own; head -c 100000 /dev/zero | tr "\\0" "\\n" >>/etc/own.conf');
  machine().shell('mount -t tmpfs -o size=64k none /var/lib/uchroot/services/own.service/configuration');
  const { status, stderr } = service('update', 'own');
  t.equal(status, 0);
  t.match(
    stderr,
    /warning: own.service: no new copy of the configuration is kept: .*No space left on device/,
  );
  t.equal(copies('own'), '', 'no half copy');
  machine().shell('umount /var/lib/uchroot/services/own.service/configuration');
  configure('/usr/bin/false');
  t.match(service('reload', 'own').stderr, 'it runs with the one of');
  configure('/usr/bin/factor 12');
  // as after an adoption that was killed, and another one while it built
  machine().shell(
    'cd /var/lib/uchroot/services/own.service; rm adoption.json; mkdir -p 99/jail/.uchroot/new',
  );
  t.match(service('adopt', 'own').stderr, /^hint: uchroot-service release own.service$/m);
  t.equal(service('release', 'own').status, 0);
  t.equal(
    shell('ls -d /var/lib/uchroot/services/own.service /etc/systemd/system/own.service.d/uchroot.conf'),
    '',
  );
});

serviceTest('a service that is broken already is told, and one whose unit has gone', async (t) => {
  configure('/usr/bin/false');
  t.match(
    service(
      'adopt',
      'own',
      '--watch',
      '0.5',
      '--no-trial',
      '--program',
      '/usr/bin/false',
      '--ro-bind',
      '/etc/own.conf',
    ).stderr,
    /own.service comes up neither in its jail \(.*\) nor without it; it is not adopted: [^]*^hint: mend the service; then: systemctl start own.service$/m,
  );
  configure('/usr/bin/factor 12');
  machine().shell('systemctl stop own');
  t.equal(service('adopt', 'own').status, 0);
  machine().shell('rm /etc/systemd/system/own.service; systemctl daemon-reload');
  t.match(
    service('update', 'own').stderr,
    'the unit own.service has gone\nhint: install it again, or remove its jail: uchroot-service release own.service\n',
  );
  t.equal(service('release', 'own').status, 0);
});
