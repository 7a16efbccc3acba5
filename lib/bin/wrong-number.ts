// The error for a command with too few or too many operands.
import { UsageError } from '../errors.ts';
import { quote } from '../words/quote.ts';
import { commandLine } from '../words/shell-word.ts';
import type { Command, Program } from './dispatch.ts';

/** The error for operands that are missing, or too many. */
export function wrongNumber<Context>(
  { name }: Pick<Program<Context>, 'name'>,
  {
    synopsis,
    meant,
    example,
    operands: [, most],
  }: Pick<Command<Context>, 'synopsis' | 'meant' | 'example' | 'operands'>,
  operands: readonly Buffer[] = [],
): UsageError {
  const [word = '', ...more] = synopsis.split(' ');
  // without the parts that may be left out
  const needed = more.map((each) => each.replace(/\[.*?\]/g, '')).filter((each) => /^[A-Z]+$/.test(each));
  const left = needed.slice(operands.length).join(' and ');
  const surplus = operands[most];
  const causes = [
    surplus !== undefined && `${quote(surplus)} is one word too many`,
    left !== '' && `${left} ${left.includes(' ') ? 'are' : 'is'} missing`,
  ];
  const cause = causes.flatMap((each) => (each === false ? [] : [`\n${name}: ${each}`])).join('');
  const given = operands.map((operand) => operand.toString('latin1'));
  const hint =
    operands.length > 0 ? meant?.(operands) : example === undefined ? undefined : `for example ${example}`;
  const added =
    left === ''
      ? undefined
      : `add ${left}: ${commandLine(name, word, ...given, ...needed.slice(given.length))}`;
  return new UsageError(`Usage: ${name} ${synopsis}${cause}`, {
    hint: hint ?? added ?? `${name} ${word} --help`,
  });
}
