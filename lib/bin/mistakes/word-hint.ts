// Hints about a word of the command line. Pure but for a jail in the place of USER.
import { statSync } from 'node:fs';

import type { LaunchError, UsageError } from '../../errors.ts';
import type { Argument } from '../../values/command-option.ts';
import { words } from '../../words/word-list.ts';
import { commandLine, stripReturns, unexpanded } from '../../words/shell-word.ts';
import { lookOr } from '../../words/system-error.ts';

const order = 'the order is uchroot [OPTION]... USER DIRECTORY PROGRAM [ARGUMENT]...';

// Commands of the other programs.
const programs: Readonly<Record<string, readonly string[]>> = {
  'uchroot-jail': words('build update clone check list explain remove'),
  'uchroot-service': words('adopt release reload status'),
  'uchroot-tcpd': words('match export'),
  'uchroot-inetd': words('import schema'),
};

/** The remedy for a line that ends in a carriage return, as in a script from Windows. */
export function returnHint(last: string | undefined): string | undefined {
  return last?.endsWith('\r') === true
    ? `${stripReturns('SCRIPT')}   # the line ends in a carriage return, as in files of Windows`
    : undefined;
}

const isDirectory = (path: string): boolean => lookOr(false, () => statSync(path).isDirectory());

/**
 * A hint that says more than that of the error.
 *
 * @param operands USER, DIRECTORY, PROGRAM and its arguments, as far as the line was read
 */
export function wordHint(
  all: readonly Argument[],
  operands: readonly Argument[],
  error: UsageError | LaunchError,
): string | undefined {
  const returned = returnHint(all.at(-1)?.text);
  if (returned !== undefined) return returned;
  const [user = '', ...others] = operands.slice(0, 3).map(({ text }) => text);
  // web pages and word processors make one dash of two hyphens (U+2010 to U+2015, U+2212)
  const [, plain] = /^[\u2010-\u2015\u2212]+-*(.+)/.exec(user) ?? [];
  if (plain !== undefined) return `write -- before ${plain}, in place of the dash`;
  if (others.some((word) => /^-./.test(word))) return order;
  const left = unexpanded(others[0] ?? '');
  if (left !== undefined && 'step' in error && error.step === 'jail')
    return `${left.problem}: write ${left.written}`;
  if (error.code !== 'ERR_UNKNOWN_USER') return undefined;
  const [directory = ''] = others;
  // a jail in the place of USER, and a word that is none in the place of DIRECTORY
  const isSwapped = isDirectory(user) && directory !== '' && !directory.includes('/');
  if (isSwapped && !isDirectory(directory)) {
    const [first, second] = operands;
    const swapped = all.map((word) => (word === first ? second : word === second ? first : word) ?? word);
    return commandLine('uchroot', ...swapped.map(({ bytes }) => bytes.toString('latin1')));
  }
  if (user.includes('/') || isDirectory(user)) return order;
  const program = Object.keys(programs).find((name) => programs[name]?.includes(user));
  return program && commandLine(program, ...operands.map(({ bytes }) => bytes.toString('latin1')));
}

/** The lines about a command line without USER or DIRECTORY; without any word, the usage alone, as the C original has it. */
export function forgotten(
  all: readonly Argument[],
  operands: readonly Argument[],
  usageLine: string,
): string {
  if (operands[0]?.text === 'help' || all.every(({ text }) => text === '--'))
    return `${usageLine}\nhint: uchroot --help\n`;
  const missing = operands.length === 0 ? 'USER and DIRECTORY are missing' : 'DIRECTORY is missing';
  return `uchroot: ${missing}\nhint: ${order}\n${usageLine}\n`;
}
