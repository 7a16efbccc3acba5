// Reading what callers ask for: misspelt keys, objects that throw, arrays and bytes that change later.

import { UsageError } from './errors.ts';
import { nearest } from './nearest.ts';
import { copyBytes, quote } from './quote.ts';

/**
 * What `read` makes of a caller's request. A request can be a Proxy or have getters: what they throw becomes the cause of
 * a UsageError.
 */
export function reading<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError('the request cannot be read: a getter or a proxy in it has thrown', {
      cause: error,
    });
  }
}

// Far more than a jail has files: what says that it is longer, and is empty, is more than memory holds.
const mostElements = 2 ** 20;

function copyArray(array: readonly unknown[]): readonly unknown[] {
  if (array.length > mostElements)
    throw new UsageError(`an array of a request has at most ${mostElements} elements, not ${array.length}`);
  return Array.from(array, copyValue);
}

/** Text, numbers, functions, streams and signals stay as they are; the caller's arrays, plain objects and bytes are copied. */
function copyValue(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Uint8Array) return copyBytes(value);
  if (Array.isArray(value)) return copyArray(value);
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null ? copyFields(value) : value;
}

/** The fields of an object, inherited ones too, each a copy as of `copyValue`. */
export function copyFields(object: object): object {
  // without a prototype: a variable may be called __proto__
  const copy = Object.create(null) as Record<string, unknown>;
  for (const key in object) copy[key] = copyValue((object as Record<string, unknown>)[key]);
  return copy;
}

/** A request of our own, checked: whatever the caller does with his later, it stays. @throws UsageError */
export function takeRequest<T extends object>(request: T, check: (request: T) => void): T {
  return reading(() => {
    const isObject = typeof request === 'object' && request !== null && !Array.isArray(request);
    const own = (isObject ? copyFields(request) : request) as T;
    check(own);
    return own;
  });
}

/** An AbortSignal, or undefined. A mere prototype is none: what is asked of it later would throw. @throws UsageError */
export function checkSignal(signal: unknown): asserts signal is AbortSignal | undefined {
  if (signal === undefined || (signal instanceof AbortSignal && typeof signal.aborted === 'boolean')) return;
  throw new UsageError('signal must be an AbortSignal');
}

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
