// The command line's original bytes, and a parser for options before operands.
import { readFileSync } from 'node:fs';

import { UsageError } from '../errors.ts';
import { didYouMean, type Foreign } from '../words/nearest.ts';
import type { Argument, Option } from '../values/command-option.ts';
import { quote } from '../words/quote.ts';

/**
 * The arguments after the script's name. Node decodes them as UTF-8 and replaces invalid bytes by U+FFFD. If there is one, the
 * bytes are read from /proc/self/cmdline (proc_pid_cmdline(5)).
 */
export function commandArguments(): readonly Argument[] {
  const texts = process.argv.slice(2);
  if (!texts.some((text) => text.includes('\ufffd')))
    return texts.map((text) => ({ text, bytes: Buffer.from(text) }));
  const line = readFileSync('/proc/self/cmdline').toString('latin1');
  const all = line.slice(0, -1).split('\0');
  return texts.map((text, index) => ({
    text,
    bytes: Buffer.from(all[all.length - texts.length + index] ?? '', 'latin1'),
  }));
}

/** A given option; the value is empty if the option takes none. */
export type GivenOption = readonly [name: string, value: Argument];

/** The options in the given order, then the operands. */
export interface ReadArguments {
  readonly options: readonly GivenOption[];
  readonly operands: readonly Argument[];
}

const none: Argument = { text: '', bytes: Buffer.from('') };

/**
 * Reads `--name value`, `--name=value` and `--name` up to the first operand or `--`. The rest belongs to the program.
 *
 * @param foreign options of other programs; a function, because only a failure needs them
 * @throws UsageError for unknown options, a missing value, or a value for an option that takes none
 */
export function readArguments(
  argv: readonly Argument[],
  known: readonly Option[],
  foreign?: () => Foreign,
): ReadArguments {
  const options: GivenOption[] = [];
  let at = 0;
  for (let word = argv[at]; word?.text.startsWith('-') && word.text !== '-'; word = argv[at]) {
    at++;
    if (word.text === '--') break;
    const equals = word.bytes.indexOf(0x3d);
    const spelling = equals < 0 ? word.text : word.bytes.toString('utf8', 0, equals);
    const option = known.find(({ name }) => spelling === `--${name}`);
    if (option === undefined)
      throw new UsageError(`unknown option ${quote(spelling)}`, {
        hint: hintFor(spelling, known, foreign),
      });
    const { name, metavar, choice } = option;
    const inline = equals < 0 ? undefined : toArgument(word.bytes.subarray(equals + 1));
    if (metavar === undefined && choice === undefined && inline !== undefined)
      throw new UsageError(`option --${name} takes no value`, { hint: `write --${name}, or leave it out` });
    const value = metavar === undefined ? (inline ?? none) : (inline ?? argv[at++]);
    if (value === undefined)
      throw new UsageError(`option --${name} needs a value`, { hint: `write --${name} ${metavar}` });
    options.push([name, value]);
  }
  return { options, operands: argv.slice(at) };
}

export const toArgument = (bytes: Buffer): Argument => ({ bytes, text: bytes.toString() });

function hintFor(spelling: string, known: readonly Option[], foreign?: () => Foreign): string | undefined {
  const word = spelling.replace(/^-+/, '');
  return didYouMean(
    word,
    known.map(({ name }) => name),
    (name) => `--${name}`,
    foreign?.(),
  );
}

/**
 * The same for a command that starts no program: options may also follow operands, up to `--`.
 *
 * @throws as readArguments
 */
export function readMixed(
  argv: readonly Argument[],
  known: readonly Option[],
  foreign?: () => Foreign,
): ReadArguments {
  const end = argv.findIndex(({ text }) => text === '--');
  const options: GivenOption[] = [];
  const all: Argument[] = [];
  for (let rest = end < 0 ? argv : argv.slice(0, end); rest.length > 0;) {
    const { options: given, operands } = readArguments(rest, known, foreign);
    options.push(...given);
    all.push(...operands.slice(0, 1));
    rest = operands.slice(1);
  }
  return { options, operands: end < 0 ? all : [...all, ...argv.slice(end + 1)] };
}
