// Why the service manager of the host cannot be asked, and what to do.
import { existsSync, readFileSync } from 'node:fs';

import { quote } from '../../../words/quote.ts';
import type { Refusal } from './service-refusal.ts';

/** What the host has of systemd. */
export interface ManagerFacts {
  /** systemd is the init system (sd_booted(3)). */
  readonly isBooted: boolean;
  /** The name of process 1; empty if it is not known. */
  readonly first: string;
  /** The system bus has a socket. */
  readonly hasBus: boolean;
}

/** Looks at the host. */
export function lookAtManager(): ManagerFacts {
  return {
    isBooted: existsSync('/run/systemd/system'),
    first: firstProcess(),
    hasBus: existsSync('/run/dbus/system_bus_socket'),
  };
}

function firstProcess(): string {
  try {
    return readFileSync('/proc/1/comm', 'utf8').trim();
  } catch {
    return ''; // no /proc, or one that hides it
  }
}

/** Why systemd cannot be asked; undefined if it can, as far as can be seen. */
export function managerAbsence({ isBooted, first, hasBus }: ManagerFacts): Refusal | undefined {
  if (!isBooted)
    return {
      message: `systemd is not the init system here${first === '' ? '' : `: process 1 is ${quote(first)}`}`,
      hint: 'in a container, start the program by uchroot USER DIRECTORY PROGRAM; for another init system: uchroot --unit openrc, sysv, runit or s6',
    };
  if (!hasBus)
    return {
      message:
        'the system bus does not run, by which systemd is asked: there is no /run/dbus/system_bus_socket',
      hint: 'apt-get install dbus, then systemctl start dbus.socket',
    };
  return undefined;
}
