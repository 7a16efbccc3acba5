// Values of a request, each checked when it is read, and copied if the caller could change it. Pure.
import { UsageError } from '../../errors.ts';
import { copyBytes, quote } from '../../quote.ts';

/** What becomes of a variable. A text stays one until it is joined to its name: a service may set thousands of them. */
export type EnvVariable = readonly [name: string, value: string | Buffer | undefined];

/** Bytes of our own without a NUL. @throws UsageError */
export function bytes(value: unknown, name: string): Buffer {
  if (typeof value !== 'string' && !(value instanceof Uint8Array)) {
    throw new UsageError(`${name} must be a string or a Uint8Array`);
  }
  // Checked is the copy: another thread can write to shared memory between the two.
  const copy = copyBytes(value);
  // Not Buffer's own includes, which has more to compile when a command begins.
  const hasNul =
    typeof value === 'string' ? value.includes('\0') : Uint8Array.prototype.includes.call(copy, 0);
  if (hasNul) throw new UsageError(`${name} must not contain a NUL byte`);
  return copy;
}

/** @throws UsageError unless it is a boolean, or not given */
export function flag(value: unknown, name: string): boolean {
  if (value === undefined || typeof value === 'boolean') return value ?? false;
  throw new UsageError(`${name} must be true or false`);
}

/**
 * What `read` makes of the elements of an array, as they are now. It throws at the first one that is wrong: an array of a
 * thousand million holes is more than memory holds.
 *
 * @throws UsageError
 */
export function list<T>(value: unknown, name: string, read: (item: unknown, i: number) => T): readonly T[] {
  if (!Array.isArray(value)) throw new UsageError(`${name} must be an array`);
  const items: T[] = [];
  // Holes too, which map() leaves out. Array.from() takes longer for so few.
  for (let i = 0; i < value.length; i++) items.push(read(value[i], i));
  return items;
}

/** A descriptor number; 0 to 2 only where `lowest` allows it. @throws UsageError */
export function descriptor(value: unknown, name: string, lowest = 0): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= lowest && value < 2 ** 31)
    return value;
  throw new UsageError(`${name} must be a number from ${lowest} on, not ${quote(String(value))}`);
}

/** @throws UsageError for what can have no variables */
export function checkEnv(value: unknown): asserts value is Readonly<Record<string, unknown>> {
  // An array or a Map has no variables as keys: it would be taken for an empty environment.
  if (typeof value !== 'object' || value === null || Symbol.iterator in value) {
    throw new UsageError("env must be an object such as {LANG: 'C.UTF-8'}");
  }
}

function refuseName(name: string, key: string): void {
  if (name === '' || name.includes('=') || name.includes('\0'))
    throw new UsageError(`${key}: '${quote(name)}' cannot be the name of a variable`);
}

/** Names of variables of the caller. @throws UsageError */
export function toPassEnv(value: unknown, keepEnv: boolean): readonly string[] {
  if (value === undefined) return [];
  if (keepEnv)
    throw new UsageError(
      'keepEnv and passEnv are given at once: keepEnv passes all variables but dangerous ones',
    );
  return list(value, 'passEnv', (name) => {
    if (typeof name !== 'string') throw new UsageError('passEnv must be names of variables');
    refuseName(name, 'passEnv');
    return name;
  });
}

/** The variables of `env`. @throws UsageError */
export function toEnv(value: unknown): readonly EnvVariable[] {
  if (value === undefined) return [];
  checkEnv(value);
  // Half the time of Object.entries() for an object of thousands of keys.
  return Object.keys(value).map((name) => {
    const content = value[name];
    refuseName(name, 'env');
    const isText = typeof content === 'string' && !content.includes('\0');
    return [name, content === undefined || isText ? content : bytes(content, `env.${quote(name)}`)];
  });
}
