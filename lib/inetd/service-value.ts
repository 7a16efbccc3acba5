// Checks of the values of a service's keys. Each throws a UsageError that names the key. Pure.
import { UsageError } from '../errors.ts';
import { meantMs, meantText } from '../mistakes/meant-value.ts';
import { toWhole } from '../launch/request/number-value.ts';
import { quote, toBuffer, type Bytes } from '../words/quote.ts';
import { parseListenAddress, type ListenAddress } from './listen/listen-address.ts';
import type { Rate } from './start-limits.ts';

/** Where the line of a connection goes. */
export const logFormats = ['text', 'json', 'syslog', 'none'] as const;
export type LogFormat = (typeof logFormats)[number];

/** How the program of a wait service gets its sockets. */
export const activations = ['inetd', 'systemd'] as const;

export function oneOf<Word extends string>(words: readonly Word[], first: Word) {
  return (value: Word | undefined, key: string): Word => {
    const word = words.find((word) => word === (value === undefined ? first : value));
    if (word !== undefined) return word;
    throw new UsageError(`${key} is one of ${words.join(', ')}, not '${quote(String(value))}'`, {
      hint: key === 'log' ? 'for a file write 2>>FILE' : `for example ${words[0]}`,
    });
  };
}

export function count(most: number) {
  return (value: number | undefined, key: string): number | undefined => toWhole(value, key, 1, most);
}

const RATE = /^([1-9][0-9]{0,6})(?:\/([0-9]{1,6}(?:\.[0-9]{1,3})?))?(?::([1-9][0-9]{0,6}))?$/;

const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600 };

// 10/s, 10/min
function rateOf(text: string): string {
  const [, count, unit = ''] = /^([1-9][0-9]*)\/([smh])[a-z]*$/.exec(text) ?? [];
  return count === undefined
    ? '50/10:100, 50 in ten seconds, and 100 at once after a pause'
    : `${count}/${UNITS[unit]}`;
}

export function toRate(value: string | number | undefined, key: string): Rate | undefined {
  if (value === undefined) return undefined;
  const [, number, seconds = '1', burst] = RATE.exec(String(value)) ?? [];
  const periodMs = 1000 * Number(seconds);
  if (number !== undefined && periodMs > 0)
    return { count: Number(number), periodMs, burst: Number(burst ?? number) };
  throw new UsageError(`${key} must be COUNT[/SECONDS][:BURST], not '${quote(String(value))}'`, {
    hint: `for example ${rateOf(String(value))}`,
  });
}

export function toListen(value: string | readonly string[]): readonly ListenAddress[] {
  const texts = typeof value === 'string' ? [value] : value;
  if (!Array.isArray(texts) || texts.length === 0 || !texts.every((text) => typeof text === 'string'))
    throw new UsageError('listen must be an address, or an array of addresses', {
      hint: `write listen: '127.0.0.1:${typeof value === 'number' && value < 65_536 ? value : 7000}'`,
    });
  return texts.map(parseListenAddress);
}

export function toPath(value: Bytes | undefined, key: string): Buffer | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== 'string' && !(value instanceof Uint8Array))
    throw new UsageError(`${key} must be a string or a Uint8Array`, {
      hint: meantText(key, value, '/etc/FILE'),
    });
  const bytes = toBuffer(value);
  if (bytes.length > 0 && !bytes.includes(0)) return bytes;
  throw new UsageError(`${key} must be a path`, { hint: 'leave it out; is a variable empty?' });
}

/** The longest time of setTimeout(). */
const MOST_MS = 2 ** 31 - 1;

export function toMilliseconds(value: number | undefined, key: string): number | undefined {
  if (value === undefined) return undefined;
  if (typeof value === 'number' && value > 0 && value <= MOST_MS) return value;
  throw new UsageError(`${key} must be milliseconds up to ${MOST_MS}`, {
    hint: meantMs(key, value, MOST_MS),
  });
}

export function toMode(value: number | undefined, key: string): number {
  const mode = value === undefined ? 0o666 : value;
  if (Number.isInteger(mode) && mode >= 0 && mode <= 0o777) return mode;
  throw new UsageError(`${key} must be a mode from 0 to 0o777`, {
    hint: `write ${key}: 0o${/^0*([0-7]{3})$/.exec(String(value))?.[1] ?? '666'}`,
  });
}

export function parseSeconds(text: string, option: string): number {
  const milliseconds = /^[0-9]{1,7}(\.[0-9]{1,3})?$/.test(text) ? 1000 * Number(text) : 0;
  if (milliseconds > 0 && milliseconds <= MOST_MS) return milliseconds;
  const [, count, unit = ''] = /^([1-9][0-9]{0,4})([smh])$/.exec(text) ?? [];
  throw new UsageError(`${option} takes seconds, up to ${Math.floor(MOST_MS / 1000)}, not '${quote(text)}'`, {
    hint: `for example ${count === undefined ? 60 : Number(count) * (UNITS[unit] ?? 1)}; without it there is no such limit`,
  });
}

export function parseMode(text: string): number {
  if (/^[0-7]{1,4}$/.test(text)) return Number.parseInt(text, 8);
  throw new UsageError(`--socket-mode takes an octal mode such as 660, not '${quote(text)}'`, {
    hint: 'for example 660',
  });
}
