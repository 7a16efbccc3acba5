// Ports of daemons: those of their services.

import { execFileSync } from 'node:child_process';

import type { DaemonHost } from '../daemon/host.ts';
import { fold } from '../text/fold.ts';
import { joinPorts, onePort, type Ports, type PortsOf, PROTOCOLS } from './ports.ts';

// A service by its name in services(5), through getent(1), which knows where that is kept.
function servicePorts(name: string): Ports | undefined {
  const found = PROTOCOLS.flatMap((protocol) => {
    try {
      const text = execFileSync('getent', ['services', '--', `${name}/${protocol}`], {
        encoding: 'latin1',
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      const port = /\s(\d+)\/(tcp|udp)\b/.exec(text);
      return port === null ? [] : [onePort(Number(port[1]), protocol)];
    } catch {
      // there is no such service
      return [];
    }
  });
  return found.length === 0 ? undefined : joinPorts(...found);
}

// sshd, in.ftpd → ssh, ftp: daemons are called after their services.
function serviceNames(daemon: string): readonly string[] {
  const short = daemon.replace(/^in\.|^rpc\./, '');
  return [...new Set([daemon, short, short.replace(/d$/, '')])];
}

/** Answers for daemons by their names, `given` first; each is looked up once. */
export function openPorts(host: DaemonHost, given: ReadonlyMap<string, Ports>): PortsOf {
  const known = new Map<string, Ports | undefined>([...given].map(([name, ports]) => [fold(name), ports]));
  return (daemon) => {
    const key = fold(daemon);
    if (!known.has(key)) {
      const configured = host.servicesOf(daemon).flatMap(({ port }) => (port === undefined ? [] : [port]));
      const names = configured.length > 0 ? configured : serviceNames(key);
      const found = names.map(servicePorts).filter((ports) => ports !== undefined);
      // of names that are only guessed the first that there is
      known.set(key, found.length === 0 ? undefined : configured.length > 0 ? joinPorts(...found) : found[0]);
    }
    return known.get(key);
  };
}
