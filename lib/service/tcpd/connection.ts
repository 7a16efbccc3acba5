// The connection on descriptor 0, as inetd(8) and systemd (StandardInput=socket) hand it over.

import { native, type SocketAddress } from '../../native.ts';
import type { RequestDescription } from '../../tcpwrappers/connection/request-info.ts';
import { lookOr } from '../../words/system-error.ts';

/** The two ends of a connection. `none`: it is no internet socket, so the client is unknown, and rules for UNKNOWN match. */
export type Connection =
  /** The first datagram of `udp` is waiting. */
  | {
      readonly kind: 'tcp' | 'udp';
      readonly client: SocketAddress;
      readonly server: SocketAddress | undefined;
    }
  | { readonly kind: 'none'; readonly problem: string | undefined };

const SOCK_DGRAM = 2;

// A datagram socket is mostly not connected: its client is the sender of the next datagram (tcpd(8)).
function clientOf(fd: number, isDatagram: boolean): SocketAddress | undefined {
  try {
    return native.getpeername(fd);
  } catch (error) {
    if (!isDatagram) throw error;
    return native.recvfrom(fd, true);
  }
}

/** The connection of a descriptor. Never throws. */
export function describeConnection(fd: number): Connection {
  try {
    const isDatagram = native.socketType(fd) === SOCK_DGRAM;
    const client = clientOf(fd, isDatagram);
    if (client === undefined) return { kind: 'none', problem: undefined };
    return { kind: isDatagram ? 'udp' : 'tcp', client, server: native.getsockname(fd) };
  } catch (error) {
    const { message, code } = error as NodeJS.ErrnoException;
    const hint =
      code === 'ENOTSOCK'
        ? '; inetd and systemd give a connection as descriptor 0, and uchroot-tcpd match needs none'
        : '';
    return { kind: 'none', problem: `can't get client address: ${message}${hint}` };
  }
}

/** The same as a request. */
export function toRequest(daemon: Buffer, connection: Connection): RequestDescription {
  if (connection.kind === 'none') return { daemon, client: {} };
  const { kind, client, server = {} } = connection;
  // RFC 1413 has no look-up for datagrams
  return { daemon, client: { ...client, ...(kind === 'udp' && { user: 'unknown' }) }, server };
}

// IP options (ip(7), RFC 791): padding, and those by which the sender chooses the route of the answers.
const END = 0;
const NO_OPERATION = 1;
const SOURCE_ROUTES: ReadonlySet<number> = new Set([131, 137]);

/** Whether an IP option lets the client choose the route of the answers. */
export function hasSourceRoute(options: Uint8Array): boolean {
  for (let at = 0; at < options.length;) {
    const kind = options[at] ?? END;
    if (kind === END) return false;
    if (SOURCE_ROUTES.has(kind)) return true;
    at += kind === NO_OPERATION ? 1 : Math.max(2, options[at + 1] ?? 2);
  }
  return false;
}

/**
 * Clears the IP options that the client has sent: with source routing anybody can use another's address (tcpd(8)).
 * Returns why the client is refused, or which options were cleared; neither if there were none.
 */
export function dropIpOptions(fd: number): { readonly refusal?: string; readonly ignored?: string } {
  const options = lookOr(undefined, () => native.ipOptions(fd)); // not IPv4
  if (options === undefined) return {};
  if (hasSourceRoute(options)) return { refusal: 'IP source routing options' };
  try {
    native.clearIpOptions(fd);
  } catch (error) {
    return { refusal: `IP options that stay: ${(error as Error).message}` };
  }
  return { ignored: `IP options (ignored): ${options.toString('hex')}` };
}
