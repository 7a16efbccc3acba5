// Tests of uchroot-service on a systemd that has been booted for the purpose.
import t, { type Test } from 'tap';

import { packageDirectory, searchPath, type Ended } from './launch.ts';
import { bootMachine, unlessMachine, type Machine } from './machine.ts';
import { Resident } from './resident.ts';

export interface ServiceMachine {
  /** A test that needs the machine. */
  readonly serviceTest: (name: string, body: (t: Test) => Promise<void>) => void;
  readonly machine: () => Machine;
  /** Runs uchroot-service, in a process that does nothing else (resident.ts). */
  readonly service: (...words: readonly string[]) => Ended;
  /** The same in a process of its own, which can be killed. */
  readonly serviceProcess: (...words: readonly string[]) => Ended;
  /** The output of a line of a shell. */
  readonly shell: (line: string) => string;
  /** A property of a unit. */
  readonly show: (unit: string, property: string) => string;
  readonly isJailed: (unit: string) => boolean;
  /** Makes the record of an adopted service differ from the host, so that an update has something to do. */
  readonly outdate: (unit: string) => void;
}

/** Boots a machine with these tools for the tests of a file. */
export function serviceMachine(...tools: readonly string[]): ServiceMachine {
  const skip = unlessMachine('busctl', 'systemd-analyze', ...tools);
  let machine: Machine | undefined;
  let resident: Resident | undefined;
  t.before(async () => {
    if (skip !== false) return;
    const booting = await bootMachine();
    const bin = `${packageDirectory}/dist/bin`;
    const restart = (): void => {
      resident = new Resident(booting.enter([]), { PATH: searchPath }, bin, true);
    };
    // systemd stops all processes before it ends them, and then nsenter(1) stops and never reaps: the boot would wait for ever
    const reboot = (): Promise<void> => {
      resident?.end();
      return booting.reboot().then(restart);
    };
    machine = { ...booting, reboot };
    restart();
  });
  t.teardown(async () => await machine?.stop());
  const needed = <Thing>(thing: Thing | undefined): Thing => {
    if (thing === undefined) throw new Error('the machine is not booted yet');
    return thing;
  };
  const booted = (): Machine => needed(machine);
  const shell = (line: string): string => booted().shell(line).stdout.trim();
  const show = (unit: string, property: string): string =>
    shell(`systemctl show --value -p ${property} ${unit}`);
  return {
    serviceTest: (name, body) => void t.test(name, { skip }, body),
    machine: booted,
    service: (...words) => needed(resident).run('uchroot-service', words),
    serviceProcess: (...words) =>
      booted().run([process.execPath, `${packageDirectory}/dist/bin/uchroot-service.cjs`, ...words]),
    shell,
    show,
    // the root directory of the main process has this entry, and the host's has not
    isJailed: (unit) =>
      shell(`ls -A /proc/${show(unit, 'MainPID')}/root/`)
        .split('\n')
        .includes('.uchroot'),
    outdate: (unit) =>
      void shell(`sed -i 's/"reason": "/&0/' /var/lib/uchroot/services/${unit}.service/adoption.json`),
  };
}
