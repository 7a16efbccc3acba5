// Misspelt keys of what callers ask for.

import { UsageError } from './errors.ts';
import { nearest } from './nearest.ts';
import { quote } from './quote.ts';

/**
 * @param example what a request looks like
 * @throws UsageError for what is no object, and for a key that is not among `known`
 */
export function checkKeys(request: unknown, known: ReadonlySet<string>, example?: string): void {
  if (typeof request !== 'object' || request === null || Array.isArray(request))
    throw new UsageError(
      `the request must be an object${example === undefined ? '' : ` such as ${example}`}`,
    );
  const unknown = Object.keys(request).find((key) => !known.has(key));
  if (unknown === undefined) return;
  const names = [...known];
  const meant = nearest(unknown, names);
  throw new UsageError(`unknown key '${quote(unknown)}'`, {
    hint: meant === undefined ? `the keys are ${names.join(', ')}` : `did you mean '${meant}'?`,
  });
}
