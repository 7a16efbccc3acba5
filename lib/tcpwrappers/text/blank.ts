// White space in the C locale (isspace(3)): what String.prototype.trim takes off besides is text to libwrap.

/** Without white space at both ends. */
export function chop(text: string): string {
  return text.slice(skipBlanks(text, 0)).replace(/(?<![ \t-\r])[ \t-\r]+$/, '');
}

/** The index of the first character from `from` on that is no white space, or the length. */
export function skipBlanks(text: string, from: number): number {
  let at = from;
  while (at < text.length && ' \t\n\v\f\r'.includes(text.charAt(at))) at++;
  return at;
}
