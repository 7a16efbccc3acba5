// A server in front of a server: it closes a client that the rules refuse before it reads a byte.

import { Server, type ServerOpts, type Socket } from 'node:net';

import { UsageError } from '../errors.ts';
import type { Applied } from './apply/applied.ts';
import { describeSocket } from './connection/request-info.ts';
import type { Decision } from './decision.ts';
import type { Hosts } from './hosts.ts';

/** Gets the accepted connections: a function, or a server, which cannot listen itself from then on. */
export type OnConnection =
  | ((socket: Socket, decision: Decision, applied: Applied) => void)
  /** A net.Server, or one of node:tls, node:http, node:https or node:http2. */
  | Server;

/** How long a refused client may take to read its banner: closing at once can cut it off. */
const FAREWELL_MS = 1000;

const ignore = (): void => undefined;

/** See guard(). */
export class GuardServer extends Server {
  readonly #hosts: Hosts;
  readonly #daemon: string;
  readonly #onConnection: OnConnection;

  /** Made by guard(). */
  constructor(hosts: Hosts, daemon: string, onConnection: OnConnection, options: ServerOpts) {
    const isServer = onConnection instanceof Server;
    // the server's own settings for its connections
    const { allowHalfOpen = false, noDelay = false }: ServerOpts = isServer
      ? (onConnection as ServerOpts)
      : {};
    super({ allowHalfOpen, noDelay, ...options, pauseOnConnect: true });
    this.#hosts = hosts;
    this.#daemon = daemon;
    this.#onConnection = onConnection;
    if (isServer) keepFromListening(onConnection);
    this.on('connection', (socket: Socket) => void this.#admit(socket));
    // an http.Server starts its checks for slow clients when it listens
    if (isServer) this.on('listening', () => onConnection.emit('listening'));
  }

  /** Also closes the server behind it: an http.Server then ends idle connections. */
  override close(onClosed?: (error?: Error) => void): this {
    super.close(onClosed);
    if (this.#onConnection instanceof Server) this.#onConnection.close();
    return this;
  }

  async #admit(socket: Socket): Promise<void> {
    // a client may go away meanwhile
    socket.on('error', ignore);
    try {
      const ends = describeSocket(socket);
      // a client that is gone has no address to decide by
      const isGone = ends.client.address === undefined && typeof this.address() !== 'string';
      if (isGone) return void socket.destroy();
      const target = { socket, onRefused: () => turnAway(socket) };
      let decision = await this.#hosts.check({ daemon: this.#daemon, ...ends });
      let applied = await decision.apply(target);
      const hasWaited = decision.lookups.length > 0 || decision.options.length > 0;
      if (applied.verdict === 'granted' && hasWaited) {
        const now = await decision.renew();
        if (now !== decision) applied = await now.apply(target);
        decision = now;
      }
      this.emit('decision', decision, applied);
      if (applied.verdict !== 'granted') return turnAway(socket);
      // Makes the socket like any other accepted socket from the next tick on. Removing the last `readable` listener makes
      // Node forget that the socket was paused (stream.Readable, readableFlowing).
      socket.on('readable', ignore).off('readable', ignore);
      process.nextTick(() => this.#letIn(socket, decision, applied));
    } catch (error) {
      socket.destroy();
      this.emit('error', error);
    }
  }

  #letIn(socket: Socket, decision: Decision, applied: Applied): void {
    if (socket.destroyed) return;
    socket.off('error', ignore);
    if (this.#onConnection instanceof Server) this.#onConnection.emit('connection', socket);
    else this.#onConnection(socket, decision, applied);
  }
}

/** Closes the connection of a refused client, after its banner if it got one. */
export function turnAway(socket: Socket): void {
  if (socket.writableEnded) return;
  if (socket.bytesWritten === 0) return void socket.destroy();
  socket.end();
  setTimeout(() => socket.destroy(), FAREWELL_MS).unref();
}

const ownListen = (): UsageError =>
  new UsageError('a server behind a guard does not listen itself: its clients would get past the rules', {
    hint: "let the guard listen in its place: guard(hosts, 'sshd', server).listen(22)",
  });

// Clients of a port of its own would not be asked for by the rules. @throws UsageError if the server listens
function keepFromListening(server: Server): void {
  if (server.listening) throw ownListen();
  server.listen = () => {
    throw ownListen();
  };
  // An earlier listen() may still look up the name of its host. The event comes before the first client is accepted.
  server.prependListener('listening', () => {
    // false for the event of the guard, which listens in its place
    if (!server.listening) return;
    server.close();
    server.emit('error', ownListen());
  });
}

const inOrder = { hint: "write guard(openHosts(), 'sshd', server)" };

/**
 * A net.Server that asks the rules about each client. `onConnection` gets accepted clients. Other clients are closed,
 * or get a command, before a byte is read and before a TLS handshake. Emits `decision` with a Decision and its Applied
 * for each client. `options` are those of net.createServer().
 * @throws {UsageError} for a server that listens itself. Its listen() throws it from now on.
 */
export function guard(
  hosts: Hosts,
  daemon: string,
  onConnection: OnConnection,
  options: ServerOpts = {},
): GuardServer {
  if (typeof daemon !== 'string' || daemon === '') throw new UsageError('daemon must be a name', inOrder);
  if (typeof onConnection !== 'function' && !(onConnection instanceof Server))
    throw new UsageError('onConnection must be a function or a server', inOrder);
  return new GuardServer(hosts, daemon, onConnection, options);
}
