// Look-ups of a request, each made at most once: asked for when something needs it, taken down when it is answered.

import type { Need, Work } from './answer.ts';
import { canAskUser, type Host, learnName, learnUser, type Request, UNKNOWN } from './request.ts';

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
