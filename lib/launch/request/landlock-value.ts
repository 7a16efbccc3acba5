// The values of the options of --landlock: from words of a command line, and from a caller of the library. Pure.
import type { Argument } from '../../values/command-option.ts';
import { absolutePath, flag, list, optional, whole } from '../../values/validators.ts';
import { usageError } from '../../values/wrong.ts';
import type { Bytes } from '../../words/quote.ts';
import { words } from '../../words/word-list.ts';
import { parseNumbers } from './launch-option.ts';
import type { Values } from './option-row.ts';
import { ascending } from './value.ts';

/** The keys that turn Landlock on. */
export const landlockDetails: readonly string[] = words(
  'landlockAbi landlockRo landlockRw connectTcp bindTcp',
);

/** A key for a detail of Landlock turns Landlock on. */
export function toLandlock(value: boolean | undefined, key: string, others: Values): boolean {
  const detail = landlockDetails.find((one) => others[one] !== undefined);
  if (value === undefined || flag(value, key)) return value ?? detail !== undefined;
  if (detail === undefined) return false;
  throw usageError(({ name }) => ({
    message: `${name(key)} is false, and ${name(detail)} is a part of it: choose one`,
    hint: `leave ${name(key)} out: ${name(detail)} turns it on`,
  }));
}

const abi = optional(whole(1, 6, 6), 6);

/** `any` in the normal form: the newest ABI of this kernel, and no Landlock where there is none. */
export const anyAbi = 0;

/** @throws UsageError also for TCP ports, which an older ABI does not know */
export function toAbi(value: number | 'any' | undefined, key: string, others: Values): number {
  const { connectTcp, bindTcp } = others;
  const detail = landlockDetails.find((one) => one !== key && others[one] !== undefined);
  if (value === 'any' && detail !== undefined)
    throw usageError(({ name, assign }) => ({
      message: `${assign(key, value)} can be no Landlock at all, and ${name(detail)} needs it`,
      hint: `leave ${name(key)} out`,
    }));
  if (value === 'any') return anyAbi;
  const number = abi(value, key);
  if (number >= 4 || (connectTcp ?? bindTcp) === undefined) return number;
  throw usageError(({ name }) => ({
    message: `${name(key)}: ABI ${number} of Landlock knows no TCP ports`,
    hint: 'ABI 4 does, with Linux 6.7',
  }));
}

/** Absolute paths in the jail. */
export const toPaths = optional(list(absolutePath('/usr'), ['/usr']), []);

const ports = list(whole(0, 65_535, 443), [443]);

/** Ascending; undefined for all ports. */
export function toPorts(value: readonly number[] | undefined, key: string): readonly number[] | undefined {
  return value === undefined ? undefined : ascending(ports(value, key));
}

/** A path, after those that were given before. */
export function addPath({ bytes }: Argument, before: readonly Bytes[] = []): readonly Bytes[] {
  return [...before, bytes];
}

/** `80,8000-8010` or `none`, after the ports that were given before. */
export function addPorts({ text }: Argument, before: readonly number[] = []): readonly unknown[] {
  return text === 'none' ? before : [...before, ...parseNumbers(text)];
}
