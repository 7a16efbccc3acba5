// Tests of the configuration of adopted services, and what an update reads of a unit, on a systemd that has been booted for the purpose.
import { packageDirectory } from '../../support/launch.ts';
import { serviceMachine } from '../../support/adopted.ts';

const { serviceTest, machine, service, shell, show, isJailed, outdate } = serviceMachine('pgrep');

const adopt = (unit: string, ...more: readonly string[]) =>
  service('adopt', unit, '--no-trial', '--watch', '0.3', '--program', '/usr/bin/sleep', ...more);

// A daemon whose other commands say so. It is tested by `check`, with the file in which the test waits.
const app = `cat >/usr/local/bin/app <<'END'
#!/bin/sh
echo "$*" >>/var/lib/app/ran
case $1 in
  serve) exec sleep 1000;;
  check) [ ! -e /etc/app.d/wait ] || exec sleep 100;;
esac
END
chmod 755 /usr/local/bin/app
mkdir -p /etc/app.d
cat >/etc/systemd/system/app.service <<'END'
[Service]
Type=exec
StateDirectory=app
RuntimeDirectory=app
ExecStartPre=app migrate
ExecStartPre=app check --config=/etc/app.d/main
ExecStart=app serve
ExecReload=app -c /etc/app.d/main reload
END
echo x >/etc/app.d/main
systemctl daemon-reload`;

const ran = (): readonly string[] => shell('cat /var/lib/app/ran; rm /var/lib/app/ran').split('\n');
const serves = (): Promise<string> => machine().until('cat /var/lib/app/ran', /^serve$/m);
const test = 'check --config=/etc/app.d/main';
const start = ['migrate', test, 'serve'];

serviceTest('a service that does not run is adopted, though its directory in /run has gone', async (t) => {
  t.equal(machine().shell(`${app}; systemctl start app`).stderr, '');
  await serves();
  machine().shell('systemctl stop app');
  t.same(ran(), start);
  t.equal(shell('ls -d /run/app'), '', 'systemd has removed it');
  const { status, stdout, stderr } = adopt('app');
  t.equal(status, 0, stderr);
  t.match(stdout, 'tests of the configuration: 1 passed');
  t.same(ran(), [test]);
});

serviceTest('update and reload run the test beforehand, and no line that changes data', async (t) => {
  machine().shell('systemctl start app');
  await serves();
  t.ok(isJailed('app'));
  t.same(ran(), start);
  t.equal(service('reload', 'app').status, 0);
  t.same(ran(), [test, '-c /etc/app.d/main reload']);
  outdate('app');
  t.equal(service('update', 'app').status, 0);
  await serves();
  t.same(ran(), [test, ...start]);
});

serviceTest('a test that waits for ever can be interrupted, and ends', async (t) => {
  const update = `${process.execPath} ${packageDirectory}/dist/bin/uchroot-service.cjs update app`;
  const { stdout, stderr } = machine().shell(`touch /etc/app.d/wait; ${update} &
for i in $(seq 600); do [ ! -e /var/lib/app/ran ] || break; sleep 0.1; done
kill -INT $!; wait $!; echo "status $?"`);
  t.match(stdout, /^status 130$/m);
  t.match(stderr, /^uchroot-service: interrupted; nothing is left half done$/m);
  t.same(ran(), [test]);
  t.equal(
    shell('pgrep -x sleep -a; find /run/systemd/system -name "uchroot*"').replace(/^\d+ /, ''),
    'sleep 1000',
  );
  t.ok(isJailed('app'));
});

serviceTest('a test that waits for ever fails after TimeoutStartSec=', async (t) => {
  machine().shell(
    `printf '[Service]\\nTimeoutStartSec=2\\n' >/etc/systemd/system/app.service.d/limit.conf; systemctl daemon-reload`,
  );
  const { status, stderr } = service('update', 'app');
  t.equal(status, 1);
  t.match(stderr, /the test of its configuration fails: .*timeout/);
  t.ok(isJailed('app'));
  machine().shell('rm /etc/app.d/wait /etc/systemd/system/app.service.d/limit.conf; systemctl daemon-reload');
  t.equal(service('release', 'app').status, 0);
});

const credential = `cat >/etc/systemd/system/credential.service <<'END'
[Service]
Type=exec
RuntimeDirectory=%N
SetCredential=key:secret
Environment=FILE=%y
ExecStart=sh -c 'cat "$1/key" >/run/credential/seen; echo " $FILE %f" >>/run/credential/seen; exec sleep 1000' sh %d
END
systemctl daemon-reload; systemctl start credential`;

serviceTest('specifiers mean the same after an update', async (t) => {
  const seen = 'cat /run/credential/seen';
  const expected = 'secret /etc/systemd/system/credential.service /credential';
  t.equal(machine().shell(credential).stderr, '');
  await machine().until(seen, / \/credential$/m);
  t.equal(shell(seen), expected);
  t.match(adopt('credential', '--program', '/usr/bin/cat'), {
    status: 0,
    stdout: /a compiled launcher enters/,
  });
  t.equal(shell(seen), expected);
  outdate('credential');
  const { status, stderr } = service('update', 'credential');
  t.equal(status, 0, stderr);
  t.ok(isJailed('credential'));
  t.equal(shell(seen), expected);
  t.notMatch(shell('cat /etc/systemd/system/credential.service.d/uchroot.conf'), 'uchroot-look');
  t.equal(service('release', 'credential').status, 0);
});

const dynamic = `cat >/usr/local/bin/dynamic <<'END'
#!/bin/sh
echo "$1" >>/var/lib/dynamic/ran
[ "$1" != serve ] || exec sleep 1000
END
chmod 755 /usr/local/bin/dynamic
cat >/etc/systemd/system/dynamic.service <<'END'
[Service]
Type=exec
DynamicUser=yes
StateDirectory=dynamic
ExecStartPre=/usr/local/bin/dynamic check
ExecStart=/usr/local/bin/dynamic serve
END
systemctl daemon-reload; systemctl start dynamic`;

serviceTest('a user that systemd makes for a service has the same name after an update', async (t) => {
  t.equal(machine().shell(dynamic).stderr, '');
  const adopted = adopt('dynamic');
  t.equal(adopted.status, 0, adopted.stderr);
  t.ok(isJailed('dynamic'));
  for (const state of ['start', 'stop']) {
    machine().shell(`systemctl ${state} dynamic; rm /var/lib/dynamic/ran`);
    outdate('dynamic');
    const { status, stderr } = service('update', 'dynamic');
    t.equal(status, 0, stderr);
    t.match(service('status', 'dynamic').stdout, /^ {2}user: dynamic /m, state);
    t.match(shell('cat /var/lib/dynamic/ran'), /^check$/m, state);
  }
  machine().shell('systemctl start dynamic');
  t.equal(show('dynamic', 'User'), 'dynamic');
  t.equal(service('release', 'dynamic').status, 0);
});
