// Keys that callers of serveInJail() know from servers of others.
import type { Foreign } from '../words/nearest.ts';

/** Of net.Server and rate limiters. */
export const foreignServeKeys: Foreign = {
  port: 'listen',
  address: 'listen',
  host: 'listen',
  socket: 'listen',
  path: 'listen',
  unix: 'listen',
  maxConnections: 'instances',
  concurrency: 'instances',
  limit: 'instances',
  max: 'instances',
  perIp: 'perSource',
  perClient: 'perSource',
  maxPerSource: 'perSource',
  rateLimit: 'rate',
  idleTimeout: 'idleMs',
  idleTimeoutMs: 'idleMs',
  idle: 'idleMs',
  mode: 'socketMode',
  backlog: 'leave it out: the queue of the kernel is as long as it may be',
  tls: 'leave it out: the program gets the connection as it comes, and answers TLS itself',
};
