// A socket on which a service listens: opened here, or taken over from systemd; watched, and handed from one service to the next.
import { chmodSync, closeSync, constants, fstatSync, lstatSync, openSync, rmSync, unlinkSync } from 'node:fs';

import { O_PATH } from '../../tree/root.ts';
import { UsageError, type LaunchError } from '../../errors.ts';
import { listenError, lowPort } from '../../launch/host/host-port.ts';
import { native, type WatchHandle } from '../../native.ts';
import { isDeadSocket } from '../../service/adopt/dead-socket.ts';
import { quote } from '../../words/quote.ts';
import { MAX_PATH_BYTES, showListenAddress, type ListenAddress } from './listen-address.ts';

/** SOCK_STREAM and SOCK_DGRAM (socket(2)). */
export const STREAM = 1;
export const DATAGRAM = 2;

const HINTS: Readonly<Record<string, string>> = {
  EADDRNOTAVAIL: 'name an address of this host: ip address shows them',
  EACCES: 'this user may not make a socket there: name another path',
  ENOENT: 'its directory is not there: make it first, or name another path',
  ENAMETOOLONG: `choose a shorter path: it has at most ${MAX_PATH_BYTES} bytes (unix(7))`,
};

/** An error of bind(2) or of another call for an address. */
export function toListenError(error: unknown, address: ListenAddress): LaunchError {
  const { code = '' } = error as NodeJS.ErrnoException;
  const hint =
    code === 'EADDRINUSE'
      ? hintOfTaken(address)
      : code === 'EACCES' && address.kind === 'internet'
        ? lowPort
        : HINTS[code];
  return listenError(error, showListenAddress(address), hint);
}

function hintOfTaken(address: ListenAddress): string {
  const isFile =
    address.kind === 'unix' && lstatSync(address.path, { throwIfNoEntry: false })?.isSocket() === false;
  return isFile
    ? 'the file is no socket: choose another path'
    : 'another program listens there: ss -lp shows it';
}

/** Runs a bind(2) that makes a socket file with exactly this mode. Even for a moment, no other user may be able to connect. */
export function withMode<T>(mode: number, bind: () => T): T {
  const before = process.umask(0o777 & ~mode);
  try {
    return bind();
  } finally {
    process.umask(before);
  }
}

/** Removes a socket file without a listener: a killed server leaves one, and bind(2) would refuse its path. */
export function removeDeadSocket(path: string): void {
  if (!path.startsWith('@') && isDeadSocket(path)) unlinkSync(path);
}

function bind(address: Exclude<ListenAddress, { kind: 'systemd' }>, mode: number): number {
  if (address.kind === 'internet') {
    return native.bindInternet({ ...address, type: address.protocol === 'udp' ? DATAGRAM : STREAM });
  }
  removeDeadSocket(address.path);
  return withMode(mode, () => native.bindUnix(STREAM, address.path));
}

// Not plain chmod(2): it would follow a link that somebody has put in place of the socket.
function changeMode(path: string, mode: number): void {
  const fd = openSync(path, O_PATH | constants.O_NOFOLLOW);
  try {
    if (fstatSync(fd).isSocket()) chmodSync(`/proc/self/fd/${fd}`, mode);
  } finally {
    closeSync(fd);
  }
}

/** A descriptor, and its name (FileDescriptorName= in systemd.socket(5)). */
export interface ActivatedSocket {
  readonly fd: number;
  readonly name: string;
}

/** The sockets of an environment, from descriptor 3 on; none if they are for another process. */
export function activatedSockets(
  env: Readonly<Record<string, string | undefined>>,
  pid: number,
): readonly ActivatedSocket[] {
  const { LISTEN_PID, LISTEN_FDS = '', LISTEN_FDNAMES = '' } = env;
  if (LISTEN_PID !== String(pid) || !/^[1-9][0-9]{0,3}$/.test(LISTEN_FDS)) return [];
  const names = LISTEN_FDNAMES.split(':');
  return Array.from({ length: Number(LISTEN_FDS) }, (_, i) => ({ fd: 3 + i, name: names[i] || 'unknown' }));
}

/** An open socket. It belongs to at most one service at a time. */
export class ListeningSocket {
  readonly fd: number;
  /** The address that was asked for; `port` 0 is not replaced. */
  readonly address: ListenAddress;
  readonly isDatagram: boolean;
  /** The path of a socket file that was made here. */
  readonly #path: string | undefined;
  #mode: number | undefined;
  readonly #watch: WatchHandle;
  #onReadable: (() => void) | undefined;
  #isWanted = false;
  /** How many programs have this socket. After a reload it can be more than one. */
  #programs = 0;
  #isWatched = false;
  #isClosed = false;

  /** @param mode of the socket file, if one was made */
  private constructor(fd: number, address: ListenAddress, mode?: number) {
    this.fd = fd;
    this.address = address;
    this.isDatagram = native.socketType(fd) === DATAGRAM;
    const hasPath = mode !== undefined && address.kind === 'unix' && !address.path.startsWith('@');
    this.#path = hasPath ? address.path : undefined;
    this.#mode = mode;
    this.#watch = native.watchReadable(fd, () => this.#onReadable?.());
  }

  /** Opens a socket. @throws LaunchError */
  static open(address: ListenAddress, mode: number): ListeningSocket {
    if (address.kind === 'systemd') throw new UsageError('a socket of systemd is not opened here');
    try {
      return new ListeningSocket(bind(address, mode), address, mode);
    } catch (error) {
      throw toListenError(error, address);
    }
  }

  /** Takes over a socket that systemd has opened. */
  static adopt({ fd, name }: ActivatedSocket): ListeningSocket {
    const address: ListenAddress = { kind: 'systemd', name };
    let isConnection: boolean;
    try {
      isConnection = native.socketType(fd) !== DATAGRAM && !native.isListening(fd);
      native.setBlocking(fd, false);
      if (!isConnection) return new ListeningSocket(fd, address);
    } catch (error) {
      throw toListenError(error, address);
    }
    throw new UsageError(
      `listen: ${quote(showListenAddress(address))} is a connection, and does not listen`,
      {
        hint: 'write Accept=no into the .socket unit',
      },
    );
  }

  /** The address that it is bound to: `127.0.0.1:7000`, or the path. */
  get shown(): string {
    const bound = native.getsockname(this.fd);
    if (bound === undefined) return showListenAddress(this.address);
    const protocol = this.isDatagram ? 'udp' : 'tcp';
    const isOnly6 = this.address.kind === 'internet' && this.address.isOnly6;
    return showListenAddress({ kind: 'internet', protocol, isOnly6, ...bound });
  }

  /** Sets the function that is called while connections or datagrams wait. */
  set onReadable(onReadable: (() => void) | undefined) {
    this.#onReadable = onReadable;
    this.watch(onReadable !== undefined);
  }

  watch(isWanted: boolean): void {
    this.#isWanted = isWanted;
    this.#apply();
  }

  /** Called when a program has got the socket itself, and when it has ended. In between, nobody else may read the socket. */
  set isHandedOut(isHandedOut: boolean) {
    this.#programs += isHandedOut ? 1 : -1;
    this.#apply();
  }

  #apply(): void {
    const isWatched = this.#isWanted && this.#programs === 0 && !this.#isClosed;
    if (this.#isWatched === isWatched) return;
    this.#isWatched = isWatched;
    native.setWatch(this.#watch, isWatched);
  }

  /** Stops listening. A client that waits for its connection to be accepted is refused by the kernel. */
  close(): void {
    if (this.#isClosed) return;
    this.onReadable = undefined;
    this.#isClosed = true;
    native.endWatch(this.#watch);
    native.closeDescriptor(this.fd);
    if (this.#path !== undefined) rmSync(this.#path, { force: true });
  }

  /** Changes the mode of a unix socket. @throws LaunchError */
  setMode(mode: number): void {
    if (this.#path === undefined || this.#mode === mode) return;
    try {
      changeMode(this.#path, mode);
      this.#mode = mode;
    } catch (error) {
      throw toListenError(error, this.address);
    }
  }
}
