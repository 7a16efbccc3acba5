// The known facts of a request (request_info of hosts_access(3)): daemon, client, server. Look-ups add names and users.

import type { Socket } from 'node:net';

import { UsageError } from '../../errors.ts';
import { bytes, optional, whole } from '../../values/validators.ts';
import { wrong } from '../../values/wrong.ts';
import { type Bytes, quote } from '../../words/quote.ts';
import { parseQuad, parseZoned, unmapAddress, type Words } from '../../values/address.ts';
import { fold } from '../text/latin1.ts';
import { IDENT_TIMEOUT_SECONDS, type Need, type Netgroup, type Work } from './need.ts';

/** The name, address or user if a look-up fails. */
export const UNKNOWN = 'unknown';
/** The name of a host whose name and address do not lead to each other. */
export const PARANOID = 'paranoid';

/** libwrap keeps this many bytes of a name, address or user. */
const MAX_VALUE_BYTES = 127;

/** One end of the connection, as the caller describes it. */
export interface EndpointDescription {
  /** An IP address; `unknown` by default. */
  readonly address?: Bytes | undefined;
  /** If it is known already; otherwise it is looked up when a rule needs it. */
  readonly name?: Bytes | undefined;
  /** 0 to 65535. Without it, no rule for a port matches, and the user of a client cannot be looked up. */
  readonly port?: number | undefined;
}

export interface RequestDescription {
  /** Process name of the daemon: argv[0] without directory. */
  readonly daemon: Bytes;
  /** `user` if it is known already. */
  readonly client: EndpointDescription & { readonly user?: Bytes | undefined };
  readonly server?: EndpointDescription | undefined;
  /** The value of `%p`; this process by default. */
  readonly pid?: number | undefined;
}

/** Texts have one byte a character. Undefined fields have not been looked up. */
export interface Host {
  readonly end: 'client' | 'server';
  readonly address: string;
  name: string | undefined;
  /** The name in lower case. */
  foldedName: string | undefined;
  readonly port: number | undefined;
  /** The address that is compared: lower case, and plain IPv4 for an IPv4 address mapped into IPv6. */
  readonly folded: string;
  readonly quad: number | undefined;
  readonly words: Words | undefined;
}

/** Whether there is a network interface of this name. */
export type HasInterface = (name: string) => boolean;

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
  readonly hasInterface: HasInterface;
  /** The netgroups that were looked up; `undefined` for one that could not be read. */
  netgroups: Map<string, Netgroup | undefined> | undefined;
}

function isPlain(value: string): boolean {
  for (let i = 0; i < value.length; i++) {
    const code = value.charCodeAt(i);
    if (code === 0 || code > 0x7f) return false;
  }
  return true;
}

const plain = bytes();
const toPort = optional(whole(0, 65_535, 22));

function toText(value: Bytes, what: string): string {
  // the usual case: every connection comes here, and a regular expression costs more
  if (typeof value === 'string' && value.length <= MAX_VALUE_BYTES && isPlain(value)) return value;
  return plain(value, what).toString('latin1', 0, MAX_VALUE_BYTES);
}

function makeHost(end: Host['end'], described: EndpointDescription, hasInterface: HasInterface): Host {
  const { port, name } = described;
  toPort(port, `${end}.port`);
  const address = toText(described.address ?? UNKNOWN, `${end}.address`) || UNKNOWN;
  const unmapped = unmapAddress(address);
  // a text with a colon is IPv6 or no address
  const zoned = unmapped === address && address.includes(':') ? parseZoned(address) : undefined;
  const exists = zoned !== undefined && (zoned.zone === undefined || hasInterface(zoned.zone));
  const host: Host = {
    end,
    address,
    name: undefined,
    foldedName: undefined,
    port,
    folded: fold(unmapped),
    quad: parseQuad(unmapped),
    words: exists ? zoned.words : undefined,
  };
  // an empty name means "not looked up" in libwrap
  if (name !== undefined && name.length > 0) learnName(host, toText(name, `${end}.name`));
  return host;
}

const example = "{daemon: 'sshd', client: {address: '192.0.2.1'}}";

/** @throws UsageError unless it is an object: a text in its place would be a client without an address */
export function checkDescription(described: unknown): void {
  if (typeof described !== 'object' || described === null)
    throw new UsageError('the request must be an object', { hint: `for example ${example}` });
}

function checkHost(end: Host['end'], described: unknown): void {
  if (typeof described !== 'object' || described === null)
    throw wrong({ key: end, value: described, expected: 'an object', example: { address: '192.0.2.1' } });
  if ('address' in described) return;
  const unknown = Object.keys(described).find((key) => !['name', 'port', 'user'].includes(key));
  if (unknown !== undefined)
    throw new UsageError(`unknown key '${end}.${quote(unknown)}'`, { hint: "did you mean 'address'?" });
}

/**
 * A request without look-ups. Names are cut at 127 bytes; `hasInterface` tells whether a network interface exists.
 * @throws {UsageError} for a NUL byte, an invalid port, or what is no object.
 */
export function makeRequest(
  described: RequestDescription,
  hasInterface: HasInterface = () => false,
): Request {
  checkDescription(described);
  const { client, server = {}, pid = process.pid } = described;
  checkHost('client', client);
  checkHost('server', server);
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

// A C string ends at a NUL.
function cutText(text: string): string {
  const nul = text.indexOf('\0');
  return text.slice(0, nul >= 0 ? Math.min(nul, MAX_VALUE_BYTES) : MAX_VALUE_BYTES) || UNKNOWN;
}

/** Stores the name that a look-up found, `unknown` or `paranoid`. */
export function learnName(host: Host, name: string): void {
  host.name = cutText(name);
  host.foldedName = fold(host.name);
}

/** Stores the user that a look-up found, or `unknown`. */
function learnUser(request: Request, user: string): void {
  request.user = cutText(user);
  request.foldedUser = fold(request.user);
}

/** Whether a host name, in lower case, is known and trusted. */
export const isKnownName = (foldedName: string): boolean => foldedName !== UNKNOWN && foldedName !== PARANOID;

/** RFC 1413 needs a TCP connection: both ports, and addresses of one family. */
export function canAskUser({ client, server }: Request): boolean {
  if (client.port === undefined || server.port === undefined) return false;
  return client.address.includes(':') === server.address.includes(':');
}

/** The name of an endpoint, looked up at most once. */
export function* nameOf(host: Host): Work<string> {
  if (host.name === undefined) {
    const found = yield { kind: 'name', end: host.end };
    learnName(host, typeof found === 'string' ? found : UNKNOWN);
  }
  return host.name ?? UNKNOWN;
}

/** The user of the client, looked up at most once, and only where RFC 1413 applies. */
export function* userOf(request: Request): Work<string> {
  if (request.user === undefined) {
    const found = canAskUser(request)
      ? yield { kind: 'user', timeoutSeconds: request.identTimeoutSeconds }
      : UNKNOWN;
    learnUser(request, typeof found === 'string' ? found : UNKNOWN);
  }
  return request.user ?? UNKNOWN;
}

/** Looks up what matching needs. Matching then runs again, and gets further. */
export function* satisfy(need: Need, request: Request): Work<void> {
  if (need.kind === 'name') yield* nameOf(request[need.end]);
  else if (need.kind === 'user') yield* userOf(request);
  else if (need.kind === 'netgroup') {
    const found = yield need;
    request.netgroups ??= new Map();
    request.netgroups.set(need.group, Array.isArray(found) ? found : undefined);
  } else throw new Error(`matching does not ask for a ${need.kind}`);
}

/** Client and server of an accepted connection for Hosts.check(); an end without an address is unknown. */
export function describeSocket(socket: Socket): { client: EndpointDescription; server: EndpointDescription } {
  // an IPv4 client of an IPv6 socket is an IPv4 client, also in the log, as in libwrap
  const [client, server] = [socket.remoteAddress, socket.localAddress].map((end) => end && unmapAddress(end));
  return {
    client: { address: client, port: socket.remotePort },
    server: { address: server, port: socket.localPort },
  };
}
