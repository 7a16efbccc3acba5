// The shared options of the commands of uchroot-tcpd, and parsers for their values.

import { UsageError } from '../errors.ts';
import { option } from '../command-option.ts';
import { quote } from '../quote.ts';
import type { HostsOptions } from '../tcpwrappers/hosts.ts';
import type { Dialect } from '../tcpwrappers/parse/third-field.ts';
import type { ReadArguments } from './arguments.ts';
import { valueOf } from './dispatch.ts';

/** The files, and their language. */
export const fileOptions = [
  option('--allow FILE', 'the file with the clients to let in (default /etc/hosts.allow)'),
  option('--deny FILE', 'the file with the clients to refuse (default /etc/hosts.deny)'),
  option('--dialect DIALECT', 'what the third field of a rule is: options, command, or auto (default)'),
  option('--compat libwrap', 'do not read a last line without a newline'),
] as const;

/** One of some words. @throws UsageError for any other word */
export function oneOf<Word extends string>(
  read: ReadArguments,
  option: string,
  words: readonly Word[],
): Word | undefined {
  const value = valueOf(read, option);
  const word = words.find((word) => word === value?.text);
  if (value === undefined || word !== undefined) return word;
  throw new UsageError(`--${option} ${quote(value.bytes)}: it is one of ${words.join(', ')}`);
}

/** A decimal number. @throws UsageError */
export function numberOf(read: ReadArguments, option: string, most: number): number | undefined {
  const value = valueOf(read, option);
  if (value === undefined) return undefined;
  const number = /^[0-9]{1,9}$/.test(value.text) ? Number(value.text) : Infinity;
  if (number <= most) return number;
  throw new UsageError(`--${option} ${quote(value.bytes)}: it is a number up to ${most}`);
}

const DIALECTS: readonly Dialect[] = ['auto', 'options', 'command'];

/** The options for openHosts(). @throws UsageError */
export function toHostsOptions(read: ReadArguments): HostsOptions {
  return {
    allow: valueOf(read, 'allow')?.bytes,
    deny: valueOf(read, 'deny')?.bytes,
    dialect: oneOf(read, 'dialect', DIALECTS),
    compat: oneOf(read, 'compat', ['libwrap']),
  };
}
