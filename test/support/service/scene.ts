// What the tests of units begin with: a machine with a jail in it, in which test/support/daemon.c lies.
import { readFileSync } from 'node:fs';

import { command, type Ended } from '../launch.ts';
import { bootMachine, type Machine } from '../machine.ts';
import { compiled } from '../programs.ts';

/** A machine with the jail /srv/jail, which holds /daemon, and places for the sockets of systemd. */
export async function bootScene(): Promise<Machine> {
  const machine = await bootMachine();
  machine.shell(`
    mkdir -p /srv/jail/tmp /srv/jail/run/systemd /srv/jail/dev
    chmod 1777 /srv/jail/tmp
    mknod -m 0666 /srv/jail/dev/null c 1 3
    ln -s /run/systemd/journal/dev-log /srv/jail/dev/log
  `);
  machine.run(['sh', '-c', 'cat >/srv/jail/daemon && chmod 0755 /srv/jail/daemon'], {
    input: readFileSync(compiled('daemon')),
  });
  return machine;
}

/** Writes the unit NAME for the daemon with these words; fails if uchroot has something against it. */
export function writeUnit(
  machine: Machine,
  format: string,
  name: string,
  options: readonly string[],
  words: readonly (string | Buffer)[],
  jail = '/srv/jail',
): Ended {
  const directory =
    { systemd: '/etc/systemd/system', runit: '/etc/sv', s6: '/etc/s6/sv' }[format] ?? '/etc/init.d';
  const own = ['--unit', format, '--unit-dir', directory, '--unit-name', name];
  const launch = ['nobody', jail, '/daemon', ...words];
  // through xargs: the words need not be text
  const made = machine.run(['xargs', '-0', 'env'], {
    input: terminated([...command, ...own, ...options, ...launch]),
  });
  if (made.status !== 0) throw new Error(`uchroot --unit: status ${made.status}: ${made.stderr}`);
  return made;
}

/** Whether a process of the machine is the daemon, in its jail, as nobody. */
export function isJailed(machine: Machine, pid: string): boolean {
  return (
    machine.shell(`readlink /proc/${pid}/exe /proc/${pid}/root`).stdout === '/srv/jail/daemon\n/srv/jail\n' &&
    /^Uid:(\s65534){4}$/m.test(machine.shell(`cat /proc/${pid}/status`).stdout)
  );
}

// Words with a NUL after each.
function terminated(words: readonly (string | Buffer)[]): Buffer {
  return Buffer.concat(words.flatMap((word) => [Buffer.from(word), Buffer.from([0])]));
}

const file = '/srv/jail/tmp/arguments';

/** The word that has the daemon write down its arguments. */
export const recorder = 'args=/tmp/arguments';

/** What it writes down, started with these words; one character a byte. */
export function argumentsOf(...words: readonly (string | Buffer)[]): string {
  return terminated(['/daemon', ...words]).toString('latin1');
}

/** What the daemon has written down since the last time, as soon as it has. */
export async function recordedArguments(machine: Machine): Promise<string> {
  await machine.until(`test -e ${file} && echo there`, /there/);
  const { output } = machine.run(['cat', file]);
  machine.run(['rm', file]);
  return (output[1] ?? Buffer.alloc(0)).toString('latin1');
}
