// Finds a superfluous word between the options and USER. It belongs to the last option, or to nothing. Pure.
import { resolve } from 'node:path';

import type { Option } from '../../values/command-option.ts';
import { isWithin } from '../../tree/path.ts';
import { meantNumberOf } from '../../mistakes/meant-value.ts';
import { unexpanded } from '../../words/shell-word.ts';

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
function withList(line: Words): Words | undefined {
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

export function hasTaken({ option: { name, metavar }, value }: NonNullable<Words['taker']>): string {
  return `--${name} has taken ${value} for its value: write it as --${name}=${metavar}`;
}

/**
 * An option without its value has taken USER, and the next word is DIRECTORY: the words with the value of an example, or what to write.
 *
 * @param hint of the error, which may have an example
 */
function withTaken(line: Words, hint = ''): Words | string | undefined {
  const { options, operands, taker } = line;
  const [jail = '', program] = operands;
  const isLast = taker !== undefined && options.at(-1) === taker.value;
  if (!isLast || !/^[a-z_][a-z0-9_-]*$/.test(taker.value) || /^(?:none|host|default|log)$/.test(taker.value))
    return undefined;
  if (!isPath(jail) || isProgram(jail) || (program !== undefined && !isPath(program))) return undefined;
  const [, example] = /^(?:for example|write) (?:--[\w-]+ )?([^\s':-][^\s':]*)(?: \(.*)?$/.exec(hint) ?? [];
  if (example === undefined || example.includes(taker.value)) return hasTaken(taker);
  return { options: [...options.slice(0, -1), example], operands: [taker.value, ...operands] };
}

// A number and its unit in two words: `--time 5 m`, `--memory 256 MB`.
function withUnit({ options, operands, taker }: Words): Words | undefined {
  const [unit = '', ...rest] = operands;
  const isNumber = taker !== undefined && options.at(-1) === taker.value && /^[0-9.]+$/.test(taker.value);
  if (!isNumber || !isPath(rest[1]) || !/^(?:[kmgt](?:i?b)?|b|bytes|ms|s|m|h|d|%|[a-z]{3,6}s?)$/i.test(unit))
    return undefined;
  const { name } = taker.option;
  const meant =
    name === 'time' || name === 'cpu' || name === 'cpu-time'
      ? meantNumberOf(`${taker.value}${unit.toLowerCase()}`, name === 'cpu' ? 'cpu' : 'time')
      : /^(?:memory|swap)$/.test(name)
        ? `${taker.value}${/^[kmgt]/i.exec(unit)?.[0].toUpperCase() ?? ''}`
        : undefined;
  return meant === undefined
    ? undefined
    : { options: [...options.slice(0, -1), String(meant)], operands: rest };
}

/** The same words with the first operand in the right place; undefined if it seems to be there already. */
export function withoutStray(line: Words): Words | undefined {
  const whole = withValue(line) ?? withUnit(line);
  if (whole !== undefined) return whole;
  const [stray = '', user, jail = ''] = line.operands;
  const { options, taker } = line;
  const last = options.at(-1);
  if (last === undefined || isPath(user) || !isPath(jail) || isProgram(jail)) return undefined;
  const isLast = taker !== undefined && last === taker.value && options.at(-2) === `--${taker.option.name}`;
  const own = withWord(last, stray, line, isLast);
  return own === undefined ? undefined : { options: own, operands: line.operands.slice(1) };
}

/** The jail behind `-c COMMAND`, where su(1) has nothing more. */
export function jailBehind([, jail, ...more]: readonly string[], isMissing: boolean): string | undefined {
  return isMissing && isPath(jail) && more.length === 0 ? jail : undefined;
}

/** USER and DIRECTORY in one word, as ssh(1) and docker(1) join words: sam@/srv/jail. */
export function userBefore(word: string, next: string | undefined): readonly string[] | undefined {
  const [, user = '', jail] = /^([^/@:]+)[@:](\/.*)$/.exec(word) ?? [];
  return jail === undefined || (next !== undefined && !isPath(next)) ? undefined : [user, jail];
}

/** Whether a word is a parameter of jail(8), such as `host.hostname=web`. */
export const isParameter = (word: string | undefined): boolean => /^[a-z][\w.]*=/.test(word ?? '');

/** Whether a parameter of jail(8) is the program. */
export const isCommand = (word: string): boolean => /^(?:command|exec\.start)=/.test(word);

/** The words where DIRECTORY and PROGRAM are parameters of FreeBSD's jail(8): `path=/srv/jail command=/bin/sh`. */
export function withParameters(line: Words, anybody: string): Words | undefined {
  const { operands } = line;
  const at = operands.findIndex(isCommand);
  const parameters = new Map(
    (at < 0 ? operands : operands.slice(0, at)).map((word) => {
      const [, name = word, value = ''] = /^([a-z][\w.]*)=(.*)$/s.exec(word) ?? [];
      return [name, value];
    }),
  );
  const jail = parameters.get('path');
  if (jail === undefined || jail === '') return undefined;
  const user = parameters.get('exec.jail_user') ?? parameters.get('exec.system_user') ?? anybody;
  const [program, ...args] = at < 0 ? [] : operands.slice(at);
  const words = program?.replace(/^[\w.]+=/, '').split(' ') ?? [];
  return { options: line.options, operands: [user, jail, ...words, ...args] };
}

/** Options that take two words in bwrap(1), and one here. */
export const joints: Readonly<Record<string, string>> = {
  bind: ':',
  'ro-bind': ':',
  setenv: '=',
  rlimit: '=',
};

/** Whether the last option needs two words, but has only one. */
export function isJoint({ options, taker }: Words): boolean {
  const joint = taker && joints[taker.option.name];
  return (
    taker !== undefined &&
    joint !== undefined &&
    options.at(-1) === taker.value &&
    !taker.value.includes(joint)
  );
}

/** The words where --setenv NAME VALUE, or --rlimit NAME LIMIT, are two words before USER, as in bwrap(1). */
function withPair(line: Words): Words | undefined {
  const { options, operands, taker } = line;
  const [value = '', user, jail] = operands;
  const isDirectory = isPath(jail) && !isProgram(jail ?? '');
  if (joints[taker?.option.name ?? ''] !== '=' || !isJoint(line) || isPath(user) || !isDirectory)
    return undefined;
  return { options: [...options.slice(0, -1), `${taker?.value}=${value}`], operands: operands.slice(1) };
}

/** A variable or ~ in DIRECTORY that no shell has replaced. */
export function expanded({ operands: [, jail = ''] }: Words): string | undefined {
  const left = unexpanded(jail);
  return left && `${left.problem}: write ${left.written}`;
}

// Blanks beside the = of an option: `--net = none`, `--net= none`.
function withEquals({ options, operands: [value, ...operands] }: Words): Words | undefined {
  const isApart = options.at(-1) === '=' && options.at(-2)?.startsWith('--') === true;
  const name = isApart ? options.at(-2) : /^(--[a-z-]+)=$/.exec(options.at(-1) ?? '')?.[1];
  if (name === undefined || value === undefined) return undefined;
  return { options: [...options.slice(0, isApart ? -2 : -1), name, value], operands };
}

// --ephemeral-dir in the jail: an overlay cannot lie over its own store.
function keptInJail({ options, operands: [, jail = ''] }: Words): string | undefined {
  const at = options.findLastIndex((word) => word.startsWith('--ephemeral-dir'));
  const store = options[at]?.includes('=') === true ? options[at].replace(/^.*?=/, '') : options[at + 1];
  if (at < 0 || store === undefined || !isWithin(resolve(store), resolve(jail))) return undefined;
  return 'the changes of a jail are kept outside of it: mkdir -p /var/lib/jail-changes, and name that';
}

/**
 * What was meant by options whose values are wrong: the words in order, or what to write.
 *
 * @param error its step and hint, and whether it is about USER
 */
export function corrected(
  line: Words,
  error: { readonly step: string | undefined; readonly hint: string | undefined; readonly isUser: boolean },
): Words | string | undefined {
  return (
    withEquals(line) ??
    withPair(line) ??
    withList(line) ??
    (error.step === 'open_tree' ? keptInJail(line) : undefined) ??
    (error.isUser ? undefined : withTaken(line, error.hint))
  );
}
