// Which of the two languages the third field of a rule is in: options, or a shell command as before there were any.

import type { PlacedOption } from '../rule/option.ts';
import { chop, skipBlanks } from '../text/blank.ts';
import { show } from '../text/show.ts';
import { beginsWithOption, parseOptions } from './options.ts';

/** `options`: hosts_options(5), Debian's libwrap; `command`: hosts_access(5); `auto`: by the first word of each rule. */
export type Dialect = 'auto' | 'options' | 'command';

// What dash(1) runs without looking it up in PATH, and words its grammar begins a command with.
const BUILTINS: ReadonlySet<string> = new Set(
  (
    '. : [ alias bg break cd chdir command continue echo eval exec exit export false fg getopts hash jobs kill ' +
    'local printf pwd read readonly return set shift test times trap true type ulimit umask unalias unset wait ' +
    '! case for if until while'
  ).split(' '),
);

// hosts_access(5) recommends to begin a command with PATH=whatever. In capitals only: a misspelt option is none.
const ASSIGNMENT = /^[A-Z_][A-Z0-9_]*=/;

function isCommandWord(word: string, isInPath: (word: string) => boolean): boolean {
  if (BUILTINS.has(word) || ASSIGNMENT.test(word)) return true;
  if (word.includes('=')) return false;
  return word.includes('/') || (word !== '' && isInPath(word));
}

function readCommand(line: string, begin: number): readonly PlacedOption[] {
  const command = chop(line.slice(begin));
  if (command === '') return [];
  return [{ at: skipBlanks(line, begin), option: { kind: 'spawn', command } }];
}

/**
 * Reads the third field, which begins at `begin` of a line. `isInPath` tells whether a command of this name is found
 * in PATH. With `auto`, a field that begins neither with an option nor with a command is an error, which refuses.
 */
export function parseThirdField(
  line: string,
  begin: number,
  dialect: Dialect,
  isInPath: (word: string) => boolean,
): readonly PlacedOption[] {
  if (dialect === 'command') return readCommand(line, begin);
  const field = line.slice(begin);
  if (dialect === 'options' || beginsWithOption(field)) return parseOptions(line, begin);
  // a group of commands, as in the examples of hosts_access(5), and what the shell ends a word at
  const word = /^[ \t-\r({]*([^ \t-\r;|&<>()]*)/.exec(field)?.[1] ?? '';
  if (isCommandWord(word, isInPath)) return readCommand(line, begin);
  // nothing at all: a missing option, as in libwrap
  if (word === '') return parseOptions(line, begin);
  const message = `"${show(word)}" is neither an option nor a command that is found`;
  return [{ at: skipBlanks(line, begin), option: { kind: 'error', code: 'no-command', message } }];
}
