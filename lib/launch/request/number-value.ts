// Whole numbers and sizes of a request. Pure.
import { UsageError } from '../../errors.ts';
import { quote } from '../../words/quote.ts';

// 64M or 64 MB, where only a number will do
function inNumber(value: number | string): number {
  const [, digits, suffix = ''] = /^\s*([0-9]{1,12})\s*([KMGT])i?b?\s*$/i.exec(String(value)) ?? [];
  return digits === undefined
    ? Number(value)
    : Number(digits) * 1024 ** suffixes.indexOf(suffix.toUpperCase());
}

/** The number from 1 on that a wrong value was probably meant to be, for a hint. */
export function meantNumber(value: unknown): number | undefined {
  const meant = inNumber(value as number | string);
  return Number.isSafeInteger(meant) && meant > 0 ? meant : undefined;
}

/** A number, or undefined if it is not given. @throws UsageError unless it is a whole number from `least` to `most` */
export function toWhole(
  value: number | string | undefined,
  name: string,
  least: number,
  most: number,
): number | undefined {
  if (value === undefined) return undefined;
  if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most) return value;
  const given = Math.round(Math.min(most, Math.max(least, inNumber(value))));
  const shown = typeof value === 'string' ? `'${quote(value)}'` : quote(String(value));
  throw new UsageError(`${name} must be a whole number from ${least} to ${most}, not ${shown}`, {
    hint: `for example ${Number.isNaN(given) ? least : given}`,
  });
}

/** A number of bytes, or the same with a suffix as systemd takes it: `64M`. */
export type Size = number | string;

const suffixes = ['', 'K', 'M', 'G', 'T'];

/** Bytes as they were probably given: `64M`. */
export function showSize(bytes: number): string {
  let power = 0;
  let size = bytes;
  for (; size > 0 && size % 1024 === 0 && power < suffixes.length - 1; power++) size /= 1024;
  return `${size}${suffixes[power]}`;
}

// 64MB, 64 MiB, 64Mi of Kubernetes, 1.5G
function meantSize(text: string): string | undefined {
  const [, digits = '', suffix = ''] = /^([0-9]{1,9}(?:\.[0-9]{1,3})?) *([KMGT])i?b?$/i.exec(text) ?? [];
  if (digits === '') return undefined;
  const power = suffixes.indexOf(suffix.toUpperCase());
  return digits.includes('.')
    ? `${Math.round(Number(digits) * 1024)}${suffixes[power - 1]}`
    : `${digits}${suffixes[power]}`;
}

/**
 * A number that may have a suffix.
 *
 * @param examples a number without and with one, for the message
 * @throws UsageError unless it is a whole number from `least` on
 */
export function toSize(
  value: Size | undefined,
  name: string,
  least: number,
  examples: readonly [string, string] = ['67108864', '64M'],
): number | undefined {
  if (value === undefined) return undefined;
  const [, digits, suffix = ''] = /^([0-9]{1,16})([KMGT]?)$/i.exec(String(value)) ?? [];
  const size = Number(digits) * 1024 ** suffixes.indexOf(suffix.toUpperCase());
  if (Number.isSafeInteger(size) && size >= least) return size;
  const meant = meantSize(String(value));
  const isEndless = name === 'memory' && /^(?:max|unlimited|infinity|-1)$/i.test(String(value));
  throw new UsageError(
    `${name} must be a number from ${least} on, such as ${examples.join(' or ')}, not '${quote(String(value))}'`,
    {
      hint: isEndless
        ? 'leave it out: without it there is no such limit'
        : `for example ${meant ?? (size > 0 && size < least ? `${size}M` : examples[1])}`,
    },
  );
}
