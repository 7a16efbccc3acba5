// The text of a file, and its logical lines: a backslash before the newline joins the next line, as in libwrap.

/** Largest file that is read. */
export const MAX_FILE_BYTES = 64 << 20;

/** What was found at a path; `text` has one byte a character. */
export type FileText =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'absent' }
  /** libwrap opens a directory and reads it as an empty file. */
  | { readonly kind: 'directory' }
  | { readonly kind: 'large' }
  /** A device, a pipe or a socket. */
  | { readonly kind: 'special' }
  /** `code` is the name of an errno. */
  | { readonly kind: 'unreadable'; readonly code: string };

/** Longest line in libwrap, after joining, with its newline. */
export const MAX_LINE_BYTES = 2047;

/** A part of a joined line: its index in `text`, and its place in the file. */
interface Piece {
  readonly at: number;
  readonly line: number;
  readonly column: number;
}

export interface Line {
  /** Without the newline. */
  readonly text: string;
  /** Number of its last physical line, from 1, as libwrap counts. */
  readonly line: number;
  /** libwrap reads nothing after a line that is `unterminated` or too `long`. */
  readonly end: 'newline' | 'unterminated' | 'long';
  /** Its index in the file. */
  readonly offset: number;
  /** The index behind it and its newline. */
  readonly after: number;
  /** Undefined for a plain line, which stands in the file as it is. */
  readonly pieces: readonly Piece[] | undefined;
  /** Whether a NUL hides some of its bytes. */
  readonly hasNul: boolean;
}

/** The physical line and column, both from 1, of a character of a line. */
export function placeIn(line: Line, at: number): { readonly line: number; readonly column: number } {
  const piece = line.pieces?.findLast((piece) => piece.at <= at);
  return piece === undefined
    ? { line: line.line, column: at + 1 }
    : { line: piece.line, column: piece.column + at - piece.at };
}

/** The lines of `text` from `offset` on, where the line with the number `first` begins; none is longer than `maxBytes`. */
export function* readLines(
  text: string,
  offset = 0,
  first = 1,
  maxBytes = MAX_LINE_BYTES,
): Generator<Line, void> {
  for (let [position, number] = [offset, first]; ;) {
    const newline = text.indexOf('\n', position);
    const whole = text.slice(position, newline);
    const isPlain = newline >= 0 && whole.length < maxBytes && !whole.endsWith('\\') && !whole.includes('\0');
    const line = isPlain ? plainLine(whole, number, position) : readPieces(text, position, number, maxBytes);
    if (line === undefined) return;
    yield line;
    if (line.end !== 'newline') return;
    [position, number] = [line.after, line.line + 1];
  }
}

function plainLine(text: string, line: number, offset: number): Line {
  const after = offset + text.length + 1;
  return { text, line, end: 'newline', offset, after, pieces: undefined, hasNul: false };
}

// Fills a buffer of `maxBytes` call by call, as libwrap does with fgets(3): each call reads up to a newline or to the
// end of the buffer, and a NUL hides the rest of what it read.
function readPieces(text: string, offset: number, number: number, maxBytes: number): Line | undefined {
  const pieces: Piece[] = [];
  let joined = '';
  let hasNul = false;
  let end: Line['end'] = 'long';
  let [position, line, lineStart] = [offset, number, offset];
  while (joined.length < maxBytes) {
    const room = text.slice(position, position + maxBytes - joined.length);
    if (room === '') {
      end = 'unterminated';
      break;
    }
    // there may be any number of pieces that add nothing
    if (pieces.at(-1)?.at === joined.length) pieces.pop();
    pieces.push({ at: joined.length, line, column: position - lineStart + 1 });
    const chunk = room.slice(0, room.indexOf('\n') + 1 || room.length);
    position += chunk.length;
    const isNewLine = chunk.endsWith('\n');
    const nul = chunk.indexOf('\0');
    if (nul >= 0) {
      hasNul = true;
      joined += chunk.slice(0, nul);
    } else if (isNewLine && !chunk.endsWith('\\\n')) {
      joined += chunk.slice(0, -1);
      end = 'newline';
      break;
    } else joined += isNewLine ? chunk.slice(0, -2) : chunk;
    if (isNewLine) {
      line++;
      lineStart = position;
    }
  }
  const found = joined !== '' || end === 'newline';
  return found ? { text: joined, line, end, offset, after: position, pieces, hasNul } : undefined;
}
