// Texts of the files as strings for people: lib/tcpwrappers has one byte a character.

/** The UTF-8 that the bytes are; what is none of it becomes U+FFFD. */
export function toUtf8(text: string): string {
  for (let i = 0; i < text.length; i++)
    if (text.charCodeAt(i) > 0x7f) return Buffer.from(text, 'latin1').toString('utf8');
  return text;
}
