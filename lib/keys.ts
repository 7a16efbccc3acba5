// Misspelt keys of what callers ask for.

import { UsageError } from './errors.ts';
import { nearest } from './nearest.ts';
import { quote } from './quote.ts';

/** @throws UsageError for a key that is not among `known`. */
export function checkKeys(request: object, known: readonly string[]): void {
  if (typeof request !== 'object' || request === null) throw new UsageError('the request must be an object');
  const unknown = Object.keys(request).find((key) => !known.includes(key));
  if (unknown === undefined) return;
  const meant = nearest(unknown, known);
  throw new UsageError(`unknown key ${quote(unknown)}`, {
    hint: meant === undefined ? `the keys are ${known.join(', ')}` : `did you mean ${meant}?`,
  });
}
