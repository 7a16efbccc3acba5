// The one file that loads the addon.
import type { FileCalls } from './native/file-calls.ts';
import type { Group, LaunchCalls, Passwd, ProcessHandle, ProgramRequest } from './native/launch-calls.ts';
import type { Bytes } from './words/quote.ts';

export type * from './native/file-calls.ts';
export type * from './native/launch-calls.ts';

/** An internet address in numbers, with its zone (`fe80::1%eth0`), and a port. */
export interface SocketAddress {
  readonly address: string;
  readonly port: number;
}

/** A connection from accept(), whose descriptor blocks. `uid` and `pid` are those of a client of a unix socket. */
export interface AcceptedConnection extends Partial<SocketAddress> {
  readonly fd: number;
  readonly uid?: number;
  readonly pid?: number;
}

declare const gateBrand: unique symbol;

/** The relay of a launch with `connectTo`: a number that no other call has. */
export type GateHandle = number & { readonly [gateBrand]: true };

declare const watchBrand: unique symbol;

/** A descriptor that is watched: a number that no other call has. */
export type WatchHandle = number & { readonly [watchBrand]: true };

/** The name of an address, and its addresses: getnameinfo(3), and getaddrinfo(3) in the same family. */
export interface HostNameFacts {
  /** False: the addresses of the name are still being looked up. */
  readonly isLast: boolean;
  /** Why there is no name. Then no other key is set. */
  readonly reverseError?: string;
  /** At most 127 bytes. */
  readonly name?: Buffer;
  /** Whether the name is an address in numbers. Then its addresses are not looked up. */
  readonly isNumeric?: boolean;
  /** Why the name has no address. */
  readonly forwardError?: string;
  readonly canonical?: Buffer;
  /** Whether the name has the address. */
  readonly hasAddress?: boolean;
}

/** What `uchroot.node` exports. Calls under their own names throw Node's kind of system error. */
export interface Native extends LaunchCalls, FileCalls {
  getpwnam(name: Bytes): Passwd | null;
  getpwuid(uid: number): Passwd | null;
  getgrnam(name: Bytes): Group | null;
  getgrgid(gid: number): Group | null;
  getgrouplist(user: Bytes, gid: number): number[];
  setgroups(gids: readonly number[]): void;
  setgid(gid: number): void;
  setuid(uid: number): void;
  chroot(path: Bytes): void;
  chdir(path: Bytes): void;
  execv(path: Bytes, argv: readonly Bytes[]): never;
  effectiveCapabilities(): bigint;
  environmentEntries(): Buffer[];
  /** A function that returns a number, which changes when one of these variables of the process has changed. */
  watchEnvironment(names: readonly string[]): () => number;
  isMainThread(): boolean;
  /**
   * Closes a descriptor that the addon has opened. Before, the end of a worker closes those of jails, namespaces and pipes. In a worker, Node's
   * closeSync warns about descriptors that it has not opened. @throws EBADF
   */
  closeDescriptor(fd: number): void;
  /** A stream closes this descriptor from now on. */
  disownDescriptor(fd: number): void;

  // names and sockets
  /**
   * Looks up the name of an address in numbers, and the addresses of that name. `onFacts` is called once or twice; the last time with
   * `isLast`. The event loop does not stay alive for it.
   */
  lookUpHost(address: Bytes, onFacts: (facts: HostNameFacts) => void): void;
  /** Whether there is a network interface of this name. */
  hasInterface(name: Bytes): boolean;
  /** The other end of a connection; undefined if that is not an internet address. @throws ENOTCONN, ENOTSOCK */
  getpeername(fd: number): SocketAddress | undefined;
  getsockname(fd: number): SocketAddress | undefined;
  /** The sender of the next datagram, which is removed unless `peek`. @throws EAGAIN if there is none */
  recvfrom(fd: number, peek: boolean): SocketAddress | undefined;
  /** SO_TYPE: 1 for a stream, 2 for datagrams. */
  socketType(fd: number): number;
  /** Whether a socket takes connections (SO_ACCEPTCONN). */
  isListening(fd: number): boolean;
  /** The IP options that an IPv4 connection sends (ip(7)); undefined if it sends none. */
  ipOptions(fd: number): Buffer | undefined;
  clearIpOptions(fd: number): void;
  /** What askIdle() needs to find a TCP socket without its descriptor; undefined for another kind of socket. */
  tcpKey(fd: number): Buffer | undefined;
  /**
   * For TCP sockets of this network namespace: milliseconds since each has last sent or received data, 0 for one that listens, or a
   * negative errno. `keys` are those of tcpKey(), one after the other; the answers come in this order. The event loop stays alive.
   */
  askIdle(keys: Buffer, onAnswer: (index: number, idleMs: number) => void): void;
  /** A descriptor on which each write sends a datagram to a unix socket, without waiting. The caller closes it. */
  connectDatagram(path: Bytes): number;
  setKeepAlive(fd: number): void;
  /** SO_LINGER: off for 0 seconds. */
  setLinger(fd: number, seconds: number): void;
  /** dup2(2). */
  duplicate(fd: number, target: number): void;
  /** Sends one datagram to a unix socket, without waiting. */
  sendDatagram(path: Bytes, message: Bytes): void;

  // listening; `type` as socketType() has it. The caller closes the descriptors.
  /** A bound socket, which listens if it is a stream. `::` takes IPv4 too, unless `isOnly6`. */
  bindInternet(socket: {
    readonly type: number;
    readonly address: Bytes;
    readonly port: number;
    readonly isOnly6: boolean;
  }): number;
  /** The same at a path, or at `@name` without a file. */
  bindUnix(type: number, path: Bytes): number;
  setBlocking(fd: number, isBlocking: boolean): void;
  /** The next connection; undefined if none waits. @throws EMFILE and the like */
  accept(fd: number): AcceptedConnection | undefined;
  /** Calls `onReadable` while a descriptor has something to read, from setWatch() on. The loop stays alive for it. */
  watchReadable(fd: number, onReadable: () => void): WatchHandle;
  setWatch(handle: WatchHandle, isWanted: boolean): void;
  /** Ends a watch, before its descriptor is closed. */
  endWatch(handle: WatchHandle): void;

  // calls of a program with `connectTo`
  /**
   * Starts the relay of a launch, on a thread of its own, which owns the sockets from now on. `onAsked` gets a kind, a number, bytes and
   * another number. 0, a question: the message; answerQuery(). 1, a connection: the 16 bytes of the address that the program has called, and
   * the port; dial() or refuseConnection(). 2, a dial has failed: the errno; the same. 3, a connection to a door: its number; dialPath() or
   * refuseConnection(). The event loop does not stay alive for it.
   *
   * @param sockets for connections, for questions by UDP and TCP, one of the launch's network, and doors; -1: none
   * @param ports listening sockets of the host, each with the port in the launch's network to which its connections are passed on
   * @param ids uid, gid and groups by which it dials paths; none: its own
   */
  openGate(
    sockets: readonly number[],
    onAsked: (kind: number, id: number, bytes: Buffer, number: number) => void,
    ids: readonly number[],
    ports: readonly number[],
  ): GateHandle;
  /** Sends an answer to a question; an empty one: none. The same question gets it too for `keepMs`, and onAsked is not called. */
  answerQuery(gate: GateHandle, id: number, answer: Uint8Array, keepMs: number): void;
  /**
   * Connects a connection of the program to an address of 16 bytes, and passes on what both sides say. For `keepMs` the next ones to the
   * place that was called are connected there too, and onAsked is not called unless that fails.
   */
  dial(gate: GateHandle, id: number, address: Uint8Array, port: number, keepMs: number): void;
  /** Connects a connection of a door to a socket at a path, on which is no link. */
  dialPath(gate: GateHandle, id: number, path: Uint8Array): void;
  /** Resets a connection. */
  refuseConnection(gate: GateHandle, id: number): void;
  /** A pair of sockets. The caller closes them. */
  socketPair(): readonly [number, number];
  /** Sends 1 to 64 descriptors. */
  sendTo(socket: number, descriptors: readonly number[]): void;
  /** The descriptors that a plan has sent to this socket; none: nobody will send any. @throws EAGAIN if they are not there yet */
  takeFrom(socket: number): readonly number[];
  /**
   * Starts a process in a session of its own. It gets descriptor 2 of this one, and these two as 3 and 4; -1 for `fourth`: none.
   *
   * @throws the errno
   */
  startBeside(
    path: string,
    argv: readonly string[],
    environment: readonly string[],
    third: number,
    fourth: number,
  ): void;
  /** A descriptor that becomes readable when a process has ended. @throws ESRCH */
  openProcess(pid: number): number;
  /** The addresses of this host, 16 bytes each: of links without carrier too, which os.networkInterfaces() leaves out. */
  hostAddresses(): readonly Buffer[];
  /** Ends a relay, as its program has ended. What the program has sent goes out first, for 5 seconds at most: the event loop stays alive. */
  closeGate(gate: GateHandle): void;
}

const packageRoot = `${import.meta.dirname}/../..`;

// A build of the checkout comes first; an installed package has only the prebuilt one.
function findBuilt(file: string, architecture: string = process.arch): string {
  // not imported: a command usually finds everything in the first place, and starts sooner without this module
  const { existsSync } = process.getBuiltinModule('node:fs');
  const places = [
    ...(architecture === process.arch ? [`${packageRoot}/build/Release/${file}`] : []),
    `${packageRoot}/prebuilds/linux-${architecture}/${file}`,
  ];
  const found = places.find((place) => existsSync(place));
  if (found !== undefined) return found;
  // scripts/prebuild is no part of the npm package
  const remedy =
    architecture === process.arch
      ? `to build it, run in ${packageRoot}: npm run build:native`
      : 'scripts/prebuild of a checkout builds it';
  throw new Error(`uchroot: no ${file} for linux-${architecture}; ${remedy}`);
}

/** The directory of the commands. */
export const commandDirectory = `${packageRoot}/dist/bin`;

let launcherFd: number | undefined;

/** The path of the static launcher. */
export const launcherPath = (): string => findBuilt('uchroot-launcher');

/** A descriptor of the static launcher. It is opened once, so that nobody can put another file in its place later. */
export function openLauncher(): number {
  launcherFd ??= process.getBuiltinModule('node:fs').openSync(launcherPath(), 'r');
  return launcherFd;
}

/** Path of the executable into which a launch can be compiled. @throws Error if there is none for that architecture */
export function compiledLauncherPath(architecture: string): string {
  return findBuilt('uchroot-compiled', architecture);
}

function load(): Native {
  // process.dlopen and not require: it works both in an ES module and in the bundled commands
  const module = { exports: {} as Native };
  try {
    process.dlopen(module, `${packageRoot}/build/Release/uchroot.node`);
  } catch {
    process.dlopen(module, findBuilt('uchroot.node'));
  }
  return withRequest(module.exports);
}

// The addon takes the values of a request by position, in the order of native/start/spawn.cc: to read nine keys there would take a
// twentieth of the time for which a launch holds the event loop.
function withRequest(addon: Native): Native {
  const { spawn } = addon as unknown as { readonly spawn: (...values: readonly unknown[]) => ProcessHandle };
  return Object.assign(addon, {
    spawn: (of: ProgramRequest) =>
      spawn(
        of.plan,
        of.jail,
        of.launcherFd,
        of.stdio,
        of.kept,
        of.group,
        of.onStarted,
        of.onExit,
        of.spaces,
        of.sendsSockets,
      ),
  });
}

export const native: Native = load();
