// Pid files and sockets in /run of an adopted service: programs of the host find them.
import { serviceMachine } from '../../support/adopted.ts';

const { serviceTest, machine, service, shell, show, isJailed } = serviceMachine('socat');

// It runs as root, and its unit names no directory in /run.
const pidder = `cat >/usr/local/bin/pidder <<'END'
#!/bin/sh
place=$(/usr/bin/cat /etc/pidder.conf)
echo $$ >/run/pidder.pid
[ $place = /run ] || { mkdir -p $place; chown 65534 $place; }
exec /usr/bin/socat UNIX-LISTEN:$place/pidder.ctl,fork,unlink-early SYSTEM:'echo answer'
END
chmod 755 /usr/local/bin/pidder
echo /run >/etc/pidder.conf
cat >/etc/systemd/system/pidder.service <<'END'
[Service]
Type=exec
ExecStart=/usr/local/bin/pidder
[Install]
WantedBy=multi-user.target
END
systemctl daemon-reload; systemctl enable --now pidder`;

const programs = ['socat', 'cat', 'mkdir', 'chown'].flatMap((name) => ['--program', `/usr/bin/${name}`]);
const adopt = (...more: readonly string[]) =>
  service('adopt', 'pidder', '--watch', '0.5', ...programs, ...more);
const answers = (place = '/run'): Promise<string> =>
  machine().until(`socat - UNIX-CONNECT:${place}/pidder.ctl`, /^answer$/m);
const pid = (): string => shell('test -e /run/pidder.pid && cat /run/pidder.pid');
const links = (): string => shell('find /run -type l -name "pidder*"; ls /etc/tmpfiles.d');

serviceTest('a pid file and a socket in /run are where programs of the host look', async (t) => {
  t.equal(
    machine()
      .shell(pidder)
      .stderr.replace(/^Created symlink.*\n/, ''),
    '',
  );
  await answers();
  const { status, stderr } = adopt();
  t.equal(status, 0, stderr);
  t.ok(isJailed('pidder'));
  t.equal(pid(), show('pidder', 'MainPID'));
  await answers();
});

serviceTest('they are there after a restart, an update and a boot, and none is from before', async (t) => {
  machine().shell('systemctl restart pidder');
  await answers();
  t.equal(pid(), show('pidder', 'MainPID'));
  const { status, stderr } = service('update', 'pidder');
  t.equal(status, 0, stderr);
  await answers();
  t.equal(pid(), show('pidder', 'MainPID'));
  machine().shell('systemctl disable pidder');
  await machine().reboot();
  t.equal(pid(), '', 'the service does not run');
  machine().shell('systemctl start pidder');
  await answers();
  t.ok(isJailed('pidder'));
  t.equal(pid(), show('pidder', 'MainPID'));
});

serviceTest('a release leaves the files that the service makes itself', async (t) => {
  const { status, stderr } = service('release', 'pidder');
  t.equal(status, 0, stderr);
  await answers();
  t.equal(pid(), show('pidder', 'MainPID'));
  t.equal(links(), '');
});

serviceTest('they are there too if systemd enters the jail', async (t) => {
  machine().shell(
    `mkdir -p /etc/systemd/system/pidder.service.d; printf '[Service]\\nNice=-1\\n' >/etc/systemd/system/pidder.service.d/nice.conf; systemctl daemon-reload`,
  );
  const { status, stdout, stderr } = adopt();
  t.equal(status, 0, stderr);
  t.match(stdout, 'systemd enters the jail: Nice= is negative');
  t.equal(pid(), show('pidder', 'MainPID'));
  await answers();
  t.equal(service('release', 'pidder').status, 0);
  t.equal(links(), '');
});

serviceTest('a socket that cannot be linked is refused with a remedy that works', async (t) => {
  machine().shell('echo /run/shared >/etc/pidder.conf; systemctl restart pidder');
  await answers('/run/shared');
  const { status, stderr } = adopt();
  t.equal(status, 1);
  t.match(stderr, 'hint: --bind /run/shared shares the directory with the host', stderr);
  t.notOk(isJailed('pidder'));
  await answers('/run/shared');
  t.equal(links(), '');
  t.equal(adopt('--bind', '/run/shared').status, 0);
  t.ok(isJailed('pidder'));
  await answers('/run/shared');
});

serviceTest(
  'a service that was adopted while it did not run has files that only its status names',
  async (t) => {
    t.equal(service('release', 'pidder').status, 0);
    machine().shell('systemctl stop pidder');
    t.equal(adopt('--bind', '/run/shared').status, 0);
    t.notMatch(service('status', 'pidder').stdout, 'only in its jail');
    machine().shell('systemctl start pidder');
    await answers('/run/shared');
    t.match(service('status', 'pidder').stdout, /^ {2}only in its jail: \/run\/pidder.pid; release it/m);
  },
);
