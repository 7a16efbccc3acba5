// Reads requests of callers safely: keys can be misspelt, getters can throw, and arrays can change later.

import { UsageError } from '../errors.ts';
import { besidesFirst, foreignWorkKeys, hintForPart } from '../mistakes/foreign-work-keys.ts';
import { didYouMean, type Foreign } from '../words/nearest.ts';
import { copyBytes, quote } from '../words/quote.ts';

/** Runs `read` on a caller's request. If a getter or a Proxy in the request throws, that error becomes the cause of a UsageError. */
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
  const hint =
    request instanceof Promise
      ? 'write await before it'
      : request instanceof Map
        ? 'write Object.fromEntries(map)'
        : 'write {key: value}';
  const kind = Object.prototype.toString.call(request).slice('[object '.length, -1);
  throw new UsageError(`the request must be an object with keys, not a ${kind}`, { hint });
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
  throw new UsageError('signal must be an AbortSignal', {
    hint:
      typeof signal === 'string'
        ? `killSignal is for the name of a signal: killSignal: '${quote(signal)}'`
        : signal instanceof AbortController
          ? 'write signal: CONTROLLER.signal'
          : 'signal: new AbortController().signal',
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
  foreign?: () => Foreign,
): void {
  if (typeof request !== 'object' || request === null || Array.isArray(request))
    throw new UsageError(
      `the request must be an object${example === undefined ? '' : ` such as ${example}`}`,
      {
        hint:
          example ??
          (typeof request === 'string'
            ? `write {${[...known][0]}: '${quote(request)}'${besidesFirst(known)}}`
            : 'write {key: value}'),
      },
    );
  const unknown = Object.keys(request).find((key) => !known.has(key));
  if (unknown === undefined) return refuseOpaque(request, known);
  const names = [...known];
  const words = foreign?.() ?? foreignWorkKeys;
  throw new UsageError(`unknown key '${quote(unknown)}'`, {
    hint:
      didYouMean(unknown, names, (key) => `'${key}'`, words) ??
      hintForPart(unknown, names, words) ??
      `the keys are ${names.join(', ')}`,
  });
}

/** A program and its arguments as keys of a request. */
export function inKeys(program: string, args: readonly string[]): string {
  const list = args.map((arg) => `'${quote(arg)}'`).join(', ');
  return `program: '${quote(program)}'${list === '' ? '' : `, args: [${list}]`}`;
}

/**
 * Refuses a second argument with options, because it would be ignored. A number is accepted: Array.map passes the index.
 * @param others keys that a request must have besides the program
 * @throws UsageError
 */
export function refuseSecond(given: ArrayLike<unknown>, others = "user: 'sam', jail: '/srv/jail', "): void {
  const [request, second, options] = [given[0], given[1], given[2]];
  if (typeof request === 'string' && Array.isArray(second)) {
    const keys = inKeys(request, second.map(String));
    throw new UsageError('the keys must be in an object', {
      hint: `write {${typeof options === 'object' ? `${keys}, ...OPTIONS` : `${others}${keys}`}}`,
    });
  }
  // if the request is no object, another check reports that
  if (typeof request !== 'object') return;
  if (typeof second === 'function')
    throw new UsageError('a callback has no meaning: the call returns a promise', {
      hint: 'leave it out, and write await: const result = await ...',
    });
  if (typeof second === 'object')
    throw new UsageError('a second argument has no meaning: one object has all keys', {
      hint: 'write {...request, ...options}',
    });
}
