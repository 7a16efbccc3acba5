// The words of a command that is written as a template: jail.$`ls -l ${directory}`. There is no shell. Pure, but for the look for
// the shell that a hint names.
import { UsageError } from '../../errors.ts';
import { wrong } from '../../values/wrong.ts';
import { copyBytes, quote, type Bytes } from '../../words/quote.ts';
import { shellOfJail } from './jail-shell.ts';

/** An interpolated value: a word, or a part of one. */
type Word = Bytes | number;

/** An interpolation: one argument, or an array of them. */
export type TemplateValue = Word | readonly Word[];

const isBlank = (text: string): boolean => /^[ \t\r\n]$/.test(text);

// The units of a template as it is written, and how many characters each stands for.
const unit = /\\u\{[0-9a-fA-F]+\}|\\u[0-9a-fA-F]{4}|\\x[0-9a-fA-F]{2}|\\\r?\n|\\[^]|[^]/g;

function lengthOf(written: string): number {
  if (/^\\(?:\r?\n|[\u2028\u2029])$/.test(written)) return 0;
  const wide = /^\\u\{(.*)\}$/.exec(written)?.[1];
  return wide !== undefined && Number.parseInt(wide, 16) > 0xffff ? 2 : 1;
}

/** The pieces of a literal part between its blanks; empty at an end with a blank. A blank with a backslash before it is no blank. */
function piecesOf(text: string, written: string): readonly string[] {
  const pieces = [''];
  let at = 0;
  for (const [part] of written.matchAll(unit)) {
    const piece = text.slice(at, (at += lengthOf(part)));
    if (isBlank(part)) pieces.push('');
    else pieces.push(`${pieces.pop() ?? ''}${piece}`);
  }
  return pieces;
}

// Words that only a shell understands. Inside a word, these characters are ordinary ones.
const ofShell = /^(?:\|{1,2}|&{1,2}|;|[0-9]?(?:<|>{1,2}).*|&>.*|["'].*|.*;)$/s;

function refuseShell(piece: string, jail: Uint8Array | undefined): void {
  if (!ofShell.test(piece)) return;
  const isQuoted = /^["']/.test(piece);
  throw new UsageError(`there is no shell: '${quote(piece)}' has no meaning here`, {
    hint: isQuoted
      ? "an interpolation is one argument: write ${'a b'}"
      : `give the command to a shell of the jail: jail.$\`${shellOfJail(jail)} -c \${'COMMAND'}\``,
  });
}

// `place` is the interpolation as a message calls it.
function toWord(value: unknown, place: string): Buffer {
  if (typeof value === 'string' || value instanceof Uint8Array) return copyBytes(value);
  if (typeof value === 'number') return Buffer.from(String(value));
  throw wrong({ key: place, value, expected: 'a string, a number, bytes or an array of them' });
}

/**
 * The words of a command. Blanks of the literal parts separate them. An interpolation is one word or a part of one, whatever is in
 * it; an array is one word for each of its elements.
 *
 * @param jail the directory of the jail, whose shell a hint names
 * @throws UsageError
 */
export function templateWords(
  texts: TemplateStringsArray,
  values: readonly unknown[],
  jail?: Uint8Array,
): readonly Buffer[] {
  // the parts of each word
  const words: Buffer[][] = [];
  let open: Buffer[] | undefined;
  const append = (part: Buffer): void => {
    if (open === undefined) words.push((open = []));
    open.push(part);
  };
  for (const [i, written] of texts.raw.entries()) {
    const text: string | undefined = texts[i];
    if (text === undefined) throw new UsageError(`no backslash sequence of JavaScript: ${quote(written)}`);
    const pieces = piecesOf(text, written);
    for (const [j, piece] of pieces.entries()) {
      if (j > 0) open = undefined;
      if (piece === '') continue;
      if (open === undefined) refuseShell(piece, jail);
      append(Buffer.from(piece));
    }
    if (i === values.length) break;
    const value = values[i];
    const isArray = Array.isArray(value);
    for (const [j, item] of (isArray ? value : [value]).entries()) {
      if (j > 0) open = undefined;
      append(toWord(item, `interpolation ${i + 1}${isArray ? `[${j}]` : ''}, after '${quote(text)}',`));
    }
  }
  return words.map((parts) => Buffer.concat(parts));
}
