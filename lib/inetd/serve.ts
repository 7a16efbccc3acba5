// serveInJail(): one service of a Node process, without the command.
import { EventEmitter } from 'node:events';

import { UsageError } from '../errors.ts';
import { takeRequest } from '../values/keys.ts';
import type { Connection, EndedConnection } from './report/connection-entry.ts';
import { Inetd } from './inetd.ts';
import { normalizeServe, type ServeRequest, type ServiceSettings } from './serve-request.ts';

type JailServiceEvents = {
  /** A connection is over. */
  end: [ended: EndedConnection];
  /** A program cannot be started, or descriptors are short. Without a listener this becomes a process warning. */
  problem: [problem: unknown];
};

/** A service that serveInJail() has started. */
export class JailService extends EventEmitter<JailServiceEvents> implements AsyncDisposable {
  readonly #inetd = new Inetd();
  readonly #settings: ServiceSettings;

  /** Made by `serveInJail`. */
  constructor(settings: ServiceSettings) {
    super();
    this.#settings = settings;
    this.#inetd.on('end', (ended) => void this.emit('end', ended));
    this.#inetd.on('problem', (problem) => {
      if (!this.emit('problem', problem)) process.emitWarning(String(problem), { code: 'UCHROOT_SERVICE' });
    });
  }

  /** Addresses that it listens on: `127.0.0.1:7000`, or a path. */
  get addresses(): readonly string[] {
    return this.#inetd.services.flatMap(({ addresses }) => addresses);
  }

  /** The live connections. */
  get connections(): readonly Connection[] {
    return [...this.#inetd.connections.keys()];
  }

  /**
   * Opens the jail and reads the banner and the rules again. No client is refused meanwhile. serveInJail() calls it once.
   *
   * @throws LaunchError, and nothing has changed
   */
  async reload(): Promise<void> {
    const { daemon } = this.#settings;
    await this.#inetd.configure(new Map([[daemon, this.#settings]]));
  }

  /** Sends a signal to the programs of all connections. */
  kill(signal: NodeJS.Signals = 'SIGTERM'): void {
    for (const program of this.#inetd.connections.values()) program?.kill(signal);
  }

  /** Stops listening, and resolves when the last connection has ended. */
  async drain(): Promise<void> {
    this.#inetd.drain();
    await this.#inetd.drained;
  }

  /** Stops listening, ends the programs of all connections by SIGTERM, and waits for them. */
  async [Symbol.asyncDispose](): Promise<void> {
    // The rules may still be deciding about a client. Its program would start after that.
    this.#inetd.on('start', (program) => program.kill());
    this.kill();
    await this.drain();
  }
}

function refuseLog(request: object): void {
  if (!('log' in request)) return;
  throw new UsageError('log is for the command', { hint: "listen for 'end': it has what the command logs" });
}

/**
 * Listens, asks the rules about each connection, and starts the program in its jail with the connection as its descriptors 0 to 2.
 * This process reads no byte of it.
 *
 * @throws UsageError for a bad request
 * @throws LaunchError if an address cannot be listened on, or the jail cannot be opened
 */
export async function serveInJail(request: Omit<ServeRequest, 'log'>): Promise<JailService> {
  // copied first: the caller may change it later
  const service = new JailService(normalizeServe(takeRequest(request, refuseLog)));
  await service.reload();
  return service;
}
