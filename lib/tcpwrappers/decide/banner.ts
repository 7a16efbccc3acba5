// What is sent to the client before anything else: the option `banners` of hosts_options(5).

import type { Broken, Work } from '../request/answer.ts';
import type { Request } from '../request/request.ts';
import { findOutside } from '../text/field.ts';
import { expand, type Expansion, MAX_EXPANSION_BYTES } from './expand.ts';

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
