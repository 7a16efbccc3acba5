// %-expansions: what a command, a variable or a banner may know of the request (hosts_access(5), % EXPANSIONS).

import type { Broken, Work } from '../request/answer.ts';
import { nameOf, userOf } from '../request/ask.ts';
import { type Host, isKnownName, type Request, UNKNOWN } from '../request/request.ts';

/** The most that may come out; with a byte more, libwrap exits. */
export const MAX_EXPANSION_BYTES = 8190;

/** What could confuse a shell becomes an underscore; libwrap's list of what could not. */
function sanitize(value: string): string {
  return value.replace(/[^A-Za-z0-9!@%\-_=+:,./]/g, '_');
}

// A name only if it has been looked up before: %c and %h cost nothing, and differ with what came before them.
function nameOrAddress(host: Host): string {
  return host.foldedName !== undefined && isKnownName(host.foldedName) ? (host.name ?? '') : host.address;
}

/** Who the client is, as `%c` and the log have it: `user@host`, or less where less is known. */
export function clientText(request: Request): string {
  const host = nameOrAddress(request.client);
  return request.user === undefined || request.foldedUser === UNKNOWN ? host : `${request.user}@${host}`;
}

function server(request: Request): string {
  const host = nameOrAddress(request.server);
  return host.toLowerCase() === UNKNOWN ? request.daemon : `${request.daemon}@${host}`;
}

// undefined for a letter that stands for nothing
function* expandLetter(letter: string, request: Request): Work<string | undefined> {
  switch (letter) {
    case 'a':
      return request.client.address;
    case 'A':
      return request.server.address;
    case 'c':
      return clientText(request);
    case 'd':
      return request.daemon;
    case 'h':
      return nameOrAddress(request.client);
    case 'H':
      return nameOrAddress(request.server);
    case 'n':
      return yield* nameOf(request.client);
    case 'N':
      return yield* nameOf(request.server);
    case 'p':
      return String(request.pid);
    case 'r':
      return String(request.client.port ?? 0);
    case 'R':
      return String(request.server.port ?? 0);
    case 's':
      return server(request);
    case 'u':
      return yield* userOf(request);
    case '%':
      return '%';
    default:
      return undefined;
  }
}

/** A text with its expansions and the letters that stand for nothing, or why there is no text. */
export type Expansion =
  | { readonly kind: 'text'; readonly text: string; readonly unknownLetters: string }
  | Broken;

/**
 * Replaces each `%` and letter. Names and the user are looked up where a letter asks for them, one after the other:
 * what a look-up finds changes what %c and %h behind it are. More than `maxBytes` are refused: libwrap exits there.
 */
export function* expand(text: string, request: Request, maxBytes = MAX_EXPANSION_BYTES): Work<Expansion> {
  let result = '';
  let unknownLetters = '';
  for (let at = 0; at < text.length; at++) {
    const letter = text[at] === '%' ? text[at + 1] : undefined;
    if (letter === undefined) result += text.charAt(at);
    else {
      at++;
      const value = yield* expandLetter(letter, request);
      if (value === undefined) unknownLetters += letter;
      else result += sanitize(value);
    }
    if (result.length > maxBytes) return { kind: 'broken', message: 'expansion too long' };
  }
  return { kind: 'text', text: result, unknownLetters };
}
