// The services, programs and accounts of a host, and which daemons use libwrap.

import { openResolver } from '../../binary/closure.ts';
import { type BytePath, bytePath, lastComponent } from '../../tree/path.ts';
import type { FileRoot } from '../../tree/root.ts';
import { native } from '../../native.ts';
import { memoize } from '../../values/remember.ts';
import { fold } from '../text/latin1.ts';
import {
  findProgram,
  PROGRAM_DIRECTORIES,
  readInetd,
  readText,
  readUnits,
  readSockets,
  readXinetd,
  type Service,
  type ServiceFault,
  statusOf,
} from './service-files.ts';

/** Names have one byte a character. */
export interface Accounts {
  readonly hasUser: (name: string) => boolean;
  readonly hasGroup: (name: string) => boolean;
}

/** Reads the databases of the host (getpwnam(3), getgrnam(3)). */
export const HOST_ACCOUNTS: Accounts = {
  hasUser: (name) => native.getpwnam(Buffer.from(name, 'latin1')) !== null,
  hasGroup: (name) => native.getgrnam(Buffer.from(name, 'latin1')) !== null,
};

/** `unknown` for a program that is no ELF file: an interpreter may load anything. */
type Wrapped = 'yes' | 'no' | 'unknown';

// Paths of programs in the text of a program, which it may start: sshd(8) starts sshd-session, which uses libwrap.
const PROGRAM_PATH = /\/usr\/(?:local\/)?(?:lib|libexec|s?bin)\/[\w./+-]{1,200}/g;
const MAX_STARTED = 64;

/** Tells whether programs of a root use libwrap; nothing is executed. */
export function openWrapped(root: FileRoot): (program: BytePath) => Wrapped {
  const resolver = openResolver(root, { dlopen: 'suggested' });

  // Linked to libwrap, as ldd(1) would show, or names the file of rules, as a static copy of libwrap does.
  function hasIt(program: BytePath, text: string): Wrapped {
    const { files, missing } = resolver.resolve(program);
    const isLibwrap = files.some(({ path, role }) => {
      return role !== 'program' && lastComponent(path).startsWith('libwrap.so');
    });
    if (isLibwrap || text.includes('/etc/hosts.allow')) return 'yes';
    return files[0]?.elf !== undefined && missing.length === 0 ? 'no' : 'unknown';
  }

  function look(program: BytePath): Wrapped {
    const text = readText(root, program);
    if (text === undefined) return 'unknown';
    const itself = hasIt(program, text);
    if (itself !== 'no') return itself;
    const named = [...new Set(text.match(PROGRAM_PATH) ?? [])].map(bytePath).slice(0, MAX_STARTED);
    const started = named.filter((path) => ((statusOf(root, path)?.mode ?? 0) & 0o111) !== 0);
    return started.some((path) => hasIt(path, readText(root, path) ?? '') === 'yes') ? 'yes' : 'no';
  }

  return memoize(look);
}

export interface DaemonHost {
  readonly services: readonly Service[];
  readonly faults: readonly ServiceFault[];
  /** The services of a daemon; case does not count. */
  servicesOf(daemon: string): readonly Service[];
  /** The program with the name of the daemon, for a daemon without a service. */
  programOf(daemon: string): BytePath | undefined;
  /** The units of sockets that start a unit. */
  socketsOf(unit: string): readonly string[];
  /** Whether a service or a program asks the rules. */
  isWrapped(service: Service | BytePath): Wrapped;
  /** All names that a daemon could have, for hints about misspelt names. */
  names(): readonly string[];
}

export function openDaemonHost(root: FileRoot, inetd = '/etc/inetd.conf'): DaemonHost {
  const fromInetd = readInetd(root, inetd);
  const fromXinetd = readXinetd(root, '/etc/xinetd.d');
  const services = [...fromInetd.services, ...fromXinetd.services, ...readUnits(root)];
  const byDaemon = new Map<string, Service[]>();
  for (const service of services)
    byDaemon.set(fold(service.daemon), [...(byDaemon.get(fold(service.daemon)) ?? []), service]);
  const wrapped = openWrapped(root);
  return {
    services,
    faults: [...fromInetd.faults, ...fromXinetd.faults],
    servicesOf: (daemon) => byDaemon.get(fold(daemon)) ?? [],
    socketsOf: (unit) => readSockets(root).flatMap(({ socket, starts }) => (starts === unit ? [socket] : [])),
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
