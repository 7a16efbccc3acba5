// An adopted service that is root of its jail replaces what lies in /run there: nothing of the host that runs as root follows it.
import { serviceMachine } from '../../support/adopted.ts';

const { serviceTest, machine, service, shell, isJailed } = serviceMachine('systemd-tmpfiles');

const target = '/srv/target';

// It puts links where systemd mounts. /run/mover/sub is its own; systemd mounts the socket of its watchdog too.
const open = `mkdir ${target}; cat >/usr/local/bin/mover <<'END'
#!/bin/sh
exec >/var/lib/mover/seen 2>&1
mkdir -p /run/made
echo begun
[ -e /var/lib/mover/go ] || exec sleep 1000
mv /run/mover /run/away && mkdir /run/mover && ln -s ${target} /run/mover/sub && echo moved
mv /run/systemd /run/systemd-away && mkdir /run/systemd && ln -s ${target}/file /run/systemd/notify && echo moved
rmdir /run/made && ln -s ${target} /run/made && echo moved
echo moved-on
exec sleep 1000
END
chmod 755 /usr/local/bin/mover
cat >/etc/systemd/system/mover.service <<'END'
[Service]
Type=exec
ExecStart=/usr/local/bin/mover
StateDirectory=mover
RuntimeDirectory=mover/sub
RuntimeDirectoryPreserve=yes
ReadWritePaths=-/run/made
WatchdogSec=1h
TimeoutStopSec=1
END
systemctl daemon-reload && systemctl start mover`;
const programs = ['mv', 'mkdir', 'ln', 'rmdir', 'sleep'].flatMap((name) => ['--program', `/usr/bin/${name}`]);
const jail = (): string => shell('ls -d /var/lib/uchroot/services/mover.service/*/jail');

serviceTest('a service cannot put a link where the next start mounts below /run of its jail', async (t) => {
  t.equal(machine().shell(open).stderr, '');
  await machine().until('cat /var/lib/mover/seen', /begun/);
  const { status, stderr } = service('adopt', 'mover', '--no-trial', '--watch', '0.5', ...programs);
  t.equal(status, 0, stderr);
  t.ok(isJailed('mover'));
  machine().shell('touch /var/lib/mover/go; systemctl restart mover');
  const seen = await machine().until('cat /var/lib/mover/seen', /moved-on/);
  t.notMatch(seen, /moved$/m);
  machine().shell('touch /run/mover/sub/mine; systemctl restart mover');
  await machine().until('cat /var/lib/mover/seen', /moved-on/);
  t.ok(isJailed('mover'));
  t.equal(shell(`ls -A ${target}`), '', 'systemd has made nothing there');
  t.equal(shell(`nsenter -t $(systemctl show --value -p MainPID mover) -m ls -A ${target}`), '');
});

serviceTest('a directory of /run that a daemon has made is there after a boot', async (t) => {
  machine().shell('systemctl stop mover; rmdir /run/made; systemd-tmpfiles --create --boot');
  t.equal(shell('stat -c %F:%a /run/made'), 'directory:755');
  t.equal(service('update', 'mover').stdout, 'mover.service: current; there is nothing to update\n');
});

serviceTest('other users of the host cannot write to /run of the jail of a service', async (t) => {
  t.equal(shell(`stat -c %U:%a ${jail()}/run`), 'root:755');
  t.equal(shell(`setpriv --reuid 65534 --clear-groups touch ${jail()}/run/x 2>&1 | grep -c denied`), '1');
  t.equal(service('release', 'mover').status, 0);
  t.equal(shell('ls /etc/tmpfiles.d'), '');
});

serviceTest('no file of the host is removed behind a link of the service at boot', async (t) => {
  machine().shell(`cat >/usr/local/bin/mover <<'END'
#!/bin/sh
mkdir -p /run/own; echo $$ >/run/own/mover.pid; echo $$ >/run/mover.pid
exec sleep 1000
END
printf '[Service]\\nExecStart=/usr/local/bin/mover\\n' >/etc/systemd/system/mover.service
systemctl daemon-reload; systemctl start mover`);
  await machine().until('ls /run/mover.pid', /pid/);
  const { status, stderr } = service('adopt', 'mover', '--no-trial', '--watch', '0.5', ...programs);
  t.equal(status, 0, stderr);
  t.equal(shell('cat /run/own/mover.pid'), shell('cat /run/mover.pid'));
  machine()
    .shell(`systemctl stop mover; rm -r ${jail()}/run/own; ln -s ${target} ${jail()}/run/own; touch ${target}/mover.pid
systemd-tmpfiles --remove --boot`);
  t.equal(shell(`ls ${target}`), 'mover.pid');
  t.equal(shell(`ls -A ${jail()}/run | grep mover`), '', 'the pid file of before the boot is gone');
});
