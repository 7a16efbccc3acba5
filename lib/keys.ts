// Misspelt keys of what callers ask for.

import { UsageError } from './errors.ts';
import { nearest } from './nearest.ts';
import { quote } from './quote.ts';

/**
 * @param example what a request looks like
 * @throws UsageError for what is no object, and for a key that is not among `known`
 */
export function checkKeys(request: unknown, known: Iterable<string>, example?: string): void {
  if (typeof request !== 'object' || request === null || Array.isArray(request))
    throw new UsageError(
      `the request must be an object${example === undefined ? '' : ` such as ${example}`}`,
    );
  const names = [...known];
  const unknown = Object.keys(request).find((key) => !names.includes(key));
  if (unknown === undefined) return;
  const meant = nearest(unknown, names);
  throw new UsageError(`unknown key '${quote(unknown)}'`, {
    hint: meant === undefined ? `the keys are ${names.join(', ')}` : `did you mean '${meant}'?`,
  });
}
