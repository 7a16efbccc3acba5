// Shared by all commands: the option --format, and the lines of --help.
import type { Argument, Option } from '../values/command-option.ts';
import { oneOf } from '../values/validators.ts';

/** The formats of each command that prints a result. */
export const FORMATS = ['text', 'json'] as const;
/** The formats of a command that prints findings. */
export const CHECK_FORMATS = [...FORMATS, 'sarif'] as const;

export type CheckFormat = (typeof CHECK_FORMATS)[number];

/** The value of --format, the first one by default. @throws UsageError for a format that the command does not know */
export const toFormat = <const Format extends string>(
  value: Argument | undefined,
  formats: readonly [Format, ...Format[]],
): Format => oneOf(formats)((value?.text ?? formats[0]) as Format, '--format');

const COLUMN = 26;

/** A line for each option; the text of a long option is on a separate line. */
export function optionLines(options: readonly Option[]): string {
  return options
    .map(({ name, metavar, choice = '', help }) => {
      const left = `  --${name}${choice}${metavar === undefined ? '' : ` ${metavar}`}`;
      const isShort = left.length < COLUMN - 1;
      return `${isShort ? left.padEnd(COLUMN) : `${left}\n${' '.repeat(COLUMN)}`}${help}\n`;
    })
    .join('');
}
