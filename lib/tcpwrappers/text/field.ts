// Where a rule, and a word of it, is cut in two: brackets protect the colons of an IPv6 address.

/**
 * The index of the first `mark` outside brackets, or -1. The depth may go below zero, as it does in libwrap: behind a
 * `]` without a `[` nothing is outside any more.
 */
export function findOutside(text: string, mark: ':' | '@' | '/' | '\n', from = 0): number {
  const first = text.indexOf(mark, from);
  if (first < 0) return -1;
  let depth = 0;
  for (let i = from; i < text.length; i++) {
    const character = text[i];
    if (character === mark && depth === 0) return i;
    if (character === '[') depth++;
    else if (character === ']') depth--;
  }
  return -1;
}
