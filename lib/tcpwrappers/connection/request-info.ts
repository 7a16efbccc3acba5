// What is known of a request: the endpoints of a connection, filled in as look-ups are asked for and answered.
// Look-ups of a request, each made at most once: asked for when something needs it, taken down when it is answered.
// The two ends of a connection, as a request has them.

import type { Socket } from 'node:net';

import { UsageError } from '../../errors.ts';
import { type Bytes, copyBytes } from '../../quote.ts';
import { parseQuad, parseZoned, unmapAddress, type Words } from '../text/address.ts';
import { fold } from '../text/latin1.ts';
import { IDENT_TIMEOUT_SECONDS, type Need, type Netgroup, type Work } from './need.ts';

/** What a look-up that failed gives: a host name, an address or a user of this name is not a known one. */
export const UNKNOWN = 'unknown';
/** The name of a host whose name and address do not lead to each other. */
export const PARANOID = 'paranoid';

/** Longest name, address or user that libwrap keeps; it cuts off the rest. */
const MAX_VALUE_BYTES = 127;

/** One end of the connection, as the caller describes it. */
export interface EndpointDescription {
  /** In numbers; `unknown` by default. */
  readonly address?: Bytes;
  /** If it is known already; else it is looked up when a rule asks for it. */
  readonly name?: Bytes;
  /** 0 to 65535. Without it no rule for a port matches, and the user of a client cannot be looked up. */
  readonly port?: number;
}

export interface RequestDescription {
  /** Process name of the daemon, as its argv[0] without directory would be. */
  readonly daemon: Bytes;
  /** `user` if it is known already. */
  readonly client: EndpointDescription & { readonly user?: Bytes };
  readonly server?: EndpointDescription;
  /** What `%p` is; this process by default. */
  readonly pid?: number;
}

/** Texts hold one byte a character. What is undefined has not been looked up yet. */
export interface Host {
  readonly end: 'client' | 'server';
  readonly address: string;
  name: string | undefined;
  /** The name in lower case. */
  foldedName: string | undefined;
  readonly port: number | undefined;
  /** The address as it is compared: an IPv4 one that is mapped into IPv6 as plain IPv4, in lower case. */
  readonly folded: string;
  readonly quad: number | undefined;
  readonly words: Words | undefined;
}

export interface Request {
  readonly daemon: string;
  /** In lower case. */
  readonly foldedDaemon: string;
  user: string | undefined;
  foldedUser: string | undefined;
  readonly client: Host;
  readonly server: Host;
  readonly pid: number;
  identTimeoutSeconds: number;
  readonly hasInterface: (name: string) => boolean;
  /** Answers for the netgroups, if any was asked for; `undefined` for one that could not be read. */
  netgroups: Map<string, Netgroup | undefined> | undefined;
}

function isPlain(value: string): boolean {
  for (let i = 0; i < value.length; i++) {
    const code = value.charCodeAt(i);
    if (code === 0 || code > 0x7f) return false;
  }
  return true;
}

// One byte a character, at most 127 of them.
function toText(value: Bytes, what: string): string {
  if (typeof value === 'string' && value.length <= MAX_VALUE_BYTES && isPlain(value)) return value;
  if (typeof value !== 'string' && !(value instanceof Uint8Array))
    throw new UsageError(`${what} must be a string or a Uint8Array`);
  const bytes = copyBytes(value);
  if (bytes.includes(0)) throw new UsageError(`${what} must not contain a NUL byte`);
  return bytes.toString('latin1', 0, MAX_VALUE_BYTES);
}

function checkPort(port: number | undefined, what: string): void {
  if (port !== undefined && !(Number.isInteger(port) && port >= 0 && port <= 65535))
    throw new UsageError(`${what} must be an integer from 0 to 65535`);
}

function makeHost(
  end: Host['end'],
  described: EndpointDescription,
  hasInterface: (name: string) => boolean,
): Host {
  checkPort(described.port, `${end}.port`);
  const address = toText(described.address ?? UNKNOWN, `${end}.address`) || UNKNOWN;
  const unmapped = unmapAddress(address);
  // one with a colon in it is IPv6 or nothing
  const zoned = unmapped === address && address.includes(':') ? parseZoned(address) : undefined;
  const exists = zoned !== undefined && (zoned.zone === undefined || hasInterface(zoned.zone));
  const host: Host = {
    end,
    address,
    name: undefined,
    foldedName: undefined,
    port: described.port,
    folded: fold(unmapped),
    quad: parseQuad(unmapped),
    words: exists ? zoned.words : undefined,
  };
  // empty is libwrap's word for not looked up
  if (described.name !== undefined && described.name.length > 0)
    learnName(host, toText(described.name, `${end}.name`));
  return host;
}

/**
 * A request nothing of which has been looked up. Names are cut at 127 bytes. `hasInterface` tells whether there is a
 * network interface of a name.
 * @throws {UsageError} for a NUL byte, and a port that is none.
 */
export function makeRequest(
  described: RequestDescription,
  hasInterface: (name: string) => boolean = () => false,
): Request {
  const { client, server = {}, pid = process.pid } = described;
  const daemon = toText(described.daemon, 'daemon');
  const request: Request = {
    daemon,
    foldedDaemon: fold(daemon),
    user: undefined,
    foldedUser: undefined,
    client: makeHost('client', client, hasInterface),
    server: makeHost('server', server, hasInterface),
    pid,
    identTimeoutSeconds: IDENT_TIMEOUT_SECONDS,
    hasInterface,
    netgroups: undefined,
  };
  if (client.user !== undefined && client.user.length > 0)
    learnUser(request, toText(client.user, 'client.user'));
  return request;
}

// What a C string would keep of it.
function cutText(text: string): string {
  const nul = text.indexOf('\0');
  return text.slice(0, nul >= 0 ? Math.min(nul, MAX_VALUE_BYTES) : MAX_VALUE_BYTES) || UNKNOWN;
}

/** Takes down the name that a look-up has found, `unknown` or `paranoid`; one byte a character. */
export function learnName(host: Host, name: string): void {
  host.name = cutText(name);
  host.foldedName = fold(host.name);
}

/** Takes down the user that a look-up has found, or `unknown`; one byte a character. */
function learnUser(request: Request, user: string): void {
  request.user = cutText(user);
  request.foldedUser = fold(request.user);
}

/** Whether a host name, in lower case, is one, and is believed. */
export function isKnownName(foldedName: string): boolean {
  return foldedName !== UNKNOWN && foldedName !== PARANOID;
}

/** RFC 1413 asks about a TCP connection: both ends must be known, and be of one family. */
export function canAskUser({ client, server }: Request): boolean {
  return (
    client.port !== undefined &&
    server.port !== undefined &&
    client.address.includes(':') === server.address.includes(':')
  );
}

/** The name of an endpoint. */
export function* nameOf(host: Host): Work<string> {
  if (host.name === undefined) {
    const found = yield { kind: 'name', end: host.end };
    learnName(host, typeof found === 'string' ? found : UNKNOWN);
  }
  return host.name ?? UNKNOWN;
}

/** The user of the client; nobody is asked where RFC 1413 is of no use. */
export function* userOf(request: Request): Work<string> {
  if (request.user === undefined) {
    const found = canAskUser(request)
      ? yield { kind: 'user', timeoutSeconds: request.identTimeoutSeconds }
      : UNKNOWN;
    learnUser(request, typeof found === 'string' ? found : UNKNOWN);
  }
  return request.user ?? UNKNOWN;
}

/** Whatever matching has stopped at; it can be done again afterwards, and comes further. */
export function* satisfy(need: Need, request: Request): Work<void> {
  switch (need.kind) {
    case 'name':
      yield* nameOf(request[need.end]);
      return;
    case 'user':
      yield* userOf(request);
      return;
    case 'netgroup': {
      const found = yield need;
      request.netgroups ??= new Map();
      request.netgroups.set(need.group, Array.isArray(found) ? found : undefined);
      return;
    }
    case 'account':
    case 'banner':
      throw new Error(`matching does not ask for a ${need.kind}`);
    default:
      need satisfies never;
  }
}

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
