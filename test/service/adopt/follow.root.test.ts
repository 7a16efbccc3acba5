// A fleet of two services of a package: updates in their order, by themselves after upgrades (doc/uchroot-service.md, AFTER UPGRADES), and
// commands that are killed.
import { packageDirectory } from '../../support/launch.ts';
import { serviceMachine } from '../../support/adopted.ts';

const { serviceTest, machine, service, shell, isJailed } = serviceMachine('gcc', 'dpkg-deb', 'timeout');

// fleet-a needs fleet-b; both need the library. Their package restarts them, as many do.
const packages = `set -e
mkdir -p /srv/work && cd /srv/work
cat >library.c <<'END'
int fleet(void) { return VALUE; }
END
cat >program.c <<'END'
#include <stdlib.h>
#include <unistd.h>
int fleet(void);
static volatile int version = VERSION;
int main(void) {
  if (fleet() == 0 || version == 0) exit(1);
  for (;;) pause();
}
END
control() {
  mkdir -p $1/DEBIAN
  printf 'Package: %s\\nVersion: %s\\nArchitecture: all\\nMaintainer: root <root@localhost>\\nDescription: test\\n' $2 $3 >$1/DEBIAN/control
}
library() {
  control library$1 libfleet $1
  mkdir -p library$1/usr/lib
  gcc -shared -Wl,-soname,libfleet.so -DVALUE=$1 -o library$1/usr/lib/libfleet.so library.c
  dpkg-deb --root-owner-group -b library$1 >/dev/null
}
library 1; library 2
gcc -shared -Wl,-soname,libfleet.so -DVALUE=0 -o broken.so library.c
for version in 1 2; do
  control fleet$version fleet $version
  mkdir -p fleet$version/usr/sbin fleet$version/usr/lib/systemd/system
  gcc -DVERSION=$version -o fleet$version/usr/sbin/fleet-a program.c -Llibrary1/usr/lib -lfleet
  gcc -DVERSION=1 -o fleet$version/usr/sbin/fleet-b program.c -Llibrary1/usr/lib -lfleet
  printf '[Unit]\\nRequires=fleet-b.service\\nAfter=fleet-b.service\\n[Service]\\nType=exec\\nExecStart=/usr/sbin/fleet-a\\nStateDirectory=fleet-a\\n' \\
    >fleet$version/usr/lib/systemd/system/fleet-a.service
  printf '[Service]\\nType=exec\\nExecStart=/usr/sbin/fleet-b\\n' >fleet$version/usr/lib/systemd/system/fleet-b.service
  printf '#!/bin/sh\\nsystemctl daemon-reload\\nsystemctl restart fleet-b fleet-a\\n' >fleet$version/DEBIAN/postinst
  printf '#!/bin/sh\\n[ "$1" != remove ] || systemctl stop fleet-a fleet-b\\n' >fleet$version/DEBIAN/prerm
  chmod 755 fleet$version/DEBIAN/p*
  dpkg-deb --root-owner-group -b fleet$version >/dev/null
done`;

// Triggers belong to packages of the host.
const install = (...names: readonly string[]): number | null =>
  machine().shell(`cd /srv/work; dpkg -i --no-triggers ${names.map((name) => `${name}.deb`).join(' ')}`)
    .status;

// Everything that uchroot-service may touch: names, owners, modes, links and contents. systemd and dpkg write elsewhere.
const hostState = (): string =>
  shell(`cd /; find etc/systemd etc/dpkg etc/tmpfiles.d run var/lib/uchroot var/lib/fleet-a -xdev \\
\\( -path run/systemd -o -path run/log -o -path run/udev \\) -prune -o \\
\\( -type f -exec sha256sum {} + -o -printf '%p %m %U:%G %y %l\\n' \\) 2>&1 | sort`);

const log = (): string => shell('journalctl -u uchroot-update --no-pager -o cat');
let before = '';

serviceTest('the host is followed by files of dpkg and systemd', async (t) => {
  // that of the machine on which the tests run is below that of this one
  shell('rm -rf /var/lib/uchroot');
  t.equal(machine().shell(packages).stderr, '');
  t.equal(install('library1', 'fleet1'), 0);
  before = hostState();
  t.match(service('follow'), { status: 1, stderr: /no service is adopted/ });
  for (const unit of ['fleet-a', 'fleet-b']) {
    const { status, stderr } = service('adopt', unit, '--no-trial', '--watch', '0.2');
    t.equal(status, 0, stderr);
  }
  t.match(service('follow').stdout, /^on: .*after each run of dpkg/);
  t.equal(shell('systemctl is-active uchroot-update.path uchroot-update.timer'), 'active\nactive');
  t.match(service('follow', '--window', '02:00-01:30').stdout, /^on: .* by its timer alone\n/);
  t.match(
    shell('systemctl cat uchroot-update.timer uchroot-update.service'),
    /OnCalendar=\*-\*-\* 02:00[^]*=1410min/,
  );
  t.match(service('follow', '--window', '2-5'), { status: 1, stderr: /two different times of a day/ });
  t.match(service('follow').stdout, /^on: .*after each run of dpkg/);
});

serviceTest('an upgrade ends in the new version, each service after those that it needs', async (t) => {
  t.equal(install('fleet2'), 0);
  await machine().until('journalctl -u uchroot-update --no-pager -o cat', /^2 services: .*/m);
  t.match(log(), /^fleet-b\.service: current; /m);
  t.match(log(), /^fleet-a\.service: updated: its program has changed; fleet 1, now 2$/m);
  t.equal(install('library2'), 0);
  await machine().until('journalctl -u uchroot-update --no-pager -o cat', /\(2 libraries\)/);
  const words = 'updated: libraries have changed, and its program has not;';
  t.match(
    log(),
    `fleet-b.service: ${words} fleet 1, now 2; libfleet 1, now 2\nfleet-a.service: ${words} libfleet 1, now 2\n`,
  );
  t.ok(isJailed('fleet-a') && isJailed('fleet-b'));
  t.match(service('follow', '--state').stdout, /last run: .*, success/);
});

serviceTest('updates stop at a service that does not come up, and status tells it', async (t) => {
  shell('cp --remove-destination /srv/work/broken.so /usr/lib/libfleet.so');
  const first = service('update', '--all');
  t.equal(first.status, 1);
  t.match(first.stdout, '2 services: 0 updated, 0 current, 1 failed, 1 not tried: fleet-a.service\n');
  t.match(
    service('status', 'fleet-b').stdout,
    / {2}last update failed \(2.*\): fleet-b\.service does not come up/,
  );
  const json = JSON.parse(service('update', '--all', '--max-failures', '2', '--format', 'json').stdout) as {
    readonly failed: readonly { readonly unit: string }[];
  };
  t.same(
    json.failed.map(({ unit }) => unit),
    ['fleet-b.service', 'fleet-a.service'],
  );
  shell('cp --remove-destination /srv/work/library2/usr/lib/libfleet.so /usr/lib/');
  t.match(service('update', '--all', '--jobs', '2').stdout, '2 services: 0 updated, 2 current\n');
  t.notMatch(service('status', 'fleet-b').stdout, 'last update failed');
  t.ok(isJailed('fleet-a') && isJailed('fleet-b'));
});

serviceTest('the timer of a window updates, and nothing waits for a bus that hangs', async (t) => {
  t.match(service('follow', '--window', '02:00-01:30').stdout, /^on: .* by its timer alone\n/);
  const override = '/run/systemd/system/uchroot-update.timer.d';
  // 02:00 is now
  shell(`rm -f /usr/lib/libfleet.so; cp /srv/work/library1/usr/lib/libfleet.so /usr/lib/
mkdir ${override}; printf '[Timer]\\nOnCalendar=\\nOnCalendar=*:*:*\\nAccuracySec=1us\\n' >${override}/now.conf
systemctl daemon-reload; systemctl restart uchroot-update.timer`);
  const last = 'journalctl -u uchroot-update --no-pager -o cat | tail -n 20';
  await machine().until(
    last,
    /^fleet-a\.service: updated: libraries have changed[^]*^2 services: 2 updated/m,
  );
  // it has begun again meanwhile
  shell(`systemctl stop uchroot-update.timer uchroot-update.service
rm -r ${override}; cp --remove-destination /srv/work/library2/usr/lib/libfleet.so /usr/lib/`);
  const command = `${process.execPath} ${packageDirectory}/dist/bin/uchroot-service.cjs`;
  for (const words of ['update fleet-b', 'follow']) {
    const interrupted = shell(`kill -STOP $(pidof dbus-daemon)
timeout --preserve-status --signal INT 2 ${command} ${words}; echo $?
kill -CONT $(pidof dbus-daemon)`);
    t.equal(interrupted, '130', words);
  }
  t.match(service('follow').stdout, /^on: .*after each run of dpkg/);
  t.match(service('update', '--all').stdout, /^2 services: /m);
});

serviceTest('a package that is removed releases its services, and leaves no trace', async (t) => {
  t.equal(machine().shell('dpkg -r --no-triggers fleet').status, 0);
  await machine().until('journalctl -u uchroot-update --no-pager -o cat', /2 released/);
  t.match(service('follow', '--state').stdout, /^off: /);
  t.equal(service('status').stdout, 'no service is adopted\n');
  t.equal(shell('systemctl --failed --no-legend'), '');
  install('fleet2');
  t.equal(hostState(), before);
});

const TO_ITS_END = 60_000;
// Where a command is killed, in milliseconds after its start; a round with `full` has a full disk instead.
const rounds: readonly (readonly [verb: string, at: number | 'full'])[] = [
  ['adopt', 'full'],
  ['adopt', 600],
  ['adopt', 900],
  ['adopt', 1300],
  ['adopt', TO_ITS_END],
  ['update', 'full'],
  ['update', 700],
  ['update', 1100],
  ['release', 'full'],
  ['release', 300],
  ['release', 500],
];

serviceTest('killed at any point, the next command finishes or undoes', async (t) => {
  const place = '/var/lib/uchroot';
  const command = `${process.execPath} ${packageDirectory}/dist/bin/uchroot-service.cjs`;
  shell(`mkdir -p ${place}; mount -t tmpfs -o size=40m none ${place}`);
  for (const [verb, at] of rounds) {
    const words = `${command} ${verb} fleet-b${verb === 'adopt' ? ' --watch 0.2' : ''}`;
    // so that an update has something to do
    const version = 1 + (at === 'full' ? 0 : (at / 100) % 2);
    shell(`cp --remove-destination /srv/work/library${version}/usr/lib/libfleet.so /usr/lib/`);
    const limit = `timeout --signal KILL ${at === 'full' ? 30 : at / 1000} ${words}`;
    shell(at === 'full' ? `dd if=/dev/zero of=${place}/fill bs=4k; ${limit}; rm ${place}/fill` : limit);
    // a restart that was asked for before the kill may still go on
    t.match(await machine().until('systemctl is-active fleet-b', /^active$/m), 'active', `${verb} ${at}`);
  }
  const { status, stderr } = service('release', 'fleet-b');
  t.ok(status === 0 || /is not adopted/.test(stderr), stderr);
  shell(
    `umount ${place}; rmdir ${place}; cp --remove-destination /srv/work/library2/usr/lib/libfleet.so /usr/lib/`,
  );
  t.equal(shell('systemctl is-active fleet-b fleet-a'), 'active\nactive');
  t.notOk(isJailed('fleet-b'));
  t.equal(hostState(), before);
});
