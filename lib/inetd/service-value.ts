// Checks of the values of a service's keys. Each throws a UsageError that names the key. Pure.
import type { Argument } from '../values/command-option.ts';
import { parseNumber } from '../values/size.ts';
import { expecting, number, optional, path, whole } from '../values/validators.ts';
import { wrong } from '../values/wrong.ts';
import { parseListenAddress, type ListenAddress } from './listen/listen-address.ts';
import type { Rate } from './start-limits.ts';

/** Where the line of a connection goes. */
export const logFormats = ['text', 'json', 'syslog', 'none'] as const;
export type LogFormat = (typeof logFormats)[number];

/** How the program of a wait service gets its sockets. */
export const activations = ['inetd', 'systemd'] as const;

/** Connections. */
export const count = whole(1, 100_000);

const RATE = /^([1-9][0-9]{0,6})(?:\/([0-9]{1,6}(?:\.[0-9]{1,3})?))?(?::([1-9][0-9]{0,6}))?$/;

export const toRate = optional(
  expecting<string | number, Rate>('COUNT[/SECONDS][:BURST]', '50/10:100', (value) => {
    const [, starts, seconds = '1', burst] = RATE.exec(String(value)) ?? [];
    const periodMs = 1000 * Number(seconds);
    return starts !== undefined && periodMs > 0
      ? { count: Number(starts), periodMs, burst: Number(burst ?? starts) }
      : undefined;
  }),
);

export function toListen(value: string | readonly string[], key: string): readonly ListenAddress[] {
  const texts = typeof value === 'string' ? [value] : value;
  if (Array.isArray(texts) && texts.length > 0 && texts.every((text) => typeof text === 'string'))
    return texts.map(parseListenAddress);
  throw wrong({ key, value, expected: 'an address, or an array of addresses', example: '127.0.0.1:7000' });
}

export const toPath = (example: string) => optional(path(example));

/** The longest time of setTimeout(). */
const MOST_MS = 2 ** 31 - 1;

export const toMilliseconds = optional(number(Number.MIN_VALUE, MOST_MS, 'milliseconds', 60_000));
export const toMode = optional(whole(0, 0o777, 0o666), 0o666);

const seconds = number(0.001, Math.floor(MOST_MS / 1000), 'seconds', 60);

/** Milliseconds of an option that takes seconds. @param option its name, as a file of settings has it */
export function parseSeconds(option: string) {
  return ({ text }: Argument): number => 1000 * seconds(parseNumber(text) as number, option);
}

const octal = expecting<string, number>('an octal mode', '660', (value) =>
  typeof value === 'string' && /^[0-7]{1,4}$/.test(value) ? Number.parseInt(value, 8) : undefined,
);

export function parseMode({ text }: Argument): number {
  return octal(text, 'socket-mode');
}
