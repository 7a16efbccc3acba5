// The main loop of the process uchroot-inetd: start, reloads, and the wait for the last connection.
import { words } from '../words/word-list.ts';
import { ManagerNotice } from './report/service-manager.ts';
import { activatedSockets } from './listen/listening-socket.ts';
import { foreseeProblems } from './service-problem.ts';
import { Inetd, type Services } from './inetd.ts';
import { InetdLog } from './report/inetd-log.ts';
import { quote } from '../words/quote.ts';
import { toUtf8 } from '../tcpwrappers/text/latin1.ts';
import { Metrics } from './report/metrics.ts';
import type { Service } from './service.ts';
import { openStatusServer, statusOf, statusText } from './report/status-server.ts';

/** How often the status line of the service manager is updated. */
const STATUS_MS = 5000;

// They are for this process: the programs of connections must not get them (sd_listen_fds(3), sd_notify(3)).
const OWN_VARIABLES = words(
  'LISTEN_PID LISTEN_PIDFDID LISTEN_FDS LISTEN_FDNAMES NOTIFY_SOCKET WATCHDOG_PID WATCHDOG_USEC',
);

function takeVariables(): Readonly<Record<string, string | undefined>> {
  const taken = Object.fromEntries(OWN_VARIABLES.map((name) => [name, process.env[name]]));
  for (const name of OWN_VARIABLES) delete process.env[name];
  return taken;
}

function countOf(inetd: Inetd): string {
  const { size } = inetd.connections;
  return `${size} ${size === 1 ? 'connection' : 'connections'}`;
}

/** The configuration that the command gives the daemon. */
export interface DaemonRequest {
  /**
   * Reads the configuration, at the start and at each SIGHUP.
   *
   * @param isActivated whether systemd has opened sockets
   */
  readonly read: (isActivated: boolean, warn: (message: string) => void) => Services;
  /** Path of the socket for `uchroot-inetd status`. */
  readonly statusSocket: string | undefined;
}

class Daemon {
  readonly #log = new InetdLog();
  readonly #notice: ManagerNotice;
  readonly #inetd: Inetd;
  readonly #read: () => Services;
  readonly #metrics = new Metrics();
  readonly #statusSocket: string | undefined;
  #closeStatus: (() => void) | undefined;
  #reload = Promise.resolve();
  #isReloadWaiting = false;
  #isEnding = false;

  constructor(request: DaemonRequest) {
    const variables = takeVariables();
    const activated = activatedSockets(variables, process.pid);
    this.#notice = new ManagerNotice(variables, process.pid);
    this.#inetd = new Inetd(activated);
    this.#read = () => request.read(activated.length > 0, (message) => this.#log.say('warning', message));
    this.#statusSocket = request.statusSocket;
  }

  async run(): Promise<void> {
    const log = this.#log;
    this.#inetd.on('end', (ended, { settings }) => {
      this.#metrics.count(ended);
      log.connection(ended, settings.log);
    });
    this.#inetd.on('problem', (problem, { name }) => log.fail(problem, name));
    // before the start: until they are handled, these signals end the process, or open the debugger of Node
    process.on('SIGHUP', () => this.#reloadLater());
    process.on('SIGUSR1', () => log.say('notice', statusText(statusOf(this.#inetd))));
    process.on('SIGUSR2', () => undefined);
    this.#reload = this.#configure();
    await this.#reload;
    this.#closeStatus =
      this.#statusSocket === undefined
        ? undefined
        : await openStatusServer(this.#statusSocket, this.#inetd, this.#metrics).catch((error: unknown) => {
            // otherwise its sockets would keep the process alive and serve clients
            this.#inetd.drain();
            throw error;
          });
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => this.#end());
    const status = setInterval(() => this.#notice.status(countOf(this.#inetd)), STATUS_MS).unref();
    this.#notice.ready(this.#listening());
    log.say('notice', this.#listening());
    await this.#inetd.drained;
    clearInterval(status);
    this.#closeStatus?.();
    log.say('notice', 'ended: no connection is left');
    log.flush();
  }

  async #configure(): Promise<void> {
    const services = this.#read();
    const problems = await foreseeProblems(services);
    await this.#inetd.configure(services);
    this.#log.isSyslog = [...services.values()].some(({ log }) => log === 'syslog');
    for (const service of this.#inetd.services) this.#warn(service);
    for (const [name, problem] of problems) this.#log.fail(problem, name);
    for (const socket of this.#inetd.unusedSockets)
      this.#log.say(
        'warning',
        `no service uses the socket ${quote(socket)}, and its clients wait for ever\nhint: name it in a service, as --listen (listen) ${quote(socket.split(' ', 1)[0] ?? '')}, or take it out of the .socket unit`,
      );
  }

  #warn(service: Service): void {
    for (const { file, line, message } of service.findings)
      this.#log.say(
        'warning',
        `${service.name}: ${toUtf8(file)}${line === undefined ? '' : `:${line}`}: ${message}`,
      );
  }

  #listening(): string {
    const services = this.#inetd.services.map(({ name, addresses }) => `${name} on ${addresses.join(', ')}`);
    return services.length === 0 ? 'no services' : `listening: ${services.join('; ')}`;
  }

  // One reload is enough for all signals that arrive before it begins. After a failed start there is nothing to reload: run() reports why.
  #reloadLater(): void {
    if (this.#isReloadWaiting) return;
    this.#isReloadWaiting = true;
    this.#reload = this.#reload.then(
      () => {
        this.#isReloadWaiting = false;
        return this.#reloadNow();
      },
      () => undefined,
    );
  }

  async #reloadNow(): Promise<void> {
    if (this.#isEnding) return;
    this.#notice.reloading();
    try {
      await this.#configure();
      this.#log.say('notice', `reloaded, ${this.#listening()}`);
    } catch (error) {
      if (this.#isEnding) return;
      this.#log.fail(error, 'the configuration is wrong, and the old one stays');
    }
    this.#notice.ready(this.#listening());
  }

  // At the second signal the process ends at once. The programs of its connections go on.
  #end(): void {
    if (this.#isEnding) {
      this.#log.say('warning', `ended; the programs of ${countOf(this.#inetd)} go on alone`);
      this.#closeStatus?.();
      this.#log.flush();
      process.exit(0);
    }
    this.#isEnding = true;
    const message = `no more connections are accepted; ${countOf(this.#inetd)} left`;
    this.#notice.stopping(message);
    this.#log.say('notice', message);
    this.#inetd.drain();
  }
}

/**
 * Serves until SIGTERM or SIGINT, and then until the last connection has ended. SIGHUP reads the configuration again.
 *
 * @throws UsageError, LaunchError if the first configuration is wrong
 */
export const runDaemon = (request: DaemonRequest): Promise<void> => new Daemon(request).run();
