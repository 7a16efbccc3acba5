// The two ends of a connection, as a request has them.

import type { Socket } from 'node:net';

import { unmapAddress } from '../text/address.ts';
import type { EndpointDescription } from './request.ts';

// An IPv4 client at an IPv6 socket is an IPv4 client, also in what is logged, as in libwrap.
function describeEnd(address: string | undefined, port: number | undefined): EndpointDescription {
  return {
    ...(address === undefined ? {} : { address: unmapAddress(address) }),
    ...(port === undefined ? {} : { port }),
  };
}

/** Client and server of an accepted connection for Hosts.check(); an end that has no address is unknown. */
export function describeSocket(socket: Socket): { client: EndpointDescription; server: EndpointDescription } {
  return {
    client: describeEnd(socket.remoteAddress, socket.remotePort),
    server: describeEnd(socket.localAddress, socket.localPort),
  };
}
