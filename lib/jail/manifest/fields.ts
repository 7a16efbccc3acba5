// Reads the fields of JSON that may be wrong in any way. Each function throws a TypeError that names the key.

import { type BytePath, bytePath } from '../../tree/path.ts';
import { quote } from '../../words/quote.ts';
import { fromText } from './path-text.ts';

export type Json = Readonly<Record<string, unknown>>;

function expected(what: string, key: string): TypeError {
  return new TypeError(`${key === '' ? '' : `${quote(key)}: `}${what} is expected`);
}

export function asObject(value: unknown, key = ''): Json {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Json;
  throw expected('an object', key);
}

export function asList(value: unknown, key: string): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw expected('a list', key);
}

/** A text that is not empty, without a NUL byte. */
export function asText(value: unknown, key: string): string {
  if (typeof value === 'string' && value !== '' && !value.includes('\0')) return value;
  throw expected('a text', key);
}

/** An absolute path (path-text.ts). */
export function asPath(value: unknown, key: string): BytePath {
  const text = asText(value, key);
  if (text.startsWith('/')) return fromText(text);
  throw new TypeError(`${key}: ${quote(bytePath(text))} is no absolute path`);
}

export function asInteger(value: unknown, key: string, most: number, least = 0): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most) return value;
  throw expected(`a whole number from ${least} to ${most}`, key);
}

// 2^32 - 1 means "no change" in chown(2).
const MAX_ID = 2 ** 32 - 2;

/** A user or group; 0 if it is not given. */
export const asId = (value: unknown = 0, key: string): number => asInteger(value, key, MAX_ID);
