// Options that the commands of uchroot-tcpd have in common.

import { UsageError } from '../errors.ts';
import { quote } from '../quote.ts';
import type { HostsOptions } from '../tcpwrappers/hosts.ts';
import type { Dialect } from '../tcpwrappers/parse/third-field.ts';
import type { OptionKind, ReadArguments } from './arguments.ts';
import { valueOf } from './dispatch.ts';

/** Which files, and in which language. */
export const fileOptions = {
  allow: 'value',
  deny: 'value',
  dialect: 'value',
  compat: 'value',
} as const satisfies Readonly<Record<string, OptionKind>>;

/** One of a few words. @throws UsageError for any other */
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
