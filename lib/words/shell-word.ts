// Words for a shell, in hints that can be pasted as they are printed, and in scripts of init systems.

import { quote } from './quote.ts';

const PLAIN = /^[A-Za-z0-9_@%+=:,./-]+$/;
const PRINTABLE = /^[\x20-\x7e]*$/;

/**
 * One word, a byte a character as in a BytePath, quoted if a shell needs that; line ends and escape sequences are written as
 * escapes (bash(1), $'…').
 */
export function shellWord(word: string): string {
  if (PLAIN.test(word)) return word;
  if (PRINTABLE.test(word) && !word.includes("'")) return `'${word}'`;
  if (PRINTABLE.test(word) && !/["$`\\!]/.test(word)) return `"${word}"`;
  const spelt = [...word].map((character) => {
    if (character === "'" || character === '\\') return `\\${character}`;
    if (PRINTABLE.test(character)) return character;
    return `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`;
  });
  return `$'${spelt.join('')}'`;
}

/** One word for a script of sh(1), where every byte but the quote stands for itself in single quotes (POSIX, 2.2.2). */
export function scriptWord(word: string): string {
  return PLAIN.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** Words as one command of such a script. */
export const scriptLine = (words: readonly string[]): string => words.map(scriptWord).join(' ');

/** Words with blanks between them. Paths have to be absolute: then none is taken for an option. */
export const commandLine = (...words: readonly string[]): string => words.map(shellWord).join(' ');

const command =
  /(^| && |, then )(?=(?:uchroot-jail|mkdir|touch|chmod|chown|setfacl|sed|ln|mv|install|apt-get) )/g;

/** The user who has started this process: a launch in place that fails has given its privileges up. */
export const startedBy = process.geteuid?.();

/** A hint whose commands only root may run: each begins with sudo(8), unless root has started this process. */
export const bySudo = (hint: string): string => (startedBy === 0 ? hint : hint.replace(command, '$1sudo '));

/**
 * The tilde or variable at the start of a path that a shell has not replaced, because it was quoted (bash(1), "Tilde Expansion"). The path
 * has one byte a character.
 */
export function unexpanded(path: string): { readonly problem: string; readonly written: string } | undefined {
  const [word] = /^(?:~(?=\/)|\$\w+|\$\{\w+\})/.exec(path) ?? [];
  if (word === undefined) return undefined;
  const meant = word === '~' ? `$HOME${path.slice(1)}` : path;
  return {
    problem: `only a shell knows ${word}, and not in single quotes`,
    written: `"${quote(Buffer.from(meant, 'latin1'))}"`,
  };
}

/** The command that removes the carriage returns at the ends of lines. `file` is a word of the shell. */
export const stripReturns = (file: string): string => `sed -i 's/\\r$//' ${file}`;

/** The same, with the reason. */
export function withoutReturns(file: string): string {
  return `${stripReturns(file)}   # the line ends in a carriage return`;
}

/** The hint for several names with commas between them, where an option takes one; undefined for a single name. */
export function eachAlone(option: string, names: string): string | undefined {
  const each = names.split(',').filter((name) => name !== '');
  return each.length < 2 ? undefined : `write ${commandLine(...each.flatMap((name) => [option, name]))}`;
}
