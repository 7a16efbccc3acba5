// What a file of rules or of patterns turned out to be.
// Lines of a file of rules, joined where a backslash stands before the newline, byte for byte as libwrap reads them.

/** Largest file that is read. */
export const MAX_FILE_BYTES = 64 << 20;

/** What was found at a path; `text` has one byte a character. */
export type FileText =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'absent' }
  /** libwrap can open it, and reads it as if it were empty. */
  | { readonly kind: 'directory' }
  | { readonly kind: 'large' }
  /** `code` is the name of an errno, or EINVAL for what is no file. */
  | { readonly kind: 'unreadable'; readonly code: string };

/** Longest line that libwrap takes, after joining, with its newline. */
export const MAX_LINE_BYTES = 2047;

/** A part of a joined line: where it begins in `text`, and in the file. */
interface Piece {
  readonly at: number;
  readonly line: number;
  readonly column: number;
}

export interface Line {
  /** Without the newline. */
  readonly text: string;
  /** Number of the last physical line, as libwrap counts; from 1. */
  readonly line: number;
  /** How it ends. Nothing that libwrap would read follows a line that is `unterminated` or too `long`. */
  readonly end: 'newline' | 'unterminated' | 'long';
  /** Where it begins in the file. */
  readonly offset: number;
  /** Of a line that is joined, or ends in another way; else it is a line of the file as it stands. */
  readonly pieces: readonly Piece[] | undefined;
  /** Whether bytes were lost behind a NUL. */
  readonly hasNul: boolean;
}

/** The physical line and column, both from 1, of a character of a line. */
export function placeIn(line: Line, at: number): { readonly line: number; readonly column: number } {
  const piece = line.pieces?.findLast((piece) => piece.at <= at);
  return piece === undefined
    ? { line: line.line, column: at + 1 }
    : { line: piece.line, column: piece.column + at - piece.at };
}

/** The lines of `text`, from `offset` in physical line `number` on; none is longer than `maxBytes`. */
export function* readLines(
  text: string,
  { offset = 0, number = 1, maxBytes = MAX_LINE_BYTES } = {},
): Generator<Line, void> {
  let position = offset;
  let nul = text.indexOf('\0', position);
  let next = number;
  while (position < text.length) {
    const newline = text.indexOf('\n', position);
    if (nul >= 0 && nul < position) nul = text.indexOf('\0', position);
    const isPlain =
      newline >= 0 &&
      newline - position < maxBytes &&
      text[newline - 1] !== '\\' &&
      (nul < 0 || nul > newline);
    if (isPlain) {
      const line = text.slice(position, newline);
      yield { text: line, line: next, end: 'newline', offset: position, pieces: undefined, hasNul: false };
      position = newline + 1;
      next++;
      continue;
    }
    const { line, after, nextLine } = readPieces(text, position, next, maxBytes);
    if (line === undefined) return;
    yield line;
    if (line.end !== 'newline') return;
    position = after;
    next = nextLine;
  }
}

// One line as a buffer of `maxBytes` is filled by fgets(3), call by call: each gives at most what there is room for,
// up to a newline, and only what stands before a NUL is seen of it. A lone backslash and newline add nothing.
function readPieces(
  text: string,
  offset: number,
  number: number,
  maxBytes: number,
): { line: Line | undefined; after: number; nextLine: number } {
  const pieces: Piece[] = [];
  let joined = '';
  let hasNul = false;
  let end: Line['end'] = 'long';
  let [position, line, lineStart, isNewLine, newline] = [offset, number, offset, true, -1];
  while (joined.length < maxBytes) {
    if (position >= text.length) {
      end = 'unterminated';
      break;
    }
    if (isNewLine) lineStart = position;
    // of pieces that add nothing there may be any number
    if (pieces.at(-1)?.at === joined.length) pieces.pop();
    pieces.push({ at: joined.length, line, column: position - lineStart + 1 });
    if (newline < position) newline = text.indexOf('\n', position);
    if (newline < 0) newline = text.length;
    const room = position + maxBytes - joined.length;
    const stop = Math.min(newline + 1, room);
    const chunk = text.slice(position, stop);
    position = stop;
    isNewLine = chunk.endsWith('\n');
    const nul = chunk.indexOf('\0');
    if (nul >= 0) {
      hasNul = true;
      joined += chunk.slice(0, nul);
    } else if (isNewLine && !chunk.endsWith('\\\n')) {
      joined += chunk.slice(0, -1);
      end = 'newline';
      break;
    } else joined += isNewLine ? chunk.slice(0, -2) : chunk;
    if (isNewLine) line++;
  }
  const found = joined !== '' || end === 'newline';
  return {
    line: found ? { text: joined, line, end, offset, pieces, hasNul } : undefined,
    after: position,
    nextLine: line + 1,
  };
}
