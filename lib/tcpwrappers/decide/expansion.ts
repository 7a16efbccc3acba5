// %-expansions of commands, variables and banners (hosts_access(5), % EXPANSIONS; hosts_options(5), banners).

import type { Broken, Work } from '../connection/need.ts';
import { type Host, isKnownName, nameOf, type Request, UNKNOWN, userOf } from '../connection/request-info.ts';
import { findOutside } from '../text/latin1.ts';

/** Longest result; libwrap exits if there is one byte more. */
export const MAX_EXPANSION_BYTES = 8190;

// The name only if it has been looked up already: %c and %h never look up.
function nameOrAddress(host: Host): string {
  return host.foldedName !== undefined && isKnownName(host.foldedName) ? (host.name ?? '') : host.address;
}

/** The client for `%c` and the log: `user@host`, as far as it is known. */
export function clientText(request: Request): string {
  const host = nameOrAddress(request.client);
  return request.user === undefined || request.foldedUser === UNKNOWN ? host : `${request.user}@${host}`;
}

const LETTERS: Readonly<Record<string, (request: Request) => string>> = {
  a: ({ client }) => client.address,
  A: ({ server }) => server.address,
  c: clientText,
  d: ({ daemon }) => daemon,
  h: ({ client }) => nameOrAddress(client),
  H: ({ server }) => nameOrAddress(server),
  p: ({ pid }) => String(pid),
  r: ({ client }) => String(client.port ?? 0),
  R: ({ server }) => String(server.port ?? 0),
  s: ({ daemon, server }) => {
    const host = nameOrAddress(server);
    return host.toLowerCase() === UNKNOWN ? daemon : `${daemon}@${host}`;
  },
  '%': () => '%',
};

// Undefined for an unknown letter.
function* expandLetter(letter: string, request: Request): Work<string | undefined> {
  if (letter === 'n') return yield* nameOf(request.client);
  if (letter === 'N') return yield* nameOf(request.server);
  if (letter === 'u') return yield* userOf(request);
  return Object.hasOwn(LETTERS, letter) ? LETTERS[letter]?.(request) : undefined;
}

/** The expanded text and the unknown letters, or why there is no text. */
export type Expansion =
  | { readonly kind: 'text'; readonly text: string; readonly unknownLetters: string }
  | Broken;

/**
 * Replaces each `%` and letter in order: a name that is looked up changes %c and %h behind it. A text of more than
 * `maxBytes` is refused, because libwrap exits there.
 */
export function* expand(text: string, request: Request, maxBytes = MAX_EXPANSION_BYTES): Work<Expansion> {
  let result = '';
  let unknownLetters = '';
  for (const [piece, letter] of text.matchAll(/%(.)|%|[^%]+/gs)) {
    if (letter === undefined) result += piece;
    else {
      const value = yield* expandLetter(letter, request);
      if (value === undefined) unknownLetters += letter;
      // libwrap's list of characters that do not confuse a shell
      else result += value.replace(/[^A-Za-z0-9!@%\-_=+:,./]/g, '_');
    }
    if (result.length > maxBytes) return { kind: 'broken', message: 'expansion too long' };
  }
  return { kind: 'text', text: result, unknownLetters };
}

// what fgets(3) reads of it at once: up to a newline, or as much as there is room for
const PIECE = new RegExp(`[^\\n]{0,${MAX_EXPANSION_BYTES - 1}}\\n|[^\\n]{1,${MAX_EXPANSION_BYTES}}`, 'g');
const CRLF = '\r\n';
/** A longer banner is cut. */
const MAX_BANNER_BYTES = 1 << 20;

/** A banner as it is sent: leading NUL bytes are kept, each line is expanded and ends in CR LF. */
export function* expandBanner(text: string, request: Request): Work<Expansion> {
  const head = /^\0*/.exec(text)?.[0].slice(0, MAX_BANNER_BYTES) ?? '';
  let result = head;
  let unknownLetters = '';
  for (const [piece] of text.slice(head.length).matchAll(PIECE)) {
    const nul = piece.indexOf('\0');
    const line = nul < 0 ? piece : piece.slice(0, nul);
    // as in libwrap, a newline inside brackets does not end the line
    const end = findOutside(line, '\n');
    // CR LF may exceed the limit of a line
    const expanded = yield* end < 0
      ? expand(line, request)
      : expand(line.slice(0, end) + CRLF, request, MAX_EXPANSION_BYTES + CRLF.length);
    if (expanded.kind === 'broken') return expanded satisfies Broken;
    result += expanded.text;
    unknownLetters += expanded.unknownLetters;
    if (result.length > MAX_BANNER_BYTES) break;
  }
  return { kind: 'text', text: result.slice(0, MAX_BANNER_BYTES), unknownLetters };
}
