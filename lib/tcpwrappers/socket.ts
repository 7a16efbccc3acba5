// The two ends of a connection, as a request has them.

import type { Socket } from 'node:net';

import type { EndpointDescription } from './request.ts';

function describeEnd(address: string | undefined, port: number | undefined): EndpointDescription {
  return { ...(address === undefined ? {} : { address }), ...(port === undefined ? {} : { port }) };
}

/** Client and server of an accepted connection for Hosts.check(); an end that has no address is unknown. */
export function describeSocket(socket: Socket): { client: EndpointDescription; server: EndpointDescription } {
  return {
    client: describeEnd(socket.remoteAddress, socket.remotePort),
    server: describeEnd(socket.localAddress, socket.localPort),
  };
}
