// %-expansions: what a command, a variable or a banner may know of the request (hosts_access(5), % EXPANSIONS).
// What is sent to the client before anything else: the option `banners` of hosts_options(5).

import type { Broken, Work } from '../connection/need.ts';
import { type Host, isKnownName, nameOf, type Request, UNKNOWN, userOf } from '../connection/request-info.ts';
import { findOutside } from '../text/latin1.ts';

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

/** Longest piece of a line that libwrap reads at once: as much as may come out of it. */
const MAX_PIECE_BYTES = MAX_EXPANSION_BYTES;
const CRLF = '\r\n';
/** A banner that is longer is cut. */
const MAX_BANNER_BYTES = 1 << 20;

// What fgets(3) gives, one after the other: up to a newline.
function* readPieces(text: string): Generator<string, void> {
  for (let at = 0; at < text.length;) {
    const newline = text.indexOf('\n', at);
    const end = Math.min(newline < 0 ? text.length : newline + 1, at + MAX_PIECE_BYTES);
    yield text.slice(at, end);
    at = end;
  }
}

/** A banner as it is sent: NUL bytes at its head as they are, lines expanded, CR LF at the end of each. */
export function* expandBanner(text: string, request: Request): Work<Expansion> {
  const head = /^\0*/.exec(text)?.[0].slice(0, MAX_BANNER_BYTES) ?? '';
  let result = head;
  let unknownLetters = '';
  for (const piece of readPieces(text.slice(head.length))) {
    const nul = piece.indexOf('\0');
    const line = nul < 0 ? piece : piece.slice(0, nul);
    // a newline inside brackets is left alone: libwrap looks for it as for the end of a field
    const end = findOutside(line, '\n');
    // its end comes on top of what a line may have
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
