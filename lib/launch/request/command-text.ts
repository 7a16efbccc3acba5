// What the text of an option means: each function makes a value of a request from it. Pure.
import { UsageError } from '../../errors.ts';
import type { Argument } from '../../option.ts';
import { quote } from '../../quote.ts';
import type { Limit } from '../plan/step.ts';
import { toLimit } from './rlimits.ts';

/** A plain decimal number of the command line. @throws UsageError */
export function parseNumber(text: string, option: string): number {
  if (/^(0|[1-9][0-9]{0,9})$/.test(text)) return Number(text);
  throw new UsageError(`${option} takes a number, not '${quote(text)}'`);
}

/** The descriptors of `3,5-7`. @throws UsageError */
export function parseDescriptors(text: string): readonly number[] {
  return text.split(',').flatMap((part) => {
    const [first = '', last = first, ...more] = part.split('-');
    const from = parseNumber(first, '--preserve-fds');
    const to = parseNumber(last, '--preserve-fds');
    if (more.length > 0 || to < from || to - from > 65535) {
      throw new UsageError(`--preserve-fds takes numbers and ranges such as 3,5-7, not '${quote(text)}'`);
    }
    return Array.from({ length: to - from + 1 }, (_, i) => from + i);
  });
}

/** An octal mode. @throws UsageError */
export function parseUmask(text: string): number {
  if (/^[0-7]{1,4}$/.test(text) && Number.parseInt(text, 8) <= 0o777) return Number.parseInt(text, 8);
  throw new UsageError(`--umask takes an octal mode such as 027, not '${quote(text)}'`);
}

/** The name of a variable. Names are text in a request: bytes that are no UTF-8 would name another. @throws UsageError */
export function parseVariableName(bytes: Buffer, option: string): string {
  const name = bytes.toString();
  if (Buffer.from(name).equals(bytes)) return name;
  throw new UsageError(`${option}: the name '${quote(bytes)}' is not UTF-8`, {
    hint: 'set such a variable for uchroot itself, by env(1), and pass it on with --keep-env',
  });
}

/** NAME=VALUE. @throws UsageError */
export function parseVariable({ text, bytes }: Argument): readonly [name: string, value: Buffer] {
  const equals = bytes.indexOf(0x3d);
  if (equals > 0)
    return [parseVariableName(bytes.subarray(0, equals), '--setenv'), bytes.subarray(equals + 1)];
  throw new UsageError(`--setenv takes NAME=VALUE, not '${quote(text)}'`);
}

/** `NAME=SOFT[:HARD]`, with `unlimited` or `infinity` for no limit. @throws UsageError */
export function parseRlimit(text: string): [string, Limit] {
  const match = /^([a-z_]+)=([^:]+)(?::(.+))?$/i.exec(text);
  const value = (word: string): number => {
    if (/^(unlimited|infinity)$/i.test(word)) return Infinity;
    if (/^[0-9]{1,16}$/.test(word)) return Number(word);
    throw new UsageError(`--rlimit ${quote(text)}: '${quote(word)}' is no limit`, {
      hint: 'a whole number, or unlimited',
    });
  };
  if (match?.[1] === undefined || match[2] === undefined) {
    throw new UsageError(`--rlimit takes NAME=SOFT[:HARD], not '${quote(text)}'`, {
      hint: 'for example --rlimit nofile=4096',
    });
  }
  const name = match[1].toLowerCase().replace(/^rlimit_/, '');
  const soft = value(match[2]);
  return [name, toLimit(name, { soft, hard: match[3] === undefined ? soft : value(match[3]) })];
}
