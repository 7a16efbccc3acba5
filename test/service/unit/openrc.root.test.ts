// Units for OpenRC, whose programs are unpacked into a machine of systemd's.
import t, { type Test } from 'tap';

import { packageDirectory } from '../../support/launch.ts';
import { unlessMachine, type Machine } from '../../support/machine.ts';
import { unlessThere } from '../../support/root.ts';
import {
  argumentsOf,
  bootScene,
  isJailed,
  recordedArguments,
  recorder,
  writeUnit,
} from '../../support/service/scene.ts';
import { oddWords } from '../../support/service/torture.ts';

// It cannot be installed beside systemd; scripts/test unpacks it.
const openrc = `${packageDirectory}/build/test/openrc`;
const skip = unlessMachine('cc', 'logger', 'socat') || unlessThere(`${openrc}/usr/sbin/openrc-run`);
let machine: Machine;

t.before(async () => {
  if (skip !== false) return;
  machine = await bootScene();
  // what OpenRC makes when it boots
  machine.shell(`
    cp -a ${openrc}/. /
    for state in starting started stopping inactive failed daemons options exclusive scheduled init.d tmp; do
      mkdir -p /run/openrc/$state
    done
    touch /run/openrc/softlevel
  `);
});
t.teardown(async () => await machine?.stop());

function unitTest(name: string, body: (t: Test) => Promise<void>): void {
  void t.test(name, { skip }, body);
}

const service = (name: string, word: string) => machine.run(['rc-service', name, word]);
const pid = (): string => machine.run(['pgrep', '-x', 'daemon']).stdout.trim();

unitTest('it starts, reports, reloads, restarts and ends the program', async (t) => {
  writeUnit(machine, 'openrc', 'one', ['--reload-signal', 'HUP'], ['say=here', 'reload=read again', 'wait']);
  t.match(service('one', 'start'), { status: 0 });
  await machine.until('journalctl -t one', /here/);
  t.match(service('one', 'status').stdout, 'started');
  const first = pid();
  t.ok(isJailed(machine, first));
  t.equal(service('one', 'reload').status, 0);
  await machine.until('journalctl -t one', /read again/);
  machine.run(['kill', '-s', 'SEGV', first]);
  await machine.until('journalctl -t one | grep -c here', /^2$/m);
  t.not(pid(), first);
  t.equal(service('one', 'stop').status, 0);
  t.equal(pid(), '');
  t.equal(service('one', 'status').status, 3);
});

unitTest('a jail may have blanks and a quote in its path', async (t) => {
  const jail = "/srv/it's a jail";
  machine.run(['cp', '-a', '/srv/jail', jail]);
  writeUnit(machine, 'openrc', 'quote', [], ['wait'], jail);
  t.equal(service('quote', 'start').status, 0);
  await machine.until('readlink /proc/$(pgrep -x daemon)/root', /it's a jail/);
  t.equal(service('quote', 'stop').status, 0);
});

unitTest('a launch that fails is told where it is started', async (t) => {
  writeUnit(machine, 'openrc', 'fails', [], ['wait']);
  machine.shell("sed -i 's,nobody /srv,nosuch /srv,' /etc/init.d/fails");
  t.match(service('fails', 'start'), { status: 1, stderr: /Unknown user nosuch/ });
  t.equal(service('fails', 'status').status, 3);
});

unitTest('a program that ends too often is given up', async (t) => {
  writeUnit(machine, 'openrc', 'often', [], ['say=again', 'exit=4']);
  machine.shell('sed -i s/^respawn_max=.*/respawn_max=1/ /etc/init.d/often');
  service('often', 'start');
  await machine.until('rc-service often status', /crashed|stopped|unsupervised/);
  t.ok(await machine.until('journalctl -t often | grep -c again', /^2$/m));
});

unitTest('uchroot-inetd starts, reloads and ends; a service that cannot start is told', async (t) => {
  const bundle = `${packageDirectory}/dist/bin/uchroot-inetd.cjs`;
  const unit = ['--unit', 'openrc', '--unit-dir', '/etc/init.d'];
  const launch = [
    '--listen',
    '127.0.0.1:7000',
    '--setenv',
    "A=it's *",
    'nobody',
    '/srv/jail',
    '/daemon',
    'say=a b',
  ];
  const made = machine.run([process.execPath, bundle, ...unit, ...launch]);
  t.same([made.status, made.stdout], [0, '/etc/init.d/uchroot-inetd\n'], made.stderr);
  t.match(service('uchroot-inetd', 'start'), { status: 0 });
  await machine.until('ss -Hltn sport = 7000', /7000/);
  t.equal(service('uchroot-inetd', 'reload').status, 0);
  await machine.until('journalctl -t uchroot-inetd', /reloaded, listening: /);
  t.equal(service('uchroot-inetd', 'stop').status, 0);
  t.equal(machine.shell('ss -Hltn sport = 7000').stdout, '');
  machine.shell("sed -i 's,/daemon,/deamon,' /etc/init.d/uchroot-inetd");
  t.match(service('uchroot-inetd', 'start'), { status: 1, stderr: /\/deamon: not found in the jail/ });
});

// On a host that OpenRC has booted, the service, its supervisor and its loggers share a cgroup.
unitTest('limits hold in the cgroup that OpenRC makes for a service', async (t) => {
  // controllers that this host has in version 1 are mounted elsewhere
  machine.shell(`echo 'rc_sys=""' >>/etc/rc.conf
    for name in memory pids; do
      if grep -qw $name /sys/fs/cgroup/cgroup.controllers; then echo +$name >/sys/fs/cgroup/cgroup.subtree_control
      else mkdir -p /run/v1/$name; mount -t cgroup -o $name none /run/v1/$name
      fi
    done`);
  const limits = ['--memory', '64M', '--pids', '9'];
  const place = (name: string): string => machine.shell(`ls -d /sys/fs/cgroup/openrc.${name}`).stdout;
  writeUnit(machine, 'openrc', 'limits', limits, ['say=here', 'wait']);
  const started = service('limits', 'start');
  t.equal(started.status, 0, started.stderr);
  await machine.until('journalctl -t limits', /here/);
  t.match(machine.shell(`cat /proc/$(pgrep -x daemon)/cgroup`).stdout, /\/openrc\.limits\/uchroot-\d/);
  t.equal(service('limits', 'restart').status, 0);
  await machine.until('journalctl -t limits | grep -c here', /^2$/m);
  t.equal(service('limits', 'stop').status, 0);
  t.equal(place('limits'), '');

  const bundle = `${packageDirectory}/dist/bin/uchroot-inetd.cjs`;
  const unit = ['--unit', 'openrc', '--unit-dir', '/etc/init.d', ...limits];
  const launch = ['--listen', '127.0.0.1:7000', 'nobody', '/srv/jail', '/daemon', 'say=limited'];
  // it also says that the test itself is in no cgroup of the machine
  machine.run([process.execPath, bundle, ...unit, ...launch]);
  t.equal(service('uchroot-inetd', 'start').status, 0);
  await machine.until('socat -t 5 - TCP:127.0.0.1:7000 </dev/null', /^limited$/m);
  t.equal(service('uchroot-inetd', 'stop').status, 0);
  t.equal(place('uchroot-inetd'), '');
  machine.shell("sed -i '/^rc_sys=/d' /etc/rc.conf; ! [ -d /run/v1 ] || umount /run/v1/*");
});

unitTest('arguments survive', async (t) => {
  writeUnit(machine, 'openrc', 'torture', [], [recorder, ...oddWords]);
  const { stderr } = service('torture', 'start');
  t.equal(await recordedArguments(machine), argumentsOf(recorder, ...oddWords), { stderr });
  service('torture', 'stop');
});
