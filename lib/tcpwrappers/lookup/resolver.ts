// Why a request is refused without a decision: what it takes to decide is not to be had.
// The look-ups of one connection: each is made once, when the decision asks for it, and told.

import type { Found, Need, Netgroup } from '../connection/need.ts';
import { type Request, UNKNOWN } from '../connection/request-info.ts';

/** Something that is needed to decide cannot be done now; nobody is let in for that. */
export class Overload extends Error {
  override readonly name = 'Overload';
}

/** What a look-up has found, and what was odd about it. */
export interface Answered<Value> {
  readonly value: Value;
  /** Why it is not a better one, such as that the time was over. */
  readonly problem?: string | undefined;
}

/** The two ends of a TCP connection that RFC 1413 is asked about. */
export interface Connection {
  readonly client: { readonly address: string; readonly port: number };
  readonly server: { readonly address: string; readonly port: number };
}

/** Whoever can look things up. None rejects: what cannot be found has a value for that. Texts have one byte a character. */
export interface Resolver {
  /** The name of a host by its address; `unknown`, or `paranoid` if name and address do not lead to each other. */
  name(address: string): Promise<Answered<string>>;
  /** The user at the other end; `unknown` if nobody says. */
  user(connection: Connection, timeoutSeconds: number): Promise<Answered<string>>;
  /** The hosts of a netgroup; undefined if they cannot be read. */
  netgroup(group: string): Promise<Answered<Netgroup | undefined>>;
  /** Whether there is such a user or group. */
  account(database: 'user' | 'group', name: string): Promise<Answered<boolean>>;
  /** What a file holds; undefined if it cannot be read. */
  banner(path: string): Promise<Answered<string | undefined>>;
}

/** A look-up that was made. */
export interface Lookup {
  readonly kind: Need['kind'];
  /** What was asked about: an address, the name of a netgroup or account, the path of a banner. */
  readonly subject: string;
  /** What it came to, in one word or a few. */
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
      // asked for only where both ports are known: canAskUser()
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

/** Makes the look-ups that a decision asks for, and appends what they were to `lookups`. */
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
