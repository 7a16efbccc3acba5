// Words for sh(1).
import { launchWords, type Unit } from './unit.ts';

/** Nothing in it means anything to a shell, or to systemd. */
export const plainWord: RegExp = /^[A-Za-z0-9_./:=,@+-]+$/;

/** One word for a shell. In single quotes every byte stands for itself but the quote (POSIX, 2.2.2). */
export function shellWord(word: string): string {
  return plainWord.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** Words as one command of a shell. */
function shellCommand(words: readonly string[]): string {
  return words.map(shellWord).join(' ');
}

/**
 * A command that succeeds if the jail has been brought up to date, but for what the service or somebody else has changed there:
 * uchroot-jail(8) ends with 3 then, and has said so.
 */
export function shellUpdate(words: readonly string[]): string {
  return `${shellCommand(words)} || [ $? -eq 3 ]`;
}

/** The whole launch as one command of a shell. */
export function shellLaunch(unit: Unit): string {
  return shellCommand([...unit.command, ...launchWords(unit)]);
}
