// How the program of a wait service gets the listening sockets: as from inetd(8), or as from systemd (sd_listen_fds(3)).
import type { Jail } from '../../launch/start/jail.ts';
import type { JailLaunch } from '../../launch/start/jail-launch.ts';
import type { JailedProcess } from '../../launch/process/process.ts';
import { native } from '../../native.ts';
import type { ListeningSocket } from './listening-socket.ts';
import type { Rate, StartLimits } from '../start-limits.ts';

/** Sockets that one program gets together. */
export interface HandOver {
  readonly sockets: readonly ListeningSocket[];
  /** Starts the program with the sockets. */
  readonly start: () => Promise<JailedProcess>;
}

/** Limits the starts: a program that ends without reading its socket would be started again and again. */
const USUAL_RATE: Rate = { count: 100, periodMs: 1000, burst: 100 };

/** Used where the program itself accepts the connections: their sources are unknown here. */
export function limitsOfWait({ instances, rate = USUAL_RATE, noPause }: StartLimits): StartLimits {
  return { instances, rate, noPause, perSource: undefined, sourceRate: undefined };
}

// A socket from systemd keeps its name. Another socket gets the name of its service, as far as the protocol allows this.
function nameOf({ address }: ListeningSocket, service: string): string {
  const name = address.kind === 'systemd' ? (address.name ?? service) : service;
  return name.replace(/[^ -9;-~]/g, '_').slice(0, 255);
}

// The flags belong to the socket, so the last program may have changed them.
function block(sockets: readonly ListeningSocket[]): void {
  for (const { fd } of sockets) native.setBlocking(fd, true);
}

/** One program for each socket, with the socket as its descriptors 0 to 2. */
export function asInetd(launch: JailLaunch, sockets: readonly ListeningSocket[]): readonly HandOver[] {
  return sockets.map((socket) => ({
    sockets: [socket],
    start: () => {
      block([socket]);
      return launch.spawn({ stdio: [socket.fd, socket.fd, socket.fd] });
    },
  }));
}

/** One program for all sockets, from descriptor 3 on; 0 to 2 are /dev/null. */
export function asSystemd(
  jail: Jail,
  timeoutMs: number | undefined,
  service: string,
  sockets: readonly ListeningSocket[],
): readonly HandOver[] {
  const launch = jail.prepare({
    stdio: 'ignore',
    listenFds: sockets.map((socket) => ({ fd: socket.fd, name: nameOf(socket, service) })),
    timeoutMs,
  });
  const start = (): Promise<JailedProcess> => {
    block(sockets);
    return launch.spawn();
  };
  return [{ sockets, start }];
}
