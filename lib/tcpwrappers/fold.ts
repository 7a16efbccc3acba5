// Upper and lower case are the same to libwrap: strcasecmp(3) in the C locale, where only ASCII has case.

/** `text` with ASCII letters in lower case. Texts hold one byte a character, and no byte above 0x7f is changed. */
export function fold(text: string): string {
  return /[\x80-\xff]/.test(text)
    ? text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase())
    : text.toLowerCase();
}
