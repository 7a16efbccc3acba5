// The one file that loads the addon.
import type { FileCalls } from './native/file-calls.ts';
import type { Group, LaunchCalls, Passwd } from './native/launch-calls.ts';
import type { Bytes } from './quote.ts';

export type * from './native/file-calls.ts';
export type * from './native/launch-calls.ts';

/** An internet address in numbers, with its zone (`fe80::1%eth0`), and a port. */
export interface SocketAddress {
  readonly address: string;
  readonly port: number;
}

/** The name of an address and where that leads to: getnameinfo(3), and getaddrinfo(3) in the same family. */
export interface HostNameFacts {
  /** Else the name is still being followed. */
  readonly isLast: boolean;
  /** Why there is no name, in words; then nothing else is there. */
  readonly reverseError?: string;
  /** At most 127 bytes of it. */
  readonly name?: Buffer;
  /** Whether the name is an address in numbers; then it was not followed. */
  readonly isNumeric?: boolean;
  /** Why the name leads to no address, in words. */
  readonly forwardError?: string;
  readonly canonical?: Buffer;
  /** Whether the address is among those that the name leads to. */
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
  /** Those of `names` that are set: getenv(3), byte for byte. */
  environmentVariables(names: readonly string[]): [name: string, value: Buffer][];
  /** A function that tells a number: another one if any of these variables of the process has changed since its last call. */
  watchEnvironment(names: readonly string[]): () => number;
  isMainThread(): boolean;
  /** A script of this package, and its V8 code cache if that is there and can be trusted to be the script's. */
  readCode(path: string, cachePath: string): { readonly source: string; readonly cache?: Buffer };
  /** A file as memory that must not be written to; nothing is read before it is looked at. */
  mapFile(path: string): Buffer;

  // names and sockets
  /**
   * The name of an address in numbers, and where it leads to: called once or twice, on which `isLast`. On a thread of its
   * own, which does not keep the event loop alive.
   */
  lookUpHost(address: Bytes, onFacts: (facts: HostNameFacts) => void): void;
  /** Whether there is a network interface of this name. */
  hasInterface(name: Bytes): boolean;
  /** Who is connected; undefined for what is no internet address. ENOTCONN, ENOTSOCK. */
  getpeername(fd: number): SocketAddress | undefined;
  getsockname(fd: number): SocketAddress | undefined;
  /** Who has sent the next datagram, which stays if `peek`; never waits: EAGAIN. */
  recvfrom(fd: number, peek: boolean): SocketAddress | undefined;
  /** SO_TYPE: 1 is a stream, 2 are datagrams. */
  socketType(fd: number): number;
  /** The IP options of an IPv4 connection, as they are sent back (ip(7)). */
  ipOptions(fd: number): Buffer;
  clearIpOptions(fd: number): void;
  /** A descriptor on which each write is a datagram to a unix socket; never waits. The caller closes it. */
  connectDatagram(path: Bytes): number;
  setKeepAlive(fd: number): void;
  /** SO_LINGER: off for 0 seconds. */
  setLinger(fd: number, seconds: number): void;
  /** dup2(2). */
  duplicate(fd: number, target: number): void;
  /** One datagram to a unix socket, without waiting. */
  sendDatagram(path: Bytes, message: Bytes): void;
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
  throw new Error(
    `uchroot: no ${file} for linux-${architecture}; to build it, run in ${packageRoot}: ${architecture === process.arch ? 'npm run build:native' : 'scripts/prebuild'}`,
  );
}

let launcherFd: number | undefined;

/** A descriptor of the static launcher. It is opened once, so that nobody can put another file in its place later. */
export function openLauncher(): number {
  launcherFd ??= process.getBuiltinModule('node:fs').openSync(findBuilt('uchroot-launcher'), 'r');
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
  return module.exports;
}

export const native: Native = load();
