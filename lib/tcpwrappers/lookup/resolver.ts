// The look-ups of one connection: each is made once, when the decision needs it, and recorded.

import type { Found, Need, Netgroup } from '../connection/need.ts';
import { type Host, type Request, UNKNOWN } from '../connection/request-info.ts';

/** A look-up that the decision needs cannot be made now; the client is refused. */
export class Overload extends Error {
  override readonly name = 'Overload';
}

export interface Answered<Value> {
  readonly value: Value;
  /** Why the value is not a better one, such as a time limit. */
  readonly problem?: string | undefined;
  /** Whether the problem may be gone at another time. */
  readonly isTemporary?: boolean | undefined;
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
  readonly result: string;
  readonly problem?: string | undefined;
  readonly isTemporary?: boolean | undefined;
  readonly durationMs: number;
}

type Asked = readonly [subject: string, answer: Promise<Answered<Found>>];

const endOf = ({ address, port = 0 }: Host): Connection['client'] => ({ address, port });

function ask(need: Need, { client, server }: Request, resolver: Resolver): Asked {
  switch (need.kind) {
    case 'name': {
      const { address } = need.end === 'client' ? client : server;
      return [address, resolver.name(address)];
    }
    case 'user':
      // a need for the user implies that both ports are known: canAskUser()
      return [
        client.address,
        resolver.user({ client: endOf(client), server: endOf(server) }, need.timeoutSeconds),
      ];
    case 'netgroup':
      return [need.group, resolver.netgroup(need.group)];
    case 'account':
      return [need.name, resolver.account(need.database, need.name)];
    case 'banner':
      return [need.path, resolver.banner(need.path)];
    default:
      return need satisfies never;
  }
}

function show(kind: Need['kind'], found: Found): string {
  if (kind === 'account') return found === true ? 'exists' : UNKNOWN;
  if (kind === 'netgroup') return Array.isArray(found) ? `${found.length} hosts` : 'cannot be read';
  if (typeof found !== 'string') return kind === 'banner' ? 'none' : UNKNOWN;
  return kind === 'banner' ? `${found.length} bytes` : found;
}

/** Makes a look-up and appends it to `lookups`. */
export async function lookUp(
  need: Need,
  request: Request,
  resolver: Resolver,
  lookups: Lookup[],
): Promise<Found> {
  const begin = performance.now();
  const [subject, answer] = ask(need, request, resolver);
  const { value, problem, isTemporary } = await answer;
  const durationMs = performance.now() - begin;
  const result = show(need.kind, value);
  lookups.push({ kind: need.kind, subject, result, problem, isTemporary, durationMs });
  return value;
}
