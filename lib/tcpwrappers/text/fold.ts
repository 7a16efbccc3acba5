// Upper and lower case are the same to libwrap: strcasecmp(3) in the C locale, where only ASCII has case.

/** `text` with ASCII letters in lower case. Texts hold one byte a character, and no byte above 0x7f is changed. */
export function fold(text: string): string {
  let isAscii = true;
  let hasUpper = false;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 0x7f) isAscii = false;
    else if (code >= 0x41 && code <= 0x5a) hasUpper = true;
  }
  // nearly always: a decision is made for each connection, and has no time for a regular expression
  if (!hasUpper) return text;
  return isAscii ? text.toLowerCase() : text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}
