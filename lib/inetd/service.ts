// One service: accepts connections within its limits, asks the rules, and starts the program of each connection in its jail.
import { LaunchError } from '../errors.ts';
import type { JailLaunch } from '../launch/start/jail-launch.ts';
import { openJail, type Jail } from '../launch/start/jail.ts';
import type { JailedProcess } from '../launch/process/process.ts';
import { native, type AcceptedConnection } from '../native.ts';
import type { Hosts } from '../tcpwrappers/hosts.ts';
import { showDenied } from '../outbound/outbound-policy.ts';
import { shareOf, unmapAddress } from '../values/address.ts';
import { readBanner, sendBanner } from './banner.ts';
import { admit, ClientSocket, type Admission } from './admission.ts';
import { Door, isShortage } from './door.ts';
import {
  beginConnection,
  type Connection,
  type EndedConnection,
  type EndReason,
} from './report/connection-entry.ts';
import { asInetd, asSystemd, limitsOfWait, type HandOver } from './listen/hand-over.ts';
import type { ListeningSocket } from './listen/listening-socket.ts';
import type { ServiceSettings } from './serve-request.ts';
import type { IdleWatch } from './idle-watch.ts';
import { StartCounter } from './start-limits.ts';
import { inStartPlace } from './start-place.ts';
import { findUnruled } from './unruled-wait.ts';
import { WaitingPlace } from './waiting-place.ts';

/** The receiver of a service's events. */
export interface ServiceObserver {
  /** The live connections, each with its program once that runs. */
  readonly connections: Map<Connection, JailedProcess | undefined>;
  /** Watches connections with an idle limit. */
  readonly idle: IdleWatch;
  /** A program runs. The program of a wait service has these sockets. */
  readonly onStart: (program: JailedProcess, service: Service, sockets: readonly ListeningSocket[]) => void;
  readonly onEnd: (ended: EndedConnection, service: Service) => void;
  /** A place among the running programs may be free. */
  readonly onFree: (service: Service) => void;
  /** A problem of the service itself: a program that cannot be started, a lack of descriptors. */
  readonly onProblem: (problem: unknown, service: Service) => void;
}

export class Service {
  readonly name: string;
  readonly settings: ServiceSettings;
  readonly counter: StartCounter;
  readonly #jail: Jail;
  readonly #launch: JailLaunch;
  readonly #hosts: Hosts;
  readonly #banner: Buffer | undefined;
  readonly #observer: ServiceObserver;
  readonly #door: Door;
  #isRetired = false;
  /** Connections whose program has not been started yet. */
  #entering = 0;

  private constructor(
    name: string,
    settings: ServiceSettings,
    observer: ServiceObserver,
    counter: StartCounter,
    opened: { readonly jail: Jail; readonly hosts: Hosts; readonly banner: Buffer | undefined },
  ) {
    this.name = name;
    this.settings = settings;
    this.counter = counter;
    this.#observer = observer;
    this.#door = new Door(counter, (error) => observer.onProblem(error, this));
    this.#jail = opened.jail;
    this.#launch = opened.jail.prepare({ timeoutMs: settings.timeoutMs });
    this.#hosts = opened.hosts;
    this.#banner = opened.banner;
  }

  /**
   * Verifies the jail and reads the rules. Nothing is listened to before serve().
   *
   * @param rulesOf opens the rules
   * @param counter that of the service that this one replaces
   * @throws UsageError, LaunchError
   */
  static async open(
    name: string,
    settings: ServiceSettings,
    observer: ServiceObserver,
    rulesOf: (settings: ServiceSettings) => Hosts,
    counter = new StartCounter(settings),
  ): Promise<Service> {
    const { launch, share } = settings;
    const hosts = rulesOf(settings);
    const banner = settings.banner === undefined ? undefined : readBanner(settings.banner);
    const { jail: directory, ...defaults } = launch;
    const jail = await openJail(directory, { ...defaults, share, newGroup: true });
    const service = new Service(name, settings, observer, counter, { jail, hosts, banner });
    const unruled = findUnruled(settings);
    if (unruled !== undefined) observer.onProblem(unruled, service);
    return service;
  }

  /** Addresses that it listens on. */
  get addresses(): readonly string[] {
    return this.#door.addresses;
  }

  /** Problems in the files of rules. */
  get findings(): Hosts['findings'] {
    return this.#hosts.findings;
  }

  /** Accepts connections from these sockets from now on. */
  serve(sockets: readonly ListeningSocket[]): void {
    this.counter.limits = this.settings.wait ? limitsOfWait(this.settings) : this.settings;
    if (this.settings.wait) this.#wait(sockets);
    else
      for (const socket of sockets)
        socket.onReadable = this.#door.accepting(socket, (accepted) => this.#enter(accepted));
    this.#door.sockets = sockets;
  }

  /** Looks whether a program may start: a connection has ended. */
  heed(): void {
    this.#door.heed();
  }

  #wait(sockets: readonly ListeningSocket[]): void {
    const { activation, timeoutMs } = this.settings;
    const handOvers =
      activation === 'systemd'
        ? asSystemd(this.#jail, timeoutMs, this.name, sockets)
        : asInetd(this.#launch, sockets);
    for (const handOver of handOvers)
      for (const socket of handOver.sockets) socket.onReadable = () => void this.#hand(handOver);
  }

  /** Accepts no more connections; those that it has go on. Its sockets stay open. */
  retire(): void {
    this.#door.sockets = [];
    this.#isRetired = true;
    this.#closeIfUnused();
  }

  // A decision can take long, and its client still needs the jail.
  #closeIfUnused(): void {
    if (this.#isRetired && this.#entering === 0) this.#jail.close();
  }

  #enter(accepted: AcceptedConnection): void {
    const { fd, port, uid, pid } = accepted;
    const address = accepted.address && unmapAddress(accepted.address);
    const source = address === undefined ? `uid ${uid}` : shareOf(address);
    const peer = address === undefined ? { uid, pid } : { address, port };
    const connection = beginConnection(this.name, peer);
    const client = new ClientSocket(fd);
    const refusal = this.counter.enter(source, performance.now());
    if (refusal !== undefined) {
      client.close();
      return this.#tell(connection, { reason: refusal, durationMs: 0 });
    }
    this.#observer.connections.set(connection, undefined);
    this.#entering++;
    void this.#serve(connection, client, source).finally(() => {
      this.#entering--;
      this.#closeIfUnused();
    });
  }

  // Never rejects, like #run().
  async #serve(connection: Connection, client: ClientSocket, source: string): Promise<void> {
    const beginMs = performance.now();
    const place = new WaitingPlace(this.counter, source, {
      onFree: () => this.#observer.onFree(this),
      onLost: () => refuse('undecided', undefined),
    });
    const refuse = (reason: EndReason, message: string | undefined): void => {
      client.turnAway();
      place.leaveRefused();
      this.#over(connection, { reason, message, durationMs: performance.now() - beginMs });
    };
    let admission: Admission;
    try {
      admission = await admit(this.#hosts, this.settings, connection.peer, client, place);
    } catch (error) {
      if (place.isLost) return;
      this.#observer.onProblem(error, this);
      return refuse('failed', (error as Error).message);
    }
    if (place.isLost) return;
    const { verdict, rule, message, variables } = admission;
    connection.rule = rule;
    if (verdict !== 'granted') return refuse(verdict, message);
    try {
      if (this.#banner !== undefined) sendBanner(client.fd, this.#banner);
      const process = await inStartPlace(this.name, () => this.#start(client.fd, variables));
      void this.#run(connection, process, source, beginMs, message);
      this.#observer.onStart(process, this, []);
    } catch (error) {
      this.#leaveUnstarted(source, error);
      const durationMs = performance.now() - beginMs;
      this.#over(connection, { reason: 'failed', message: (error as Error).message, durationMs });
    } finally {
      client.close();
    }
  }

  // The program of a connection was not executed.
  #leaveUnstarted(source: string | undefined, error: unknown): void {
    if (isShortage(error)) {
      // another program may start as soon as one has ended
      this.counter.leaveRefused(source);
      return this.#door.pause(error);
    }
    this.#observer.onProblem(error, this);
    // anything but a launch may have failed because of this client
    if (!(error instanceof LaunchError)) return this.counter.leaveRefused(source);
    const { step, code, path = '' } = error;
    this.counter.leaveFailed(source, `${step} ${code} ${path}`, performance.now());
  }

  async #start(fd: number, variables: Admission['variables']): Promise<JailedProcess> {
    const { idleMs } = this.settings;
    const stdio = [fd, fd, fd] as const;
    const key = idleMs === undefined ? undefined : native.tcpKey(fd);
    const process = await this.#launch.spawn({ stdio, ...(variables !== undefined && { env: variables }) });
    const { idle, onProblem } = this.#observer;
    if (idleMs !== undefined && key !== undefined)
      idle.add(process, key, idleMs, (problem) => onProblem(problem, this));
    return process;
  }

  async #run(
    connection: Connection,
    process: JailedProcess,
    source: string | undefined,
    beginMs: number,
    message: string | undefined,
  ): Promise<void> {
    this.counter.started();
    connection.pid = process.pid;
    connection.waitMs = performance.now() - beginMs;
    this.#observer.connections.set(connection, process);
    const { exitCode, signal, usage, limit, denied = [] } = await process.exited;
    this.counter.leaveEnded(source);
    // a program that handles the signal of the limit can end with status 0
    const reached = limit ?? (process.stopped === 'ETIMEDOUT' ? 'time' : undefined);
    const isIdle = this.#observer.idle.leave(process) && reached === 'time';
    const reason: EndReason = isIdle ? 'idle' : (reached ?? (signal === null ? 'exit' : 'signal'));
    this.#over(connection, {
      reason,
      message: denied.length === 0 ? message : showDenied(denied),
      exitCode,
      signal,
      usage,
      durationMs: performance.now() - beginMs,
    });
  }

  // The program gets the listening sockets themselves, and reads them (inetd(8), wait).
  async #hand({ sockets, start }: HandOver): Promise<void> {
    const beginMs = performance.now();
    if (this.counter.waitMs(beginMs) > 0) return this.heed();
    this.counter.enter(undefined, beginMs);
    const connection = beginConnection(this.name, {});
    this.#observer.connections.set(connection, undefined);
    for (const socket of sockets) socket.isHandedOut = true;
    this.heed(); // the other addresses have the same limits
    try {
      const program = await start();
      this.#observer.onStart(program, this, sockets);
      await this.#run(connection, program, undefined, beginMs, undefined);
    } catch (error) {
      this.#leaveUnstarted(undefined, error);
      this.#over(connection, { reason: 'failed', durationMs: 0, message: (error as Error).message });
    } finally {
      for (const socket of sockets) socket.isHandedOut = false;
    }
  }

  #over(connection: Connection, end: End): void {
    this.#observer.connections.delete(connection);
    this.#tell(connection, end);
  }

  #tell(connection: Connection, end: End): void {
    const { id, service, peer, sinceMs, pid, waitMs, rule } = connection;
    const { exitCode = null, signal = null, usage, message, reason, durationMs } = end;
    // written out: `{...connection, …}` takes V8 ten times as long
    this.#observer.onEnd(
      { id, service, peer, sinceMs, pid, waitMs, rule, exitCode, signal, usage, message, reason, durationMs },
      this,
    );
  }
}

type End = Pick<EndedConnection, 'reason' | 'durationMs'> & Partial<EndedConnection>;
