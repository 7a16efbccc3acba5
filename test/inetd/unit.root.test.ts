// The unit of uchroot-inetd --unit systemd, on a systemd that has been booted for the purpose.
import { join } from 'node:path';

import t from 'tap';

import { packageDirectory } from '../support/launch.ts';
import { bootMachine, unlessMachine } from '../support/machine.ts';

const skip = unlessMachine('socat', 'runsv', 's6-supervise', 'start-stop-daemon');
const bundle = (name: string): readonly string[] => [
  process.execPath,
  join(packageDirectory, `dist/bin/${name}.cjs`),
];

const configuration = `[services.copy]
listen = ["127.0.0.1:7000"]
user = "nobody"
directory = "/srv/jail"
program = "/bin/cat"
`;

t.test(
  'systemd starts it, reloads it, restarts it when it was killed, and waits for its connections',
  { skip },
  async (t) => {
    const machine = await bootMachine();
    t.teardown(() => machine.stop());
    const ask = 'echo hello | socat -t 5 - TCP:127.0.0.1:7000';
    t.equal(machine.run([...bundle('uchroot-jail'), 'build', '/srv/jail', '/bin/cat']).status, 0);
    machine.run(['tee', '/etc/copy.toml'], { input: configuration });
    // the host has rules of its own
    machine.shell('echo "ALL: ALL" >/etc/hosts.allow; : >/etc/hosts.deny');
    const made = machine.run([...bundle('uchroot-inetd'), '--config', '/etc/copy.toml', '--unit', 'systemd']);
    t.equal(made.status, 0, made.stderr);
    machine.run(['tee', '/etc/systemd/system/super.service'], { input: made.stdout });
    machine.run(['systemctl', 'daemon-reload']);
    const started = machine.run(['systemctl', 'start', 'super']);
    t.equal(started.status, 0, machine.shell('journalctl -u super --no-pager').stdout);
    const { stdout } = machine.shell(ask);
    t.equal(stdout, 'hello\n', machine.shell('journalctl -o cat -u super --no-pager').stdout);
    t.match(machine.shell('systemctl status super').stdout, /Status: "(listening|[0-9]+ connection)/);

    const addition = configuration.replace('services.copy', 'services.again').replace(':7000', ':7001');
    machine.run(['tee', '-a', '/etc/copy.toml'], { input: addition });
    t.equal(machine.run(['systemctl', 'reload', 'super']).status, 0);
    await machine.until('echo more | socat -t 5 - TCP:127.0.0.1:7001', /^more$/m);

    const pid = machine.shell('systemctl show --value -p MainPID super').stdout;
    machine.run(['systemctl', 'kill', '--kill-whom=main', '--signal=KILL', 'super']);
    await machine.until(ask, /^hello$/m);
    t.not(machine.shell('systemctl show --value -p MainPID super').stdout, pid);

    machine.shell('{ (sleep 3; echo late) | socat -t 5 - TCP:127.0.0.1:7000; } >/run/late 2>&1 &');
    await machine.until('pgrep -u nobody cat', /[0-9]/);
    t.equal(machine.run(['systemctl', 'stop', 'super']).status, 0);
    t.equal(machine.shell('cat /run/late').stdout, 'late\n', 'the stop has waited for the connection');
    t.match(machine.shell('journalctl -o cat -u super --no-pager').stdout, /ended: no connection is left/);
    t.equal(machine.shell('systemctl is-failed super').stdout.trim(), 'inactive');
  },
);

// Of each init system: the commands that start it, have it read its configuration again, and stop it.
const systems = [
  {
    format: 'sysv',
    directory: '/etc/init.d',
    start: '/etc/init.d/uchroot-inetd start && /etc/init.d/uchroot-inetd status',
    reload: '/etc/init.d/uchroot-inetd reload',
    stop: '/etc/init.d/uchroot-inetd stop; ! /etc/init.d/uchroot-inetd status',
  },
  {
    format: 'runit',
    directory: '/run/sv',
    start: 'cd /run/sv; runsv uchroot-inetd >/dev/null 2>&1 &',
    reload: 'sv hup /run/sv/uchroot-inetd',
    stop: 'sv -w 10 exit /run/sv/uchroot-inetd',
  },
  {
    format: 's6',
    directory: '/run/s6sv',
    start: 'cd /run/s6sv; s6-supervise uchroot-inetd >/dev/null 2>&1 &',
    reload: 's6-svc -h /run/s6sv/uchroot-inetd',
    stop: 's6-svc -wD -T 10000 -dx /run/s6sv/uchroot-inetd',
  },
] as const;

t.test('System V init, runit and s6 start it, reload it and stop it', { skip }, async (t) => {
  const machine = await bootMachine();
  t.teardown(() => machine.stop());
  t.equal(machine.run([...bundle('uchroot-jail'), 'build', '/srv/jail', '/bin/cat']).status, 0);
  machine.shell('echo "ALL: ALL" >/etc/hosts.allow; : >/etc/hosts.deny');
  const addition = configuration.replace('services.copy', 'services.again').replace(':7000', ':7001');
  for (const { format, directory, start, reload, stop } of systems) {
    machine.run(['tee', '/etc/copy.toml'], { input: configuration });
    const words = ['--config', '/etc/copy.toml', '--unit', format, '--unit-dir', directory];
    const made = machine.run([...bundle('uchroot-inetd'), ...words]);
    t.same([made.status, made.stderr], [0, ''], format);
    t.match(made.stdout, `${directory}/uchroot-inetd`);
    const started = machine.shell(start);
    t.equal(started.status, 0, started.stderr);
    await machine.until('echo hello | socat -t 5 - TCP:127.0.0.1:7000', /^hello$/m);
    machine.run(['tee', '-a', '/etc/copy.toml'], { input: addition });
    t.equal(machine.shell(reload).status, 0);
    await machine.until('echo more | socat -t 5 - TCP:127.0.0.1:7001', /^more$/m);
    t.equal(machine.shell(stop).status, 0);
    t.notOk(machine.shell('ss -Hltn sport = 7000').stdout, 'nobody listens');
  }
  // a configuration that is wrong is told on the terminal, or does not start again and again
  machine.run(['tee', '/etc/copy.toml'], { input: configuration.replace('nobody', 'no-such-user') });
  const { status, stderr } = machine.shell('/etc/init.d/uchroot-inetd start');
  t.not(status, 0);
  t.match(stderr, 'Unknown user no-such-user');
  machine.shell(systems[1].start);
  await machine.until('sv status /run/sv/uchroot-inetd', /^down: /);
});
