// Finds a superfluous word between the options and USER. It belongs to the last option, or to nothing. Pure.
import type { Option } from '../../command-option.ts';

/** The words of a command line, as options and operands. */
export interface Words {
  readonly options: readonly string[];
  readonly operands: readonly string[];
  /** The option that has taken the word before the operands as its value. */
  readonly taker?: { readonly option: Option; readonly value: string } | undefined;
}

export const isPath = (word: string | undefined): boolean => word?.includes('/') === true;

export const isProgram = (path: string): boolean => /^(?:\/usr)?(?:\/local)?\/s?bin\//.test(path);

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

/** The words with a list that has blanks behind its commas: `--groups adm, audio`. */
export function withList(line: Words): Words | undefined {
  const { options, operands, taker } = line;
  if (taker?.option.metavar?.includes(',') !== true || options.at(-1) !== taker.value) return undefined;
  const end = operands.findIndex((word) => !word.endsWith(','));
  const list = [taker.value, ...operands.slice(0, end + 1)];
  if (!taker.value.endsWith(',') || end < 0) return undefined;
  return { options: [...options.slice(0, -1), list.join('')], operands: operands.slice(end + 1) };
}

/** The operands where su(1) or the like stands behind the jail, as with chroot(8): `/srv/jail su sam -c ls`. */
export function withoutSu([jail = '', command = '', ...words]: readonly string[]):
  | readonly string[]
  | undefined {
  if (!/^(?:\S*\/)?(?:su|gosu|su-exec|runuser)$/.test(command)) return undefined;
  const [user, ...rest] = words.filter((word, at) => !/^(?:-|-l|--login|-u|--)$/.test(word) || at > 2);
  if (user === undefined || user.startsWith('-')) return undefined;
  return [user, jail, ...(rest[0] === '-c' ? ['/bin/sh', ...rest] : rest)];
}

// A value with blanks that was not quoted: `--setenv GREETING=hello world`.
function withValue({ options, operands, taker }: Words): Words | undefined {
  if (taker?.option.name !== 'setenv' || !taker.value.includes('=') || options.at(-1) !== taker.value)
    return undefined;
  const user = operands.findIndex((word, at) => !isPath(word) && isPath(operands[at + 1]));
  if (user < 1 || operands.slice(0, user).some(isPath)) return undefined;
  const value = [taker.value, ...operands.slice(0, user)].join(' ');
  return { options: [...options.slice(0, -1), value], operands: operands.slice(user) };
}

/** The same words with the first operand in the right place; undefined if it seems to be there already. */
export function withoutStray(line: Words): Words | undefined {
  const whole = withValue(line);
  if (whole !== undefined) return whole;
  const [stray = '', user, jail = ''] = line.operands;
  const { options, taker } = line;
  const last = options.at(-1);
  if (last === undefined || isPath(user) || !isPath(jail) || isProgram(jail)) return undefined;
  const isLast = taker !== undefined && last === taker.value && options.at(-2) === `--${taker.option.name}`;
  const own = withWord(last, stray, line, isLast);
  return own === undefined ? undefined : { options: own, operands: line.operands.slice(1) };
}
