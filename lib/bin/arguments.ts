// The command line as the kernel handed it over, byte for byte, and a reader for options that come before operands.
import { readFileSync } from 'node:fs';

import { UsageError } from '../errors.ts';
import { nearest } from '../nearest.ts';
import { quote } from '../quote.ts';

/** An argument as text, and as the bytes it really is. */
export interface Argument {
  readonly text: string;
  readonly bytes: Buffer;
}

/**
 * The arguments after the script's name. Node decodes them as UTF-8 and puts U+FFFD where that fails; then the bytes
 * are read from /proc/self/cmdline (proc_pid_cmdline(5)).
 */
export function commandArguments(): readonly Argument[] {
  const texts = process.argv.slice(2);
  if (!texts.some((text) => text.includes('\ufffd'))) {
    return texts.map((text) => ({ text, bytes: Buffer.from(text) }));
  }
  const line = readFileSync('/proc/self/cmdline').toString('latin1');
  const all = line.slice(0, -1).split('\0');
  return texts.map((text, index) => ({
    text,
    bytes: Buffer.from(all[all.length - texts.length + index] ?? '', 'latin1'),
  }));
}

/** How an option is written: with a value, or alone. */
export type OptionKind = 'value' | 'flag';

/** What a reader found: each option as often as it came, then the operands. */
export interface ReadArguments {
  readonly options: readonly (readonly [name: string, value: Argument])[];
  readonly operands: readonly Argument[];
}

const none: Argument = { text: '', bytes: Buffer.from('') };

/**
 * Reads `--name value`, `--name=value` and `--name` up to the first operand or `--`; what follows belongs to the program.
 *
 * @throws UsageError for unknown options, a missing value, or a value where none belongs
 */
export function readArguments(
  argv: readonly Argument[],
  known: Readonly<Record<string, OptionKind>>,
): ReadArguments {
  const options: (readonly [string, Argument])[] = [];
  let at = 0;
  for (
    let argument = argv[at];
    argument?.text.startsWith('-') && argument.text !== '-';
    argument = argv[at]
  ) {
    at++;
    if (argument.text === '--') break;
    const equals = argument.bytes.indexOf(0x3d);
    const name = equals < 0 ? argument.text : argument.bytes.toString('utf8', 0, equals);
    const kind =
      name.startsWith('--') && Object.hasOwn(known, name.slice(2)) ? known[name.slice(2)] : undefined;
    if (kind === undefined)
      throw new UsageError(`unknown option ${quote(name)}`, { hint: hintFor(name, known) });
    const inline = equals < 0 ? undefined : argument.bytes.subarray(equals + 1);
    if (kind === 'flag' && inline !== undefined) {
      const hint = isJson(inline.toString(), known) ? `write ${name} --format json` : undefined;
      throw new UsageError(`option ${name} takes no value`, { hint });
    }
    if (inline !== undefined) {
      options.push([name.slice(2), { text: inline.toString(), bytes: inline }]);
    } else if (kind === 'value') {
      const value = argv[at++];
      if (value === undefined) throw new UsageError(`option ${name} needs a value`);
      options.push([name.slice(2), value]);
    } else {
      options.push([name.slice(2), none]);
    }
  }
  return { options, operands: argv.slice(at) };
}

// Other programs have --json or --list=json: here a format is always asked for in the same way.
function isJson(word: string, known: Readonly<Record<string, OptionKind>>): boolean {
  return word === 'json' && Object.hasOwn(known, 'format');
}

function hintFor(name: string, known: Readonly<Record<string, OptionKind>>): string | undefined {
  const word = name.replace(/^-+/, '');
  if (isJson(word, known)) return 'write --format json';
  const meant = nearest(word, Object.keys(known));
  return meant === undefined ? undefined : `did you mean --${meant}?`;
}

/** The same where options may stand between operands as well, up to `--`: for a command that starts no program. @throws as readArguments */
export function readMixed(
  argv: readonly Argument[],
  known: Readonly<Record<string, OptionKind>>,
): ReadArguments {
  const end = argv.findIndex(({ text }) => text === '--');
  let rest = end < 0 ? argv : argv.slice(0, end);
  const all = { options: [] as (readonly [string, Argument])[], operands: [] as Argument[] };
  while (rest.length > 0) {
    const { options, operands } = readArguments(rest, known);
    all.options.push(...options);
    const [operand, ...others] = operands;
    if (operand !== undefined) all.operands.push(operand);
    rest = others;
  }
  return end < 0 ? all : { ...all, operands: [...all.operands, ...argv.slice(end + 1)] };
}
