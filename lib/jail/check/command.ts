// Command lines that an administrator can paste into a shell.

import { type BytePath, pathBytes } from '../../binary/path.ts';

const PLAIN = /^[A-Za-z0-9_@%+=:,./-]+$/;
const PRINTABLE = /^[\x20-\x7e]*$/;

/** A remedy that somebody has to choose: a comment of the shell, so that nothing happens when it is pasted. */
export function decision(text: string): string {
  return `# ${text}`;
}

/** One word, quoted where a shell would not take it as it is; a line end or an escape sequence is spelt (bash(1), $'…'). */
function shellWord(word: string): string {
  if (PLAIN.test(word)) return word;
  if (PRINTABLE.test(word) && !word.includes("'")) return `'${word}'`;
  const spelt = [...pathBytes(word as BytePath)].map((byte) => {
    const character = String.fromCharCode(byte);
    if (character === "'" || character === '\\') return `\\${character}`;
    return PRINTABLE.test(character) ? character : `\\x${byte.toString(16).padStart(2, '0')}`;
  });
  return `$'${spelt.join('')}'`;
}

/** Words with blanks between them; a path that could be taken for an option is absolute. */
export function commandLine(...words: readonly string[]): string {
  return words.map(shellWord).join(' ');
}
