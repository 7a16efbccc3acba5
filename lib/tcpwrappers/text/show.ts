// Texts of the files in messages: lib/tcpwrappers has one byte a character.

import { quote } from '../../quote.ts';

/** A text as a part of a message: one line, nothing that a terminal would obey. */
export function show(text: string): string {
  return quote(Buffer.from(text, 'latin1'));
}
