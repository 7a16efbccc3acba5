// The super-server: its services and their sockets, a change of them all at once, and the end.
import { EventEmitter } from 'node:events';

import { LaunchError, UsageError } from '../errors.ts';
import type { JailedProcess } from '../launch/process/process.ts';
import { quote } from '../words/quote.ts';
import { showListenAddress, type ListenAddress } from './listen/listen-address.ts';
import type { Connection, EndedConnection } from './report/connection-entry.ts';
import { IdleWatch, verifyIdle } from './idle-watch.ts';
import { type ActivatedSocket, ListeningSocket } from './listen/listening-socket.ts';
import { findOverlap } from './listen/address-overlap.ts';
import type { ServiceSettings } from './serve-request.ts';
import { sharedRules } from './service-rules.ts';
import { Service, type ServiceObserver } from './service.ts';

/** Services by name. */
export type Services = ReadonlyMap<string, ServiceSettings>;

interface InetdEvents {
  /** A program runs. */
  readonly start: [program: JailedProcess];
  /** A connection is over. */
  readonly end: [ended: EndedConnection, service: Service];
  /** A problem that is not about one connection, or a program that cannot be started. */
  readonly problem: [problem: unknown, service: Service];
}

interface Opened {
  readonly service: Service;
  readonly sockets: readonly ListeningSocket[];
}

// A program that got listening sockets in systemd's way accepts connections until it is ended.
const isDaemon = ({ settings }: Service): boolean => settings.wait && settings.activation === 'systemd';

const isSameList = <T>(one: readonly T[], other: readonly T[]): boolean =>
  one.length === other.length && one.every((item) => other.includes(item));

/** @throws UsageError if two addresses cannot be listened on at the same time */
export function refuseOverlap(services: Services): void {
  const overlap = findOverlap([...services].map(([name, { listen }]) => [name, listen]));
  if (overlap !== undefined)
    throw new UsageError(`${quote(overlap.service)}: ${quote(overlap.message)}`, { hint: overlap.hint });
}

export class Inetd extends EventEmitter<{ -readonly [Name in keyof InetdEvents]: InetdEvents[Name] }> {
  /** The live connections, each with its program as soon as that runs. */
  readonly connections = new Map<Connection, JailedProcess | undefined>();
  readonly #idle = new IdleWatch();
  readonly #daemons = new Map<JailedProcess, Opened>();
  readonly #activated: readonly ListeningSocket[];
  #services: readonly Opened[] = [];
  #sockets = new Map<string, ListeningSocket>();
  #isDraining = false;
  #resolveDrained: () => void = () => undefined;
  /** Resolves after drain(), when no connection is left. */
  readonly drained = new Promise<void>((resolve) => (this.#resolveDrained = resolve));

  /** @param activated sockets that systemd has opened */
  constructor(activated: readonly ActivatedSocket[] = []) {
    super();
    this.#activated = activated.map((socket) => ListeningSocket.adopt(socket));
  }

  get services(): readonly Service[] {
    return this.#services.map(({ service }) => service);
  }

  /** Sockets of systemd that no service uses: their clients would wait for ever. */
  get unusedSockets(): readonly string[] {
    const used = new Set(this.#services.flatMap(({ sockets }) => sockets));
    return this.#activated
      .filter((socket) => !used.has(socket))
      .map((socket) => `${showListenAddress(socket.address)} (${socket.shown})`);
  }

  /**
   * Replaces all services. Sockets that are still needed stay open, so that no client is refused meanwhile; connections go on. Nothing
   * changes if something is wrong with the new services, or if drain() was called meanwhile.
   *
   * @throws UsageError, LaunchError
   */
  async configure(services: Services): Promise<void> {
    refuseOverlap(services);
    const opened: Opened[] = [];
    const sockets = new Map<string, ListeningSocket>();
    const rulesOf = sharedRules();
    try {
      for (const [name, settings] of services) {
        const before = this.services.find((service) => service.name === name);
        const observer: ServiceObserver = {
          connections: this.connections,
          idle: this.#idle,
          onStart: (program, service, sockets) => this.#onStart(program, { service, sockets }),
          onEnd: (ended, service) => this.#onEnd(ended, service),
          onFree: (service) => this.#heed(service),
          onProblem: (problem, service) => void this.emit('problem', problem, service),
        };
        const nameIt = (error: unknown): never => {
          if (services.size > 1) (error as Error).message = `${quote(name)}: ${(error as Error).message}`;
          throw error;
        };
        const service = await Service.open(name, settings, observer, rulesOf, before?.counter).catch(nameIt);
        opened.push({ service, sockets: [] });
        const own = [...new Set(this.#socketsOf(name, settings, sockets))];
        if (settings.idleMs !== undefined) await Promise.all(own.map(verifyIdle)).catch(nameIt);
        opened[opened.length - 1] = { service, sockets: own };
      }
      // otherwise it would listen again, and never end
      if (this.#isDraining) throw new UsageError('it is shutting down, and accepts no new configuration');
    } catch (error) {
      for (const { service } of opened) service.retire();
      for (const [key, socket] of sockets) if (!this.#sockets.has(key)) socket.close();
      throw error;
    }
    this.#replace(opened, sockets);
  }

  // The sockets of a service. New ones are opened here.
  #socketsOf(
    name: string,
    { listen, socketMode, wait }: ServiceSettings,
    all: Map<string, ListeningSocket>,
  ): readonly ListeningSocket[] {
    return listen.flatMap((address) => {
      if (address.kind === 'systemd') return this.#activatedFor(name, address, wait);
      const key = showListenAddress(address);
      const socket = this.#sockets.get(key) ?? this.#open(address, socketMode);
      all.set(key, socket);
      return [socket];
    });
  }

  #open(address: ListenAddress, mode: number): ListeningSocket {
    try {
      return ListeningSocket.open(address, mode);
    } catch (error) {
      const own = [...this.#sockets.values()].find(
        (socket) => findOverlap([['', [socket.address, address]]]) !== undefined,
      );
      if (own === undefined || !(error instanceof LaunchError) || error.code !== 'EADDRINUSE') throw error;
      throw new UsageError(error.message, {
        hint: `it listens on ${quote(own.shown)} itself until the new configuration counts: restart it to change such an address`,
      });
    }
  }

  #activatedFor(
    name: string,
    address: ListenAddress & { readonly kind: 'systemd' },
    wait: boolean,
  ): readonly ListeningSocket[] {
    const found = this.#activated.filter(
      (socket) =>
        address.name === undefined || showListenAddress(socket.address) === showListenAddress(address),
    );
    if (found.length === 0)
      throw new UsageError(
        `${quote(name)}: systemd has opened no socket${address.name === undefined ? '' : ` ${quote(address.name)}`}`,
        {
          hint: 'the unit needs a .socket of its name with Accept=no, and FileDescriptorName= for a name (sd_listen_fds(3))',
        },
      );
    if (found.some(({ isDatagram }) => isDatagram) && !wait)
      throw new UsageError(`${quote(name)}: a socket of datagrams has no connections: give wait as well`, {
        hint: 'give --wait (wait = true)',
      });
    return found;
  }

  #replace(opened: readonly Opened[], sockets: Map<string, ListeningSocket>): void {
    for (const { service } of this.#services) service.retire();
    for (const [key, socket] of this.#sockets) if (sockets.get(key) !== socket) socket.close();
    this.#sockets = sockets;
    this.#services = opened;
    for (const { service, sockets } of opened) {
      for (const socket of sockets) this.#setMode(socket, service);
      service.serve(sockets);
    }
    for (const [program, daemon] of this.#daemons) this.#endUnwanted(program, daemon);
  }

  // The configuration may give an open socket another mode now.
  #setMode(socket: ListeningSocket, service: Service): void {
    try {
      socket.setMode(service.settings.socketMode);
    } catch (error) {
      this.emit('problem', error, service);
    }
  }

  #onStart(program: JailedProcess, opened: Opened): void {
    this.emit('start', program);
    if (!isDaemon(opened.service)) return;
    this.#daemons.set(program, opened);
    void program.exited.finally(() => this.#daemons.delete(program));
    // the services may have changed while it started
    this.#endUnwanted(program, opened);
  }

  // Ends a program that holds sockets of a service that is gone or has changed. Otherwise it would go on accepting connections for the old
  // service, or connections of a new service would wait for it.
  #endUnwanted(program: JailedProcess, { service, sockets }: Opened): void {
    const now = this.#services.find(({ service: { name } }) => name === service.name);
    const isSame = now !== undefined && isDaemon(now.service) && isSameList(now.sockets, sockets);
    if (!isSame) program.kill('SIGTERM');
  }

  #onEnd(ended: EndedConnection, service: Service): void {
    this.emit('end', ended, service);
    this.#heed(service);
    if (this.#isDraining && this.connections.size === 0) this.#resolveDrained();
  }

  // Another service may have replaced the one that accepted the connection, or none at the end.
  #heed(service: Service): void {
    const heirs = this.services.filter((now) => now.counter === service.counter);
    for (const heir of heirs.length > 0 ? heirs : [service]) heir.heed();
  }

  /** Stops listening, and ends programs that accept connections themselves. Connections go on. `drained` resolves after the last one. */
  drain(): void {
    if (this.#isDraining) return;
    this.#isDraining = true;
    this.#replace([], new Map());
    for (const socket of this.#activated) socket.close();
    if (this.connections.size === 0) this.#resolveDrained();
  }
}
