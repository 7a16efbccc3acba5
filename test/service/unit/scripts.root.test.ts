// Units for runit, s6 and System V init: each starts a jailed program, reports it, starts it again and ends it.
import t, { type Test } from 'tap';

import { unlessMachine, type Machine } from '../../support/machine.ts';
import {
  argumentsOf,
  bootScene,
  isJailed,
  recordedArguments,
  recorder,
  writeUnit,
} from '../../support/service/scene.ts';
import { oddWords } from '../../support/service/torture.ts';

const skip = unlessMachine('cc', 'runsvdir', 's6-svscan', 'logger', 'logrotate');
let machine: Machine;

t.before(async () => {
  if (skip !== false) return;
  machine = await bootScene();
  machine.shell(`
    mkdir -p /etc/service /etc/s6/scan
    systemd-run --unit=runit runsvdir -P /etc/service
    systemd-run --unit=s6 s6-svscan /etc/s6/scan
  `);
});
t.teardown(async () => await machine?.stop());

function unitTest(name: string, body: (t: Test) => Promise<void>): void {
  void t.test(name, { skip }, body);
}

const pidOf = (text: string): string => /\(?pid (\d+)\)?/.exec(text)?.[1] ?? '';

const words = ['say=here', 'reload=read again', 'wait'];

unitTest('runit starts, reports, restarts and ends it, and logs what it says', async (t) => {
  writeUnit(machine, 'runit', 'one', [], words);
  machine.shell('ln -s /etc/sv/one /etc/service');
  await machine.until('cat /var/log/one/current', /here/);
  const pid = pidOf(machine.shell('sv status /etc/service/one').stdout);
  t.ok(isJailed(machine, pid));
  machine.shell('sv hup /etc/service/one');
  t.match(
    await machine.until('cat /var/log/one/current', /again/),
    /^\S+ read again$/m,
    'with the time before it',
  );
  machine.shell(`kill -s SEGV ${pid}`);
  await machine.until('grep -c here /var/log/one/current', /^2$/m);
  t.not(pidOf(machine.shell('sv status /etc/service/one').stdout), pid);
  t.match(
    machine.shell('sv stop /etc/service/one; sv status /etc/service/one').stdout,
    /^down: .* \d+s, normally up/m,
  );
  machine.shell('rm /etc/service/one');
});

unitTest('s6 starts, reports, restarts and ends it, and logs what it says', async (t) => {
  writeUnit(machine, 's6', 'two', ['--notify'], [...words.slice(0, 2), 'ready=3', 'wait']);
  machine.shell('ln -s /etc/s6/sv/two /etc/s6/scan && s6-svscanctl -a /etc/s6/scan');
  await machine.until('cat /var/log/two/current', /here/);
  t.equal(machine.shell('s6-svwait -U -t 5000 /etc/s6/scan/two').status, 0, 'it is ready');
  const pid = pidOf(machine.shell('s6-svstat /etc/s6/scan/two').stdout);
  t.ok(isJailed(machine, pid));
  machine.shell('s6-svc -h /etc/s6/scan/two');
  await machine.until('cat /var/log/two/current', /read again/);
  machine.shell(`kill -s SEGV ${pid}`);
  await machine.until('grep -c here /var/log/two/current', /^2$/m);
  t.not(pidOf(machine.shell('s6-svstat /etc/s6/scan/two').stdout), pid);
  t.equal(machine.shell('s6-svc -d -wD -T 5000 /etc/s6/scan/two').status, 0);
  t.match(machine.shell('s6-svstat /etc/s6/scan/two').stdout, /^down /);
});

unitTest('a script of System V starts, reports, reloads and ends it', async (t) => {
  writeUnit(machine, 'sysv', 'four', ['--reload-signal', 'HUP'], words);
  const init = (word: string) => machine.shell(`/etc/init.d/four ${word}`);
  t.equal(init('status').status, 3);
  t.match(init('start'), { status: 0, stdout: 'four is started\n' });
  const pid = machine.shell('cat /run/four.pid').stdout.trim();
  t.ok(isJailed(machine, pid), 'by the time that start returns');
  t.equal(init('status').stdout, `four is running, pid ${pid}\n`);
  t.match(init('start'), { status: 0, stdout: `four is running, pid ${pid}\n` });
  t.equal(init('reload').status, 0);
  await machine.until('cat /var/log/four.log', /read again/);
  t.equal(init('restart').status, 0);
  const next = machine.shell('cat /run/four.pid').stdout.trim();
  t.not(next, pid);
  machine.shell(`kill -s KILL ${next}`);
  await machine.until('/etc/init.d/four status', /four is dead, and \/run\/four.pid exists/);
  t.equal(init('status').status, 1);
  t.equal(init('start').status, 0);
  t.match(init('stop'), { status: 0, stdout: 'four is stopped\n' });
  t.match(init('stop'), { status: 0, stdout: 'four is not running\n' });
  t.equal(init('status').status, 3);
  t.equal(init('nonsense').status, 2);
});

unitTest('a jail may have blanks and a quote in its path', async (t) => {
  const jail = "/srv/it's a jail";
  machine.run(['cp', '-a', '/srv/jail', jail]);
  writeUnit(machine, 'sysv', 'blank', [], ['wait'], jail);
  t.equal(machine.shell('/etc/init.d/blank start').status, 0);
  t.match(machine.shell('/etc/init.d/blank status').stdout, 'blank is running');
  t.equal(machine.shell('readlink /proc/$(cat /run/blank.pid)/root').stdout, `${jail}\n`);
  t.match(machine.shell('/etc/init.d/blank stop').stdout, 'blank is stopped');
});

unitTest('one that does not listen to SIGTERM is killed by the script of System V', async (t) => {
  writeUnit(machine, 'sysv', 'deaf', [], ['deaf', 'say=deaf now', 'wait']);
  machine.shell('sed -i s/^patience=.*/patience=1/ /etc/init.d/deaf; /etc/init.d/deaf start');
  await machine.until('cat /var/log/deaf.log', /deaf now/);
  t.match(machine.shell('/etc/init.d/deaf stop'), { status: 0, stdout: 'deaf is stopped\n' });
  t.equal(machine.shell('pgrep -x daemon').stdout, '');
});

unitTest('a pid that is another process by now is not taken for the program', async (t) => {
  machine.shell('echo 1 >/run/four.pid');
  t.equal(machine.shell('/etc/init.d/four status').status, 1);
  t.match(machine.shell('/etc/init.d/four stop'), { status: 0, stdout: 'four is not running\n' });
  t.equal(machine.shell('test -d /proc/1').status, 0);
});

unitTest(
  'a launch that fails is told where it is started, and not tried again where that cannot help',
  async (t) => {
    const broken = 's,nobody /srv,nosuch /srv,';
    const says = /Unknown user nosuch/;

    writeUnit(machine, 'sysv', 'five', [], ['wait']);
    machine.shell(`sed -i '${broken}' /etc/init.d/five`);
    t.match(machine.shell('/etc/init.d/five start'), { status: 1, stderr: says });

    writeUnit(machine, 'runit', 'seven', [], ['wait']);
    machine.shell(`sed -i '${broken}' /etc/sv/seven/run; ln -s /etc/sv/seven /etc/service`);
    await machine.until('cat /var/log/seven/current', says);
    await machine.until('sv status /etc/service/seven', /^down: .*normally up;/m);

    writeUnit(machine, 's6', 'eight', [], ['wait']);
    machine.shell(
      `sed -i '${broken}' /etc/s6/sv/eight/run; ln -s /etc/s6/sv/eight /etc/s6/scan; s6-svscanctl -a /etc/s6/scan`,
    );
    await machine.until('cat /var/log/eight/current', says);
    await machine.until('s6-svstat /etc/s6/scan/eight', /^down \(exitcode 250\).*normally up/);

    // longer than both would wait before they try again
    machine.shell('sleep 2.5');
    t.equal(
      machine.shell('grep -c Unknown /var/log/seven/current /var/log/eight/current').stdout,
      '/var/log/seven/current:1\n/var/log/eight/current:1\n',
    );
  },
);

unitTest('a program that crashes with 1, as interpreters do, is started again', async (t) => {
  writeUnit(machine, 'runit', 'throws', [], ['say=thrown', 'exit=1']);
  machine.shell('ln -s /etc/sv/throws /etc/service');
  await machine.until('grep -c thrown /var/log/throws/current', /^2$/m);
  machine.shell('rm /etc/service/throws; sv exit /etc/sv/throws');

  writeUnit(machine, 's6', 'throws', [], ['say=thrown by s6', 'exit=127']);
  machine.shell('ln -s /etc/s6/sv/throws /etc/s6/scan; s6-svscanctl -a /etc/s6/scan');
  await machine.until('grep -c "thrown by s6" /var/log/throws/current', /^2$/m);
  machine.shell('rm /etc/s6/scan/throws; s6-svscanctl -an /etc/s6/scan');
  t.pass('both were started twice');
});

unitTest('one that puts itself into the background is told to stay in the foreground', async (t) => {
  const hint = /it has to stay in the foreground/;
  writeUnit(machine, 'sysv', 'back', [], ['fork', 'wait']);
  t.match(machine.shell('/etc/init.d/back start'), { status: 7, stderr: hint });

  writeUnit(machine, 'runit', 'back', [], ['fork', 'wait']);
  machine.shell('ln -s /etc/sv/back /etc/service');
  await machine.until('cat /var/log/back/current', hint);
  machine.shell('rm /etc/service/back; sv exit /etc/sv/back');

  writeUnit(machine, 's6', 'back', [], ['fork', 'wait']);
  machine.shell('rm -r /var/log/back; ln -s /etc/s6/sv/back /etc/s6/scan; s6-svscanctl -a /etc/s6/scan');
  await machine.until('cat /var/log/back/current', hint);
  machine.shell('rm /etc/s6/scan/back; s6-svscanctl -an /etc/s6/scan; pkill -x daemon');
});

unitTest('the log of a script of System V is rotated while the program writes to it', async (t) => {
  const made = writeUnit(
    machine,
    'sysv',
    'logs',
    ['--reload-signal', 'HUP'],
    ['reload=more', 'say=first', 'wait'],
  );
  t.equal(made.stdout, '/etc/init.d/logs\n/etc/logrotate.d/logs\n');
  t.equal(machine.shell('/etc/init.d/logs start').status, 0);
  await machine.until('cat /var/log/logs.log', /first/);
  const rotated = machine.shell('logrotate --force /etc/logrotate.d/logs');
  t.equal(rotated.status, 0, rotated.stderr);
  t.equal(machine.shell('zcat -f /var/log/logs.log.1*').stdout, 'first\n');
  t.equal(machine.shell('/etc/init.d/logs reload').status, 0);
  await machine.until('cat /var/log/logs.log', /^more\n$/);
  t.equal(machine.shell('/etc/init.d/logs stop').status, 0);
});

// Then the pid is that of a process of uchroot, whose root directory is the host's.
unitTest('a script of System V knows a program for which uchroot waits', async (t) => {
  const waited = [['--isolate'], ['--time', '1000'], ['--isolate', '--ephemeral']];
  for (const [index, options] of waited.entries()) {
    const name = `waited${index}`;
    const script = (verb: string) => machine.shell(`timeout 20 /etc/init.d/${name} ${verb}`);
    writeUnit(machine, 'sysv', name, [...options, '--reload-signal', 'HUP'], ['reload=again', 'wait']);
    t.match(script('start'), { status: 0, stdout: `${name} is started` }, options.join(' '));
    t.match(script('start'), { status: 0, stdout: /is running, pid \d+/ });
    t.match(script('status'), { status: 0, stdout: /is running/ });
    t.equal(script('reload').status, 0);
    await machine.until(`cat /var/log/${name}.log`, /again/);
    const before = machine.shell('pgrep -x daemon').stdout;
    machine.shell('pkill -SEGV -x daemon');
    await machine.until(`/etc/init.d/${name} status`, /is dead/);
    t.equal(script('start').status, 0);
    t.not(machine.shell('pgrep -x daemon').stdout, before);
    t.match(script('stop'), { status: 0, stdout: /is stopped/ });
    t.equal(machine.shell('pgrep -x daemon').stdout, '');
  }
});

const starters: Readonly<Record<string, string>> = {
  runit: '/etc/sv/torture/run',
  s6: '/etc/s6/sv/torture/run',
  sysv: '/etc/init.d/torture start',
};

for (const [format, start] of Object.entries(starters))
  unitTest(`arguments survive ${format}`, async (t) => {
    writeUnit(machine, format, 'torture', [], [recorder, ...oddWords]);
    const { stderr } = machine.shell(start);
    t.equal(await recordedArguments(machine), argumentsOf(recorder, ...oddWords), { stderr });
  });
