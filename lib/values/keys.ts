// Reads requests of callers safely: keys can be misspelt, getters can throw, and arrays can change later.

import { UsageError } from '../errors.ts';
import { foreignWorkKeys } from '../mistakes/foreign-work-keys.ts';
import { didYouMean, type Foreign } from '../words/nearest.ts';
import { copyBytes, quote } from '../words/quote.ts';
import { wrong } from './wrong.ts';

/** Runs `read` on a caller's request. If a getter or a Proxy in the request throws, that error becomes the cause of a UsageError. */
export function reading<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    // by its name: a bundle that is loaded later has its own copy of the class
    if ((error as Error | undefined)?.name === 'UsageError') throw error;
    throw new UsageError('the request cannot be read: a getter or a proxy in it has thrown', {
      cause: error,
    });
  }
}

/** Whether an object inherits no keys, so that Object.keys() lists all of them. A class can have getters. */
export function isPlain(object: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(object);
  return prototype === Object.prototype || prototype === null;
}

/** The object itself; if it inherits keys, a copy that has these too (those of for…in). */
export function withInherited<T extends object>(object: T): T {
  if (isPlain(object)) return object;
  const own: Partial<T> = {};
  for (const key in object) own[key] = object[key];
  return own as T;
}

// More than any jail has files. A longer array would not fit into memory, even if it is empty.
const mostElements = 2 ** 20;

// Copies arrays, plain objects and bytes. Text, numbers, functions, streams and signals stay as they are.
function copyValue(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Uint8Array) return copyBytes(value);
  if (Array.isArray(value)) {
    if (value.length <= mostElements) return Array.from(value, copyValue);
    throw new UsageError(`an array of a request has at most ${mostElements} elements, not ${value.length}`);
  }
  return isPlain(value) ? copyFields(value) : value;
}

/** Copies the fields of an object, inherited ones too. */
export function copyFields(object: object): object {
  // without a prototype: a variable may be called __proto__
  const copy = Object.create(null) as Record<string, unknown>;
  for (const key in object) copy[key] = copyValue((object as Record<string, unknown>)[key]);
  return copy;
}

/**
 * @param known keys that a getter of its class may answer
 * @throws UsageError for a Map, a promise and the like: no key of it can be read, so all defaults would be used
 */
export function refuseOpaque(request: object, known: ReadonlySet<string> = new Set()): void {
  if (isPlain(request)) return;
  for (const _ in request) return;
  if ([...known].some((key) => key in request)) return;
  const kind = Object.prototype.toString.call(request).slice('[object '.length, -1);
  throw new UsageError(`the request must be an object with keys, not a ${kind}`);
}

/** A checked copy of a request, which the caller cannot change later. @throws UsageError */
export function takeRequest<T extends object>(request: T, check: (request: T) => void): T {
  return reading(() => {
    const isObject = typeof request === 'object' && request !== null && !Array.isArray(request);
    if (isObject) refuseOpaque(request);
    const own = (isObject ? copyFields(request) : request) as T;
    check(own);
    return own;
  });
}

/** @throws UsageError unless it is an AbortSignal or undefined. An object that only inherits from one would throw when it is used. */
export function checkSignal(signal: unknown): asserts signal is AbortSignal | undefined {
  if (signal === undefined || (signal instanceof AbortSignal && typeof signal.aborted === 'boolean')) return;
  throw wrong({
    key: 'signal',
    value: signal,
    expected: 'an AbortSignal',
    hint: 'for example signal: AbortSignal.timeout(60_000); the name of a signal is for killSignal',
  });
}

/**
 * @param example what a request looks like
 * @param foreign keys of other libraries; a function, because only a failure needs them
 * @throws UsageError unless it is an object with known keys only
 */
export function checkKeys(
  request: unknown,
  known: ReadonlySet<string>,
  example?: string,
  foreign: () => Foreign = () => foreignWorkKeys,
): void {
  const names = [...known];
  if (typeof request !== 'object' || request === null || Array.isArray(request))
    throw new UsageError('the request must be an object', {
      hint: example === undefined ? `its keys are ${names.join(', ')}` : `for example ${example}`,
    });
  const unknown = Object.keys(request).find((key) => !known.has(key));
  if (unknown === undefined) return refuseOpaque(request, known);
  throw new UsageError(`unknown key '${quote(unknown)}'`, {
    hint: didYouMean(unknown, names, (key) => `'${key}'`, foreign()) ?? `the keys are ${names.join(', ')}`,
  });
}

/** Whether two values are the same, or arrays, plain objects or bytes with the same content. */
export function isAlike(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (a instanceof Uint8Array) return b instanceof Uint8Array && Buffer.compare(a, b) === 0;
  if (Array.isArray(a) ? !Array.isArray(b) : !(isPlain(a) && isPlain(b))) return false;
  const keys = Object.keys(a);
  return (
    keys.length === Object.keys(b).length &&
    keys.every((key) => Object.hasOwn(b, key) && isAlike(a[key as keyof typeof a], b[key as keyof typeof b]))
  );
}

/** Refuses a second argument, because it would be ignored. A number is accepted: Array.map passes the index. @throws UsageError */
export function refuseSecond({ 0: request, 1: second }: ArrayLike<unknown>): void {
  if (second === undefined || typeof second === 'number') return;
  throw new UsageError('the call takes one object with all keys, and returns a promise', {
    hint:
      typeof request === 'object'
        ? 'for example {...request, ...options}'
        : "for example {program: '/bin/ls', args: ['-l']}",
  });
}
