// The look-ups of one connection: each is made once, when the decision needs it, and recorded.

import type { Found, Need, Netgroup } from '../connection/need.ts';
import { type Request, UNKNOWN } from '../connection/request-info.ts';

/** A look-up that the decision needs cannot be made now; the client is refused. */
export class Overload extends Error {
  override readonly name = 'Overload';
}

/** The result of a look-up. */
export interface Answered<Value> {
  readonly value: Value;
  /** Why the value is not a better one, such as a time limit. */
  readonly problem?: string | undefined;
}

/** The two ends of a TCP connection, for RFC 1413. */
export interface Connection {
  readonly client: { readonly address: string; readonly port: number };
  readonly server: { readonly address: string; readonly port: number };
}

/** Makes look-ups. A look-up that fails has a value for that, and does not reject. Texts have one byte a character. */
export interface Resolver {
  /** The name of a host by its address; `unknown`, or `paranoid` if name and address do not lead to each other. */
  name(address: string): Promise<Answered<string>>;
  /** The user of the client; `unknown` if there is no answer. */
  user(connection: Connection, timeoutSeconds: number): Promise<Answered<string>>;
  /** The hosts of a netgroup; undefined if they cannot be read. */
  netgroup(group: string): Promise<Answered<Netgroup | undefined>>;
  /** Whether this user or group exists. */
  account(database: 'user' | 'group', name: string): Promise<Answered<boolean>>;
  /** The text of a file; undefined if it cannot be read. */
  banner(path: string): Promise<Answered<string | undefined>>;
}

/** A look-up that was made. */
export interface Lookup {
  readonly kind: Need['kind'];
  /** The address, netgroup, account or path that was looked up. */
  readonly subject: string;
  /** The result in a few words. */
  readonly result: string;
  readonly problem?: string | undefined;
  readonly durationMs: number;
}

function subjectOf(need: Need, request: Request): string {
  switch (need.kind) {
    case 'name':
      return request[need.end].address;
    case 'user':
      return request.client.address;
    case 'netgroup':
      return need.group;
    case 'account':
      return need.name;
    case 'banner':
      return need.path;
    default:
      return need satisfies never;
  }
}

function ask(need: Need, request: Request, resolver: Resolver): Promise<Answered<Found>> {
  const { client, server } = request;
  switch (need.kind) {
    case 'name':
      return resolver.name(request[need.end].address);
    case 'user':
      // a need for the user implies that both ports are known: canAskUser()
      return resolver.user(
        {
          client: { address: client.address, port: client.port ?? 0 },
          server: { address: server.address, port: server.port ?? 0 },
        },
        need.timeoutSeconds,
      );
    case 'netgroup':
      return resolver.netgroup(need.group);
    case 'account':
      return resolver.account(need.database, need.name);
    case 'banner':
      return resolver.banner(need.path);
    default:
      return need satisfies never;
  }
}

function show(need: Need, found: Found): string {
  if (need.kind === 'netgroup') return Array.isArray(found) ? `${found.length} hosts` : 'cannot be read';
  if (need.kind === 'account') return found === true ? 'exists' : 'unknown';
  if (need.kind === 'banner') return typeof found === 'string' ? `${found.length} bytes` : 'none';
  return typeof found === 'string' ? found : UNKNOWN;
}

/** Makes a look-up and appends it to `lookups`. */
export async function lookUp(
  need: Need,
  request: Request,
  resolver: Resolver,
  lookups: Lookup[],
): Promise<Found> {
  const begin = performance.now();
  const { value, problem } = await ask(need, request, resolver);
  lookups.push({
    kind: need.kind,
    subject: subjectOf(need, request),
    result: show(need, value),
    problem,
    durationMs: performance.now() - begin,
  });
  return value;
}
