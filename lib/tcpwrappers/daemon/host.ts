// What a host has: services, programs, and which of them ask libwrap.

import { type BytePath, bytePath, lastComponent } from '../../binary/path.ts';
import type { FileRoot } from '../../binary/root.ts';
import { fold } from '../text/fold.ts';
import { readInetd } from './inetd.ts';
import { PROGRAM_DIRECTORIES, findProgram, type Service, type ServiceFault } from './service.ts';
import { readUnits } from './units.ts';
import { openWrapped, type Wrapped } from './wrapped.ts';
import { readXinetd } from './xinetd.ts';

/** The services of a host, and questions about daemons by their process names. */
export interface DaemonHost {
  readonly services: readonly Service[];
  readonly faults: readonly ServiceFault[];
  /** The services of a daemon; upper and lower case are the same. */
  servicesOf(daemon: string): readonly Service[];
  /** The program of a daemon that no service names: one that is so called. */
  programOf(daemon: string): BytePath | undefined;
  /** Whether a service, or the program, asks for a decision. */
  isWrapped(service: Service | BytePath): Wrapped;
  /** All names that a daemon could have, for what is misspelt. */
  names(): readonly string[];
}

export interface DaemonHostOptions {
  /** By default /etc/inetd.conf. */
  readonly inetd?: string | undefined;
}

/** Reads what services there are beneath a root directory. */
export function openDaemonHost(
  root: FileRoot,
  { inetd = '/etc/inetd.conf' }: DaemonHostOptions = {},
): DaemonHost {
  const fromInetd = readInetd(root, inetd);
  const fromXinetd = readXinetd(root, '/etc/xinetd.d');
  const services = [...fromInetd.services, ...fromXinetd.services, ...readUnits(root)];
  const byDaemon = new Map<string, Service[]>();
  for (const service of services) {
    const same = byDaemon.get(fold(service.daemon)) ?? [];
    byDaemon.set(fold(service.daemon), [...same, service]);
  }
  const wrapped = openWrapped(root);
  return {
    services,
    faults: [...fromInetd.faults, ...fromXinetd.faults],
    servicesOf: (daemon) => byDaemon.get(fold(daemon)) ?? [],
    programOf: (daemon) => findProgram(root, daemon),
    isWrapped(service) {
      if (typeof service === 'string') return wrapped(service);
      if (service.starter === 'tcpd') return 'yes';
      const itself = wrapped(service.program);
      return itself === 'no' && service.starter === 'xinetd' ? wrapped(bytePath('/usr/sbin/xinetd')) : itself;
    },
    names: () => [
      ...services.map(({ daemon }) => daemon),
      ...PROGRAM_DIRECTORIES.flatMap((directory) => root.list(bytePath(directory)) ?? []).map(lastComponent),
    ],
  };
}
