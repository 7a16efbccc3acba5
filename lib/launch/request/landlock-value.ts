// The values of the options of --landlock: from words of a command line, and from a caller of the library. Pure.
import { UsageError } from '../../errors.ts';
import type { Argument } from '../../values/command-option.ts';
import { quote, type Bytes } from '../../words/quote.ts';
import { toNumber, toNumbers } from './launch-option.ts';
import { toWhole } from './number-value.ts';
import type { Values } from './option-row.ts';
import { ascending, bytes, flag, list } from './value.ts';

/** The keys that turn Landlock on. */
export const landlockDetails: readonly string[] = [
  'landlockAbi',
  'landlockRo',
  'landlockRw',
  'connectTcp',
  'bindTcp',
];

/** A key for a detail of Landlock turns Landlock on. */
export function toLandlock(value: boolean | undefined, others: Values): boolean {
  const detail = landlockDetails.find((key) => others[key] !== undefined);
  if (value === undefined) return detail !== undefined;
  if (flag(value, 'landlock') || detail === undefined) return value;
  throw new UsageError(`landlock is false, and ${detail} is a part of it: leave one out`, {
    hint: `leave landlock out: ${detail} turns it on`,
  });
}

/** @throws UsageError also for TCP ports, which an older ABI does not know */
export function toAbi(value: number | undefined, _: string, { connectTcp, bindTcp }: Values): number {
  if (value === undefined) return 6;
  toWhole(value, 'landlockAbi', 1, 6);
  if (value >= 4 || (connectTcp ?? bindTcp) === undefined) return value;
  throw new UsageError(`ABI ${value} of Landlock knows no TCP ports`, { hint: 'ABI 4 does, with Linux 6.7' });
}

/** Absolute paths in the jail. */
export function toPaths(value: readonly Bytes[] | undefined, name: string): readonly Buffer[] {
  if (value === undefined) return [];
  return list(value, name, (item, i) => {
    const path = bytes(item, `${name}[${i}]`);
    if (path[0] === 0x2f) return path;
    throw new UsageError(`${name} must be absolute paths in the jail, not '${quote(path)}'`, {
      hint: `write /${quote(path)}`,
    });
  });
}

/** Ascending; undefined for all ports. */
export function toPorts(value: readonly number[] | undefined, name: string): readonly number[] | undefined {
  if (value === undefined) return undefined;
  const ports = list(value, name, (port) => {
    if (typeof port === 'number' && Number.isInteger(port) && port >= 0 && port <= 65535) return port;
    const number = Number(port);
    throw new UsageError(
      `${name} must be TCP ports from 0 to 65535, not ${typeof port === 'string' ? `'${quote(port)}'` : quote(String(port))}`,
      { hint: `for example ${number >= 1 && number < 65_536 ? Math.trunc(number) : 443}` },
    );
  });
  return ascending(ports);
}

export function parseAbi({ text }: Argument): number {
  return toNumber(text, '--landlock-abi', 6);
}

/** A path, after those that were given before. */
export function addPath({ bytes }: Argument, before: readonly Bytes[] = []): readonly Bytes[] {
  return [...before, bytes];
}

/** `80,8000-8010` or `none`, after the ports that were given before. */
export function addPorts(option: string) {
  return ({ text }: Argument, before: readonly number[] = []): readonly number[] =>
    text === 'none' ? before : [...before, ...toNumbers(text, option, 443)];
}
