// Finds a superfluous word between the options and USER. It belongs to the last option, or to nothing. Pure.
import type { Option } from '../command-option.ts';

/** The words of a command line, as options and operands. */
export interface Words {
  readonly options: readonly string[];
  readonly operands: readonly string[];
  /** The option that has taken the word before the operands as its value. */
  readonly taker?: { readonly option: Option; readonly value: string } | undefined;
}

export const isPath = (word: string | undefined): boolean => word?.includes('/') === true;

const isProgram = (path: string): boolean => /^(?:\/usr)?(?:\/local)?\/s?bin\//.test(path);

// Options that may be repeated, and whose value is one word.
const repeated = new Set([
  'tmpfs',
  'proc',
  'dir',
  'writable',
  'landlock-ro',
  'landlock-rw',
  'cap',
  'allow',
  'unsetenv',
]);

// The last option with the word that follows it.
function withWord(
  last: string,
  word: string,
  { options, taker }: Words,
  isLast: boolean,
): readonly string[] | undefined {
  if (isLast && taker?.option.metavar?.includes(',') === true)
    return [...options.slice(0, -1), `${taker.value},${word}`];
  if (isLast)
    return taker && repeated.has(taker.option.name)
      ? [...options, `--${taker.option.name}`, word]
      : undefined;
  const others = options.slice(0, -1);
  if (last === '--keep-env' && /^\w+$/.test(word)) return [...others, '--pass-env', word];
  if (last === '--ephemeral' && isPath(word)) return [...others, '--ephemeral-dir', word];
  if (/^(?:no|false|off|0)$/i.test(word)) return others;
  return /^(?:yes|true|on|1|all)$/i.test(word) ? options : undefined;
}

/** The same words with the first operand in the right place; undefined if it seems to be there already. */
export function withoutStray(line: Words): Words | undefined {
  const [stray = '', user, jail = ''] = line.operands;
  const { options, taker } = line;
  const last = options.at(-1);
  if (last === undefined || isPath(user) || !isPath(jail) || isProgram(jail)) return undefined;
  const isLast = taker !== undefined && last === taker.value && options.at(-2) === `--${taker.option.name}`;
  const own = withWord(last, stray, line, isLast);
  return own === undefined ? undefined : { options: own, operands: line.operands.slice(1) };
}
