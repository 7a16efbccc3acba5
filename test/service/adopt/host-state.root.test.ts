// What a host can be like: its disks are full, the unit is masked, the service manager has variables, there is no bus or no systemd.
import { spawnSync } from 'node:child_process';

import t, { type Test } from 'tap';

import { commandEnv, packageDirectory } from '../../support/launch.ts';
import { unlessRoot } from '../../support/root.ts';
import { serviceMachine } from '../../support/adopted.ts';

const { serviceTest, machine, service, shell, show, isJailed, outdate } = serviceMachine();

const unit = 'waiter';
const program = `/usr/local/bin/${unit}`;
const waiter = `printf '#!/bin/sh\nexec sleep 1000\n' >${program}; chmod 755 ${program}; touch /etc/waiter.conf
printf '[Service]\nType=exec\nExecStart=${program} /etc/waiter.conf\n' >/etc/systemd/system/${unit}.service
systemctl daemon-reload; systemctl start ${unit}`;
const adopt = ['adopt', unit, '--no-trial', '--watch', '0.3', '--program', '/usr/bin/sleep'];
const place = '/var/lib/uchroot';
const full = (...words: readonly string[]): string => {
  const { status, stderr } = service(...words);
  return `${status}: ${stderr}`;
};
const noSpace = (path: string): RegExp =>
  new RegExp(`^1: uchroot-service: .*${path}.*no space left on device`, 'i');

// Nothing of a command that has failed is in /run, and the service runs.
function isClean(t: Test): void {
  t.equal(shell('find /run -name "uchroot*"'), '');
  t.equal(shell(`systemctl is-active ${unit}`), 'active');
}

serviceTest('adopt on a full disk leaves the service as it is', async (t) => {
  machine().shell(`${waiter}; mkdir ${place}; mount -t tmpfs -o size=1m none ${place}`);
  t.match(full(...adopt), noSpace(place));
  t.equal(shell(`find ${place} -mindepth 1; ls /etc/systemd/system/${unit}.service.d`), '');
  t.notOk(isJailed(unit));
  isClean(t);
  machine().shell(`mount -o remount,size=20m ${place}`);
  t.match(full(...adopt), /^0: /);
  t.ok(isJailed(unit));
});

serviceTest('update, reload and release on a full disk leave it in its jail', async (t) => {
  const fill = `dd if=/dev/zero of=${place}/fill bs=4k 2>/dev/null; `;
  outdate(unit);
  machine().shell(fill);
  t.match(full('update', unit), noSpace(place));
  t.match(full('release', unit), noSpace(place));
  const reloaded = full('reload', unit);
  t.match(reloaded, noSpace(place), 'it would be restarted');
  t.ok(isJailed(unit));
  t.equal(shell(`ls ${place}/services/${unit}.service`), '1\nadoption.json\nconfiguration');
  isClean(t);
  machine().shell(`rm ${place}/fill`);
  t.match(full('update', unit), /^0: /);
  t.equal(shell(`ls ${place}/services/${unit}.service`), '2\nadoption.json\nconfiguration');
  t.match(full('reload', unit), /^0: /);
});

serviceTest('a drop-in that cannot be written stays the old one', async (t) => {
  const directory = `/etc/systemd/system/${unit}.service.d`;
  outdate(unit);
  machine().shell(
    `cp -a ${directory} /root/d && mount -t tmpfs -o nr_inodes=2 none ${directory} && cp /root/d/* ${directory}`,
  );
  const before = shell(`cat ${directory}/uchroot.conf`);
  t.match(full('update', unit), noSpace(directory));
  t.equal(
    shell(`cat ${directory}/uchroot.conf; ls ${place}/services/${unit}.service`),
    `${before}\n2\nadoption.json\nconfiguration`,
  );
  t.ok(isJailed(unit));
  isClean(t);
  machine().shell(`umount ${directory}`);
  t.match(full('update', unit), /^0: /);
});

// What the service has said is asked when it has not come up.
const frozen = (path: string): string => `cat >/usr/local/sbin/journalctl <<'END'
#!/bin/sh
mountpoint -q ${path} || { mount --bind ${path} ${path} && mount -o remount,bind,ro ${path}; }
exec /usr/bin/journalctl "$@"
END
chmod 755 /usr/local/sbin/journalctl`;

const notPutBack =
  /^1: uchroot-service: \S+ could not be put back to what it was before: .*read-only.*; what failed first: [^]*\nhint: mend this; the next adopt, update, reload or release /i;

// Runs a command on a service whose program is broken, and which cannot be put back.
function failFrozen(...words: readonly string[]): string {
  const directory = `/etc/systemd/system/${unit}.service.d`;
  machine().shell(`cp -a ${program} /root/good; printf '#!/bin/sh\\nexit 3\\n' >${program}`);
  machine().shell(frozen(directory));
  const failed = full(...words);
  machine().shell(`rm /usr/local/sbin/journalctl; umount ${directory}; cp -a /root/good ${program}`);
  return failed;
}

serviceTest('a service that cannot be put back is put back by the next command', async (t) => {
  const directory = `/etc/systemd/system/${unit}.service.d`;
  const dropIn = `cat ${directory}/uchroot.conf`;
  const kept = `ls ${place}/services/${unit}.service`;
  const before = shell(dropIn);
  t.match(failFrozen('update', unit), notPutBack);
  const [, generation = ''] = /\/(\d+)\/jail/.exec(shell(dropIn)) ?? [];
  t.not(shell(dropIn), before);
  t.match(shell(kept).split('\n'), new Set([generation, 'swap.json']), 'the jail that the drop-in names');
  t.match(full('reload', unit), /^0: /);
  t.ok(isJailed(unit));
  t.equal(shell(dropIn), before);
  t.match(full('update', unit), /^0: /);
  t.match(shell(kept), /^\d+\nadoption\.json\nconfiguration$/, 'the jail that was left is removed');
  isClean(t);
});

serviceTest('an update whose record cannot be written leaves the jail that was in use', async (t) => {
  const own = `${place}/services/${unit}.service`;
  const record = `${own}/adoption.json`;
  outdate(unit);
  const state = `cat /etc/systemd/system/${unit}.service.d/uchroot.conf ${record}; ls ${own}`;
  const before = shell(state);
  const pid = show(unit, 'MainPID');
  // nothing can be renamed to a mount point (rename(2), EBUSY)
  machine().shell(`mount --bind ${record} ${record}`);
  t.match(
    full('update', unit),
    /^1: uchroot-service: \S+adoption\.json: (device or resource|resource) busy/i,
  );
  t.ok(isJailed(unit));
  t.equal(shell(state), before);
  t.not(show(unit, 'MainPID'), pid, 'it has been restarted');
  machine().shell(`while umount ${record}; do :; done 2>/dev/null`);
  t.match(full('update', unit), /^0: /);
  t.ok(isJailed(unit));
  isClean(t);
});

serviceTest('so does all else if /run is full', async (t) => {
  outdate(unit);
  // not gigabytes
  machine().shell('mount -o remount,size=64m /run; dd if=/dev/zero of=/run/fill bs=4k 2>/dev/null');
  for (const words of [
    ['update', unit],
    ['release', unit],
  ])
    t.match(full(...words), noSpace('/run'));
  machine().shell('rm /run/fill; mount -o remount,size=20% /run');
  t.ok(isJailed(unit));
  isClean(t);
  t.match(full('release', unit), /^0: /);
  t.notOk(isJailed(unit));
  isClean(t);
});

serviceTest('an adoption that cannot be undone is undone by the next command', async (t) => {
  t.match(failFrozen(...adopt), notPutBack);
  t.match(shell(`ls ${place}/services/${unit}.service`), '1\nswap.json');
  t.match(full('release', unit), /^0: /);
  t.notOk(isJailed(unit));
  t.equal(shell(`ls /etc/systemd/system/${unit}.service.d ${place}/services`), '');
  isClean(t);
});

serviceTest('a file system that is mounted at the directory of a service stays', async (t) => {
  const own = `${place}/services/${unit}.service`;
  machine().shell(`mkdir -p ${own}; mount -t tmpfs none ${own}`);
  t.match(full(...adopt), /^0: /);
  t.match(full('release', unit), /^0: $/);
  t.equal(shell(`mountpoint ${own}; ls -A ${own}`), `${own} is a mountpoint`);
  machine().shell(`umount ${own}; rmdir ${own}`);
  isClean(t);
});

const odd = `cat >/usr/lib/systemd/system/odd.service <<'END'
[Service]
RuntimeDirectory=odd
ExecStart=/usr/bin/sh -c 'printenv PROXY >/run/odd/seen; echo "$1" >>/run/odd/seen; exec sleep 1000' sh \${PROXY}
[Install]
WantedBy=multi-user.target
END
mkdir -p /etc/systemd/system.conf.d
printf '[Manager]\nDefaultEnvironment=PROXY=http://proxy:1\n' >/etc/systemd/system.conf.d/proxy.conf
systemctl daemon-reexec
systemctl start odd`;

serviceTest('variables of the service manager reach a service and its command line', async (t) => {
  machine().shell(odd);
  const seen = 'http://proxy:1\nhttp://proxy:1';
  await machine().until('cat /run/odd/seen', /^http:.*\nhttp:/);
  const programs = ['sleep', 'printenv'].flatMap((name) => ['--program', `/usr/bin/${name}`]);
  const adopted = service('adopt', 'odd', '--no-trial', '--watch', '0.3', ...programs);
  t.match(adopted, { status: 0, stdout: /a compiled launcher enters the jail/ }, adopted.stderr);
  t.equal(shell('cat /run/odd/seen'), seen);
});

serviceTest('a unit that is masked, disabled, failed or gone is told with the remedy', async (t) => {
  const told = (): string => service('status', 'odd').stdout;
  t.match(told(), /^ {2}it is disabled, and does not start at boot; systemctl enable odd\.service$/m);
  shell('systemctl enable odd');
  t.notMatch(told(), 'systemctl');
  shell('systemctl mask odd');
  t.match(
    told(),
    /^odd\.service: active\n {2}it is masked, and cannot be started; systemctl unmask odd\.service$/m,
  );
  for (const verb of ['update', 'reload', 'release'])
    t.match(
      full(verb, 'odd'),
      /^1: uchroot-service: odd\.service .*masked.*\nhint: systemctl unmask odd\.service$/m,
      verb,
    );
  shell('systemctl unmask odd');
  // so it is if a unit that it needs has gone
  const needs = '/run/systemd/system/odd.service.d';
  shell(
    `mkdir ${needs}; printf '[Unit]\\nRequires=gone.service\\n' >${needs}/needs.conf; systemctl daemon-reload`,
  );
  for (const verb of ['update', 'reload', 'release'])
    t.match(
      full(verb, 'odd'),
      /^1: uchroot-service: odd\.service needs gone\.service, which is not there: it runs, but cannot be restarted\nhint: install it again, or take it out of the unit: systemctl edit --full odd\.service$/m,
      verb,
    );
  t.ok(isJailed('odd'));
  shell(`rm -r ${needs}; systemctl daemon-reload; systemctl kill --signal SEGV odd`);
  await machine().until('systemctl is-failed odd', /^failed/);
  t.match(
    told(),
    /^ {2}it has failed, and does not run; journalctl -u odd\.service; then systemctl restart odd\.service$/m,
  );
  shell('systemctl mask --runtime odd');
  t.match(told(), 'systemctl unmask --runtime odd.service');
  shell(
    'systemctl unmask --runtime odd; mv /usr/lib/systemd/system/odd.service /root; systemctl daemon-reload',
  );
  t.match(
    told(),
    /^ {2}the unit odd\.service has gone; install it again, or remove its jail: uchroot-service release odd\.service$/m,
  );
  t.match(full('release', 'odd'), /^0: /);
});

const verbs = ['adopt', 'update', 'reload', 'status', 'release'] as const;

serviceTest('without the system bus each command says so', async (t) => {
  shell('systemctl stop dbus.socket dbus.service; rm -f /run/dbus/system_bus_socket');
  for (const verb of verbs)
    t.match(
      full(verb, 'odd'),
      /^1: uchroot-service: the system bus does not run.*\nhint: apt-get install dbus, then/,
    );
  shell('systemctl start dbus.socket');
  t.match(full('status', 'odd'), /odd\.service is not adopted/);
});

t.test('so it does without systemd', { skip: unlessRoot('unshare') }, async (t) => {
  const bundle = `${packageDirectory}/dist/bin/uchroot-service.cjs`;
  // sd_booted(3) looks for a directory of /run
  const bare = [
    '--mount',
    'sh',
    '-c',
    'mount -t tmpfs none /run && exec "$0" "$@"',
    process.execPath,
    bundle,
  ];
  for (const verb of verbs) {
    const { status, stderr } = spawnSync('unshare', [...bare, verb, 'nginx'], { env: commandEnv });
    t.equal(status, 1);
    t.match(
      String(stderr),
      /^uchroot-service: systemd is not the init system here: process 1 is .*\nhint: in a container, start the program by uchroot .*, as doc\/services\.md shows under "Other init systems"$/m,
    );
  }
});
