// Units for systemd, on a systemd that has been booted for the purpose.
import { isUtf8 } from 'node:buffer';
import { setTimeout as sleep } from 'node:timers/promises';

import t, { type Test } from 'tap';

import { jailCommand } from '../../support/builder.ts';
import { command } from '../../support/launch.ts';
import { unlessMachine, type Machine } from '../../support/machine.ts';
import { patientMs } from '../../support/patience.ts';
import {
  argumentsOf,
  bootScene,
  isJailed,
  recordedArguments,
  recorder,
  writeUnit,
} from '../../support/service/scene.ts';
import { oddWords } from '../../support/service/torture.ts';

const skip = unlessMachine('cc', 'socat', 'setpriv', 'unsquashfs', 'portablectl');
let machine: Machine;

t.before(async () => {
  if (skip !== false) return;
  machine = await bootScene();
});
t.teardown(async () => await machine?.stop());

function unitTest(name: string, body: (t: Test) => Promise<void>): void {
  void t.test(name, { skip }, body);
}

// Makes a unit, has systemd read it, and answers what systemd has to say against it.
function install(name: string, options: readonly string[], ...words: readonly string[]): string {
  const made = writeUnit(machine, 'systemd', name, options, words);
  machine.run(['systemctl', 'daemon-reload']);
  const files = made.stdout
    .trim()
    .split('\n')
    .map((path) => path.replace('@.', '@1.'));
  const { status, stdout, stderr } = machine.run(['systemd-analyze', 'verify', '--man=no', ...files]);
  return `${stdout}${stderr}${status === 0 ? '' : `status ${status}`}`;
}

const systemctl = (...words: readonly string[]) => machine.run(['systemctl', ...words]);
const show = (name: string, property: string): string =>
  systemctl('show', '--value', '-p', property, name).stdout.trim();
const log = (name: string): string => machine.shell(`journalctl --quiet -o cat -u ${name} --no-pager`).stdout;

unitTest('the main process is the program itself, and the only one', async (t) => {
  t.equal(install('plain', [], 'say=here', 'wait'), '');
  t.equal(systemctl('start', 'plain').status, 0);
  await machine.until('journalctl -u plain', /here/);
  const pid = show('plain', 'MainPID');
  t.ok(isJailed(machine, pid));
  t.equal(machine.shell('cat /sys/fs/cgroup/system.slice/plain.service/cgroup.procs').stdout, `${pid}\n`);
  t.match(machine.shell('journalctl -o short -t plain').stdout, new RegExp(`plain\\[${pid}\\]: here`));
});

// systemd-analyze(1), security: 0 is the best, and 10 the worst.
const exposure = (name: string): number =>
  Number(
    / ([0-9.]+) [A-Z]+ \S+$/m.exec(
      machine.run(['systemd-analyze', 'security', '--no-pager', name]).stdout,
    )?.[1],
  );

unitTest('units are hardened, and each kind of launch bears it', async (t) => {
  machine.shell('mkdir -p /srv/jail/proc');
  const forms = [
    ['hardened', [], 3],
    ['isolated', ['--isolate', '--proc', '/proc', '--dev', '/dev', '--tmpfs', '/tmp'], 5],
    ['walled', ['--landlock', '--seccomp', 'default'], 4],
    ['ephemeral', ['--isolate', '--ephemeral'], 5.5],
  ] as const;
  for (const [name, options, most] of forms) {
    t.equal(install(name, options, 'say=here', 'wait'), '', name);
    t.equal(systemctl('start', name).status, 0, `${name}: ${log(name)}`);
    await machine.until(`journalctl -u ${name}`, /here/);
    const found = exposure(name);
    t.ok(found <= most, `${name}: ${found}`);
    systemctl('stop', name);
    t.equal(show(name, 'Result'), 'success', name);
  }
  machine.shell('rmdir /srv/jail/proc');
});

unitTest('one that is enabled is started at boot', async (t) => {
  t.equal(systemctl('enable', 'plain').status, 0);
  const before = machine.shell('cat /proc/sys/kernel/random/boot_id').stdout;
  await machine.reboot();
  t.not(machine.shell('cat /proc/sys/kernel/random/boot_id').stdout, before);
  t.equal(show('plain', 'SubState'), 'running');
  // running is what has been executed: uchroot at first
  await machine.until('journalctl -b -u plain', /here/);
  t.ok(isJailed(machine, show('plain', 'MainPID')));
});

unitTest('a stop reaches it at once', async (t) => {
  const begun = Date.now();
  t.equal(systemctl('stop', 'plain').status, 0);
  t.ok(Date.now() - begun < patientMs(30_000), 'long before systemd would send SIGKILL');
  t.equal(show('plain', 'Result'), 'success');
  t.equal(show('plain', 'ActiveState'), 'inactive');
});

unitTest('a program that crashes is started again', async (t) => {
  install('crash', [], 'wait');
  systemctl('start', 'crash');
  const pid = show('crash', 'MainPID');
  systemctl('kill', '--signal=SEGV', 'crash');
  await machine.until('systemctl show -p NRestarts crash', /=1$/m);
  await machine.until('systemctl show -p SubState crash', /=running/);
  t.not(show('crash', 'MainPID'), pid);
  systemctl('stop', 'crash');
});

// What four looks at a unit show, which are as far from each other as somebody would look.
async function looks(name: string): Promise<readonly string[]> {
  const seen: string[] = [];
  for (let i = 0; i < 4; i++) {
    await sleep(400);
    seen.push(systemctl('status', '--no-pager', '--lines=0', name).stdout);
  }
  return seen;
}

// Changes a unit behind the back of uchroot, which would have warned.
function edit(name: string, expression: string): void {
  machine.run(['sed', '-i', expression, `/etc/systemd/system/${name}.service`]);
  systemctl('daemon-reload');
}

unitTest(
  'a launch that would fail again is not tried again, and each look at its status says why',
  async (t) => {
    install('fails', [], 'wait');
    const cases = [
      ['s/ nobody / nosuch /', 'Unknown user nosuch'],
      ['s/ nosuch / nobody /;s,/daemon wait,/dev wait,', 'execve: /dev: is a directory'],
      ['s,/dev wait,/nope wait,', '/nope: not found in the jail'],
      ['s,--service-status,--service-status --nosuch,', 'unknown option --nosuch'],
    ] as const;
    for (const [expression, message] of cases) {
      edit('fails', expression);
      systemctl('restart', 'fails');
      await machine.until('systemctl show -p ActiveState fails', /=failed/);
      t.equal(show('fails', 'ExecMainStatus'), '250');
      t.equal(show('fails', 'NRestarts'), '0');
      t.match(show('fails', 'StatusText'), message);
      systemctl('reset-failed', 'fails');
    }
    systemctl('restart', 'fails');
    await machine.until('systemctl show -p ActiveState fails', /=failed/);
    for (const seen of await looks('fails')) t.match(seen, /^ +Status: "unknown option --nosuch"$/m);
  },
);

unitTest('a program that ends with a status of uchroot has crashed, and is started again', async (t) => {
  const statuses = [1, 2, 3, 125, 126, 127];
  for (const status of statuses) install(`throws${status}`, [], `exit=${status}`);
  const names = statuses.map((status) => `throws${status}`);
  systemctl('start', ...names);
  for (const name of names)
    t.match(await machine.until(`systemctl show -p NRestarts ${name}`, /=[1-9]/), 'NRestarts=', name);
  systemctl('stop', ...names);
});

unitTest('a launch that may succeed later is tried at growing pauses, and each look says why', async (t) => {
  install('later', ['--rlimit', 'nproc=1'], 'wait');
  const busy = ['setpriv', '--reuid=nobody', '--clear-groups', 'sleep', '60'];
  machine.run(['systemd-run', '--unit=busy1', ...busy]);
  machine.run(['systemd-run', '--unit=busy2', ...busy]);
  systemctl('start', 'later');
  await machine.until('systemctl show -p NRestarts later', /=1$/m);
  await machine.until('systemctl show -p SubState later', /=auto-restart/);
  // the line goes with the next start, which is short against the pauses
  const pausing = (await looks('later')).filter((seen) => seen.includes('activating (auto-restart)'));
  t.ok(pausing.length > 0);
  for (const seen of pausing)
    t.match(seen, /^ +Status: "execve: \/daemon: uid 65534 has as many processes as its limit/m);
  t.match(await machine.until('systemctl show -p ExecMainStatus later', /=251$/m), '251');
  await machine.until('systemctl show -p RestartUSecNext later', /=(?:[4-9]|[12][0-9])[.0-9]*s/);
  systemctl('stop', 'busy1', 'busy2');
  await machine.until('systemctl show -p SubState later', /=running/);
  systemctl('stop', 'later');
});

unitTest('a socket does not start a service for ever whose launch fails', async (t) => {
  install('loop', ['--listen', '/run/loop.sock'], 'serve');
  edit('loop', 's,/daemon serve,/nope serve,');
  systemctl('start', 'loop.socket');
  machine.run(['systemd-run', '--unit=client', 'socat', '-u', 'UNIX-CONNECT:/run/loop.sock', 'STDOUT']);
  await machine.until('systemctl show -p Result loop.socket', /=service-start-limit-hit/);
  const starts = machine.shell('journalctl -o cat -u loop.service | grep -c ^Started').stdout;
  t.equal(starts, '5\n');
  for (const seen of await looks('loop')) t.match(seen, /^ +Status: "\/nope: not found in the jail/m);
  systemctl('stop', 'client');
});

unitTest('one that puts itself into the background fails, and its status says what to do', async (t) => {
  t.equal(install('back', [], 'say=begun', 'fork', 'wait'), '');
  systemctl('start', 'back');
  await machine.until('systemctl show -p ActiveState back', /=failed/);
  await machine.until(
    'systemctl status --no-pager back',
    /back\[\d+\]: the program has ended, and left processes behind: it has to stay in the foreground/,
  );
  t.equal(show('back', 'NRestarts'), '0');
  t.equal(machine.run(['pgrep', '-x', 'daemon']).stdout, '', 'what it left is ended');
});

unitTest('one that ends by itself with 0, and one that is stopped, have not failed', async (t) => {
  install('ends', [], 'exit=0');
  systemctl('start', 'ends');
  await machine.until('systemctl show -p ActiveState ends', /=inactive/);
  t.equal(show('ends', 'Result'), 'success');
});

unitTest('a compiled launcher says why it has failed, and keeps the limit on descriptors', async (t) => {
  const words = ['--compile', '/srv/launcher', '--service-status', '--unsetenv', 'NOTIFY_SOCKET'];
  const options = ['--pass-env', 'GREETING', 'nobody', '/srv/jail', '/daemon', 'env=GREETING', 'wait'];
  t.equal(machine.run([...command, ...words, ...options]).status, 0);
  const unit = `[Service]
Type=exec
ExecStart=/srv/launcher
NotifyAccess=main
LimitNOFILE=2048
Environment=GREETING=hello
Restart=on-failure
RestartPreventExitStatus=250
`;
  machine.run(['sh', '-c', 'cat >/etc/systemd/system/compiled.service'], { input: unit });
  systemctl('daemon-reload');
  systemctl('start', 'compiled');
  await machine.until('journalctl -o cat -u compiled', /^GREETING=hello$/m);
  const limits = machine.shell(`cat /proc/${show('compiled', 'MainPID')}/limits`).stdout;
  t.match(limits, /^Max open files +2048 +2048 /m);
  systemctl('stop', 'compiled');
  machine.shell('mv /srv/jail/daemon /srv/jail/away');
  systemctl('start', 'compiled');
  await machine.until('systemctl show -p ActiveState compiled', /=failed/);
  machine.shell('mv /srv/jail/away /srv/jail/daemon');
  t.equal(show('compiled', 'ExecMainStatus'), '250');
  t.match(show('compiled', 'StatusText'), /^execve: \/daemon: not found in the jail, or its interpreter/);
});

unitTest('a compiled unit starts while Node is away, as in an update of Node', async (t) => {
  t.equal(install('lasting', ['--compile', '/srv/lasting'], 'say=here', 'wait'), '');
  t.notMatch(machine.shell('grep = /etc/systemd/system/lasting.service').stdout, process.execPath);
  machine.shell(`mount --bind /dev/null ${process.execPath}`);
  t.equal(systemctl('start', 'lasting').status, 0);
  machine.shell(`umount ${process.execPath}`);
  await machine.until('journalctl -u lasting', /here/);
  t.ok(isJailed(machine, show('lasting', 'MainPID')));
});

unitTest('variables of a unit pass by name, and what is lost of them is in the journal', async (t) => {
  const options = ['--pass-env', 'GREETING,STATE_DIRECTORY', '--rlimit', 'nofile=2048'];
  install('vars', options, 'env=GREETING', 'env=STATE_DIRECTORY', 'wait');
  edit('vars', '/^Type=/aEnvironment=GREETING=hello\\nStateDirectory=vars');
  systemctl('start', 'vars');
  const said = await machine.until('journalctl -o cat -u vars', /^STATE_DIRECTORY=\(none\)$/m);
  t.match(said, /^GREETING=hello$/m);
  t.match(said, /^uchroot: warning: environment: STATE_DIRECTORY: \/var\/lib\/vars is outside the jail/m);
  t.match(
    machine.shell(`cat /proc/${show('vars', 'MainPID')}/limits`).stdout,
    /^Max open files +2048 +2048 /m,
  );
  systemctl('stop', 'vars');
});

// The whole jail, with what is mounted in it as the host sees it.
const jailTree = (): string =>
  machine.shell('find /srv/jail -printf "%p %y %m %u %s %T@\\n" | sort; grep jail /proc/mounts').stdout;

unitTest('READY=1 and STATUS= come from inside the jail, and nothing is left there', async (t) => {
  const before = jailTree();
  t.equal(install('ready', ['--notify'], 'notify=STATUS=dressed', 'notify=READY=1', 'wait'), '');
  t.equal(systemctl('start', 'ready').status, 0);
  t.equal(show('ready', 'Type'), 'notify');
  t.equal(show('ready', 'StatusText'), 'dressed');
  t.equal(jailTree(), before, 'while it runs');
  systemctl('stop', 'ready');
  t.equal(jailTree(), before, 'when it has ended');
});

unitTest('a jail may have blanks and a % in its path', async (t) => {
  const jail = '/srv/a jail %n';
  machine.run(['cp', '-a', '/srv/jail', jail]);
  writeUnit(
    machine,
    'systemd',
    'blank',
    ['--notify', '--syslog'],
    ['notify=READY=1', 'log=blank', 'wait'],
    jail,
  );
  const { stdout, stderr } = machine.run(['systemd-analyze', 'verify', '/etc/systemd/system/blank.service']);
  t.equal(stdout + stderr, '');
  systemctl('daemon-reload');
  t.equal(systemctl('start', 'blank').status, 0);
  t.equal(machine.shell(`readlink /proc/${show('blank', 'MainPID')}/root`).stdout, `${jail}\n`);
  t.match(systemctl('status', 'blank').stdout, `/daemon in the jail ${jail}`);
  await machine.until('journalctl -t daemon', /blank/);
  systemctl('stop', 'blank');
});

unitTest('a jail without the place for the sockets is told, and systemd does not make it', async (t) => {
  machine.shell('mkdir /srv/bare && cp /srv/jail/daemon /srv/bare');
  const own = ['--unit', 'systemd', '--unit-dir', '/etc/systemd/system', '--unit-name', 'bare', '--notify'];
  const made = machine.run([...command, ...own, 'nobody', '/srv/bare', '/daemon', 'wait']);
  t.equal(made.status, 125);
  t.equal(
    made.stderr,
    `uchroot: unit: /srv/bare: it has no place for the socket of the service manager
hint: uchroot-jail build /srv/bare --pack notify
`,
  );
  systemctl('daemon-reload');
  t.not(systemctl('start', 'bare').status, 0);
  t.match(systemctl('status', '--no-pager', 'bare').stdout, 'Assertion failed for bare.service');
  t.equal(machine.shell('ls /srv/bare').stdout, 'daemon\n');
});

unitTest('a unit of a package is not shadowed, and a script of System V neither', async (t) => {
  const script =
    '#!/bin/sh\\n### BEGIN INIT INFO\\n# Provides: old\\n# Default-Start: 3\\n# Default-Stop: 6\\n### END INIT INFO\\n';
  machine.shell(`printf '${script}' >/etc/init.d/old; chmod 755 /etc/init.d/old`);
  systemctl('daemon-reload');
  const own = ['--unit', 'systemd', '--unit-dir', '/etc/systemd/system/', '--unit-name'];
  const launch = ['nobody', '/srv/jail', '/daemon', 'wait'];
  for (const [name, place] of [
    ['systemd-journald', '/usr/lib/systemd/system'],
    ['old', '/run/systemd/generator.late'],
  ] as const) {
    const path = `/etc/systemd/system/${name}.service`;
    t.match(machine.run([...command, ...own, name, ...launch]), {
      status: 125,
      stdout: '',
      stderr: `uchroot: unit: ${path}: it would be in conflict with ${place}/${name}.service, which uchroot has not made
hint: give another name: --unit-name ${name}-jail; or let uchroot print the unit, without --unit-dir, and put it there yourself
`,
    });
    t.equal(machine.shell(`test -e ${path} && echo there`).stdout, '');
  }
  const printed = [...command, '--unit', 'systemd', '--unit-name', 'old', ...launch];
  const place = '/etc/systemd/system/old.service';
  t.equal(machine.run(['sh', '-c', `"$@" >${place}`, 'sh', ...printed]).status, 0);
  t.match(machine.run([...command, ...own, 'old', ...launch]), { status: 0 }, 'now it is ours');
});

unitTest('one that gives no sign of life any more is killed by the watchdog and started again', async (t) => {
  t.equal(install('guarded', ['--watchdog', '1'], 'alive'), '');
  systemctl('start', 'guarded');
  const pid = show('guarded', 'MainPID');
  // longer than the watchdog waits
  machine.shell('sleep 1.5');
  t.equal(show('guarded', 'MainPID'), pid);
  systemctl('kill', '--signal=USR1', 'guarded');
  await machine.until('systemctl show -p NRestarts guarded', /=1$/m);
  t.match(log('guarded'), "Failed with result 'watchdog'");
  systemctl('stop', 'guarded');
});

unitTest('a reload sends its signal, and the process stays', async (t) => {
  t.equal(install('reloads', ['--reload-signal', 'HUP'], 'reload=read again', 'say=begun', 'wait'), '');
  systemctl('start', 'reloads');
  await machine.until('journalctl -u reloads', /begun/);
  const pid = show('reloads', 'MainPID');
  t.equal(systemctl('reload', 'reloads').status, 0);
  t.match(await machine.until('journalctl -u reloads', /read again/), `[${pid}]: read again`);
  t.equal(show('reloads', 'MainPID'), pid);
  systemctl('stop', 'reloads');
});

unitTest('syslog reaches the log of the host', async (t) => {
  const before = jailTree();
  t.equal(install('logs', ['--syslog', '--notify'], 'log=from within', 'notify=READY=1', 'wait'), '');
  t.equal(systemctl('start', 'logs').status, 0);
  const line = await machine.until('journalctl -o json _TRANSPORT=syslog', /from within/);
  t.match(line, `"_PID":"${show('logs', 'MainPID')}"`);
  t.match(line, '"_SYSTEMD_UNIT":"logs.service"');
  systemctl('stop', 'logs');
  t.equal(jailTree(), before);
});

unitTest('the sockets that a unit has mounted are no finding of --check', async (t) => {
  t.equal(
    install('checked', ['--check', '--notify', '--syslog'], 'notify=READY=1', 'log=checked', 'wait'),
    '',
  );
  t.equal(systemctl('start', 'checked').status, 0, log('checked'));
  await machine.until('journalctl _TRANSPORT=syslog', /checked/);
  systemctl('stop', 'checked');
});

unitTest('logger in a jail reaches it too', async (t) => {
  const built = machine.run([
    ...jailCommand,
    'build',
    '/srv/logger',
    '--user',
    'nobody',
    'logger',
    '--pack',
    'syslog',
  ]);
  t.equal(built.status, 0, built.stderr);
  const own = ['--unit', 'systemd', '--unit-dir', '/etc/systemd/system', '--syslog'];
  const words = ['nobody', '/srv/logger', '/usr/bin/logger', '-t', 'jailed', 'written by logger'];
  t.equal(machine.run([...command, ...own, ...words]).status, 0);
  systemctl('daemon-reload');
  t.equal(systemctl('start', 'logger').status, 0);
  await machine.until('journalctl -t jailed', /written by logger/);
});

// It calls a server of the host, and a name that it may not call. When it ends, it sends more than a slow server has read.
const caller = `
exec 3<>/dev/tcp/host-loopback/8123 && echo hello >&3 && read line <&3 && echo "heard $line"
getent hosts other.test
trap 'echo read again' HUP
trap 'exec 4<>/dev/tcp/host-loopback/8124 && head -c 8000000 /dev/zero >&4; exit 0' TERM
systemd-notify --ready
while :; do sleep 0.1; done
`;

unitTest('one with a list calls what is on it, and its log tells the rest', async (t) => {
  machine.shell(
    'cd /srv && mkdir -p out/usr out/proc out/dev out/run/systemd out/etc && ln -s usr/bin usr/lib usr/lib64 out',
  );
  machine.run(['sh', '-c', 'cat >/srv/out/etc/caller'], { input: caller });
  machine.run(['systemd-run', '--unit=echo', 'socat', 'TCP-LISTEN:8123,fork,reuseaddr', 'EXEC:cat']);
  const slow = ['-u', 'TCP-LISTEN:8124,fork,reuseaddr', 'SYSTEM:sleep 1; wc -c'];
  machine.run(['systemd-run', '--unit=slow', 'socat', ...slow]);
  const view = ['--isolate', '--proc', '/proc', '--dev', '/dev', '--ro-bind', '/usr'];
  const list = ['--connect-to', 'host-loopback:8123,8124'];
  const launch = [...view, ...list, 'nobody', '/srv/out', '/bin/bash', '/etc/caller'];
  const unit = ['--unit', 'systemd', '--unit-dir', '/etc/systemd/system', '--unit-name', 'calls'];
  const made = machine.run([...command, ...unit, '--notify', '--reload-signal', 'HUP', ...launch]);
  t.equal(made.status, 0, made.stderr);
  systemctl('daemon-reload');
  t.equal(systemctl('start', 'calls').status, 0, log('calls'));
  t.match(await machine.until('journalctl -o cat -u calls', /hint/), /^heard hello$/m);
  t.match(log('calls'), 'the program may not call other.test: no entry has this name');
  systemctl('reload', 'calls');
  await machine.until('journalctl -o cat -u calls', /read again/);
  t.equal(systemctl('restart', 'calls').status, 0, log('calls'));
  t.equal(log('calls').match(/heard hello/g)?.length, 2);
  systemctl('stop', 'calls');
  t.equal(show('calls', 'Result'), 'success');
  await machine.until('journalctl -o cat -u slow | grep -cx 8000000', /^2$/m);
  const refused = machine.run([...command, ...unit, '--compile', '/srv/calls', ...launch]);
  t.match(
    refused.stderr,
    /--compile and --connect-to are given at once: a compiled launcher has no process that stays to relay/,
  );
});

unitTest('a script of System V does not wait for the process that relays', async (t) => {
  const unit = ['--unit', 'sysv', '--unit-dir', '/etc/init.d', '--unit-name', 'calls5'];
  const launch = [
    '--isolate',
    '--connect-to',
    'host-loopback:8123',
    'nobody',
    '/srv/jail',
    '/daemon',
    'wait',
  ];
  t.equal(machine.run([...command, ...unit, ...launch]).status, 0);
  const script = '/etc/init.d/calls5';
  t.match(machine.shell(`timeout 30 ${script} start && ${script} status && ${script} stop`), { status: 0 });
});

const ask = (address: string, input = ''): string =>
  machine.run(
    [
      process.execPath,
      '-e',
      'const s = require("node:net").connect(JSON.parse(process.argv[1])); s.pipe(process.stdout); process.stdin.pipe(s)',
      address,
    ],
    { input },
  ).stdout;

unitTest('a socket unit starts it with the first connection, and hands it the sockets', async (t) => {
  t.equal(install('sockets', ['--listen', '127.0.0.1:8099'], 'serve'), '');
  t.equal(systemctl('start', 'sockets.socket').status, 0);
  t.equal(show('sockets', 'ActiveState'), 'inactive');
  const answer = ask('{"host":"127.0.0.1","port":8099}');
  t.equal(answer, `pid ${show('sockets', 'MainPID')} uid 65534\n`);
  systemctl('stop', 'sockets.socket', 'sockets.service');
});

unitTest('each connection can have a process of its own', async (t) => {
  t.equal(install('inetd', ['--accept', '--listen', '/run/inetd.sock'], 'echo'), '');
  t.equal(systemctl('start', 'inetd.socket').status, 0);
  t.equal(ask('{"path":"/run/inetd.sock"}', 'to and fro\n'), 'to and fro\n');
  t.equal(ask('{"path":"/run/inetd.sock"}', 'again\n'), 'again\n');
  t.equal(show('inetd.socket', 'NAccepted'), '2');
  await machine.until('systemctl list-units --all "inetd@*" | wc -l', /./);
  systemctl('stop', 'inetd.socket');
});

unitTest('arguments survive', async (t) => {
  const words = oddWords.filter((word) => isUtf8(Buffer.from(word)));
  writeUnit(machine, 'systemd', 'torture', [], [recorder, ...words]);
  systemctl('daemon-reload');
  systemctl('start', 'torture');
  t.equal(await recordedArguments(machine), argumentsOf(recorder, ...words));
  t.match(await machine.until('systemctl status torture', /inactive/), '/daemon in the jail /srv/jail');
});

// As doc/images.md: the file is unpacked, because the machine has no loop devices.
unitTest('an exported jail is a portable service', async (t) => {
  const unit = '[Service]\nExecStart=/bin/sleep infinity\nDynamicUser=yes\n';
  machine.run(['sh', '-c', 'cat >/srv/sleeper.service'], { input: unit });
  const done = (words: readonly string[]) => {
    const { status, stderr } = machine.run(words);
    t.equal(status, 0, stderr);
  };
  done([...jailCommand, 'build', '/srv/sleeper', '/bin/sleep']);
  const asked = ['--format', 'squashfs', '--unit', '/srv/sleeper.service'];
  done([...jailCommand, 'export', '/srv/sleeper', '/srv/sleeper.raw', ...asked]);
  done(['unsquashfs', '-quiet', '-no-progress', '-d', '/var/lib/portables/sleeper', '/srv/sleeper.raw']);
  done(['portablectl', 'attach', '--runtime', '--now', 'sleeper']);
  await machine.until('systemctl show -p SubState sleeper', /=running/);
  t.equal(show('sleeper', 'RootDirectory'), '/var/lib/portables/sleeper');
  await machine.until(`readlink /proc/${show('sleeper', 'MainPID')}/exe`, /\/bin\/sleep/);
  done(['portablectl', 'detach', '--runtime', '--now', 'sleeper']);
});
