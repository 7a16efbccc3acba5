// Words that are compared with a text: daemon and user names, host names, addresses.

import { UNKNOWN } from '../request/request.ts';
import { parseZoned, type ZonedAddress } from '../text/address.ts';
import { fold } from '../text/fold.ts';
import { matchesGlob } from '../text/glob.ts';
import type { TextPattern } from './pattern.ts';

/** Reads a word; the first that applies of wildcards, `.domain`, ALL, KNOWN, `prefix.`, `[address]`, and itself. */
export function parseText(word: string): TextPattern {
  const text = fold(word);
  if (text === '') return { kind: 'never', why: 'empty' };
  if (text.includes('*') || text.includes('?')) return { kind: 'glob', text };
  if (text.startsWith('.')) return { kind: 'suffix', text };
  if (text === 'all') return { kind: 'all' };
  if (text === 'known') return { kind: 'known' };
  if (text.endsWith('.')) return { kind: 'prefix', text };
  if (text.startsWith('[') && text.endsWith(']')) {
    // not folded: names of interfaces have case
    const address = parseZoned(word.slice(1, -1));
    return address === undefined ? { kind: 'never', why: 'address' } : { kind: 'address', address };
  }
  return { kind: 'equal', text };
}

type HasInterface = (name: string) => boolean;

function isSameAddress(pattern: ZonedAddress, value: string, hasInterface: HasInterface): boolean {
  const zoned = value.includes(':') ? parseZoned(value) : undefined;
  return (
    zoned?.words === pattern.words &&
    (pattern.zone === undefined || hasInterface(pattern.zone)) &&
    (zoned.zone === undefined || hasInterface(zoned.zone))
  );
}

/** Whether `value`, in lower case, is what the word means. */
export function matchesText(pattern: TextPattern, value: string, hasInterface: HasInterface): boolean {
  switch (pattern.kind) {
    case 'all':
      return true;
    case 'known':
      return value !== UNKNOWN;
    case 'equal':
      return value === pattern.text;
    case 'suffix':
      return value.length > pattern.text.length && value.endsWith(pattern.text);
    case 'prefix':
      return value.startsWith(pattern.text);
    case 'glob':
      return matchesGlob(value, pattern.text);
    case 'address':
      return isSameAddress(pattern.address, value, hasInterface);
    case 'never':
      return false;
    default:
      return pattern satisfies never;
  }
}
