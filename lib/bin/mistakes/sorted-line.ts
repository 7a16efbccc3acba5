// Separates the words of uchroot into options and operands, as they were meant. Pure.
import type { Argument, Option } from '../../values/command-option.ts';
import { commandLine } from '../../words/shell-word.ts';
import { isCommand, isParameter, isProgram, jailBehind, type Words } from './stray-word.ts';

// Options of chroot(1), sudo(8), setpriv(1), bwrap(1) and jexec(8) that name the user or the group.
const identities: Readonly<Record<string, 'user' | 'group'>> = {
  userspec: 'user',
  u: 'user',
  user: 'user',
  uid: 'user',
  U: 'user',
  reuid: 'user',
  ruid: 'user',
  euid: 'user',
  g: 'group',
  group: 'group',
  gid: 'group',
  regid: 'group',
  'primary-group': 'group',
  'become-user': 'user',
  chuid: 'user',
};

// Options of other programs that name DIRECTORY or PROGRAM, in the order of uchroot's operands.
const places = new Set('D j x root rootfs jail directory chroot exec program command'.split(' '));
// Options of sudo(8), su(1), setpriv(1), bwrap(1) and firejail(1) without a value. A launch does the same without an option.
const needless = new Set(
  'i H l login start background make-pidfile Mo Me init-groups no-new-privs nnp reset-env clearenv nonewprivs noroot noprofile'.split(
    ' ',
  ),
);

/** The words of a command line. */
export interface Line extends Words {
  readonly options: string[];
  readonly operands: string[];
  taker?: Words['taker'];
  /** In place of PROGRAM there is a command for a shell. */
  hasCommand?: boolean;
  /** The first word after an operand that should be before it. */
  misplaced?: string;
  /** There is an option after `--`. */
  endsEarly?: boolean;
  /** DIRECTORY is missing: the program stands in its place, and its arguments follow. */
  lacksJail?: boolean;
  user?: string;
  group?: string;
}

export const latin1 = ({ bytes }: Argument): string => bytes.toString('latin1');

// USER and the path of a program are all operands.
const isOnlyProgram = ({ operands, user }: Line): boolean =>
  operands.length === (user === undefined ? 2 : 1) && isProgram(operands.at(-1) ?? '');

// Takes an option, and the next word if that is its value. Returns how many words it takes besides; undefined for an unknown option.
function takeOption(
  line: Line,
  word: string,
  next: string | undefined,
  known: readonly Option[],
): 0 | 1 | undefined {
  const [, name = '', inline] = /^--?([^=]+)(?:=(.*))?$/s.exec(word) ?? [];
  const option = word.startsWith('--') ? known.find((one) => one.name === name) : undefined;
  const identity = option === undefined ? identities[name] : undefined;
  if (option === undefined && needless.has(name)) return 0;
  const fromNext = inline === undefined ? 1 : 0;
  // -d of docker(1) takes no word; -c of schroot(1) the jail
  const isDirectory = /^[cd]$/.test(name) && /^\/(?!(?:usr\/)?s?bin\/)/.test(next ?? '');
  if (option === undefined && (places.has(name) || isDirectory)) {
    line.operands.push(inline ?? next ?? '');
    return fromNext;
  }
  if (option === undefined && identity === undefined) return undefined;
  const isAlone = option?.metavar === undefined && identity === undefined;
  const value = isAlone ? undefined : (inline ?? next);
  if (identity !== undefined) line[identity] ??= value ?? '';
  else line.options.push(word, ...(isAlone || inline !== undefined ? [] : [value ?? '']));
  if (option !== undefined && value !== undefined && inline === undefined && line.operands.length === 0)
    line.taker = { option, value };
  return isAlone ? 0 : fromNext;
}

/** Separates the options before USER, DIRECTORY and PROGRAM from the operands. Undefined if there is an unknown option. */
export function sort(words: readonly Argument[], known: readonly Option[]): Line | undefined {
  const line: Line = { options: [], operands: [] };
  const { operands } = line;
  const texts = words.map(latin1);
  let isEnded = false;
  let at = 0;
  const isOpen = (): boolean => operands.length < (line.user === undefined ? 3 : 2);
  for (let word = texts[at]; word !== undefined && isOpen(); word = texts[at]) {
    at++;
    // jail(8) has -c before its parameters
    if (word === '-c' && isParameter(texts[at])) continue;
    // su(1) has - before the user
    if (word === '-' && operands.length === 0) continue;
    if (!word.startsWith('-') || word === '-') {
      operands.push(word);
      // what follows belongs to the program
      if (isCommand(word)) break;
      continue;
    }
    // DIRECTORY was forgotten: what follows a program are its arguments
    if (isOnlyProgram(line)) {
      operands.splice(-1, 0, anyJail);
      operands.push(word);
      line.lacksJail = true;
      break;
    }
    // -c COMMAND of su(1), sh(1) and capsh(1), in the place of PROGRAM
    if (word === '-c' && at < texts.length && (operands.length > 0 || line.user !== undefined)) {
      const jail = jailBehind(texts.slice(at), operands.length === (line.user === undefined ? 1 : 0));
      const before = [...(line.user === undefined ? [anybody] : []), jail ?? anyJail];
      operands.push(...before.slice(operands.length), '/bin/sh', '-c');
      if (jail !== undefined) texts.pop();
      line.hasCommand = true;
      break;
    }
    if (operands.length > 0) line.misplaced ??= word;
    if (word === '--') {
      isEnded = true;
      continue;
    }
    const taken = takeOption(line, word, texts[at], known);
    if (taken === undefined) return undefined;
    if (isEnded) line.endsEarly = true;
    at += taken;
  }
  operands.push(...texts.slice(at));
  return line;
}

/** The user in examples: every host has this user, who owns no files. */
export const anybody = 'nobody';
export const anyJail = '/srv/jail';

/** The command line with these operands. */
export function written(
  { options }: Pick<Words, 'options'>,
  ...operands: readonly (string | undefined)[]
): string {
  return commandLine('uchroot', ...options, ...operands.filter((word) => word !== undefined));
}
