// Validators: what a value must be, as data. Each has a range and an example; the error is derived from them (wrong.ts), and each
// interface names the key in its own words. A validator takes a value and its key, and returns the normal form.
//
//   whole(0, 19)('20', 'nice')        throws "nice must be a whole number from 0 to 19, not '20'"
//   optional(size(4096))              undefined stays undefined
//   optional(oneOf(['text', 'json']), 'text')   with a default
//   list(absolutePath('/etc'))        an array; an error names the element: view[1]
//   expecting('a port', 80, read)     your own: `read` returns undefined for a wrong value
//
// Relations of keys: atOnce(), needs() and usageError() of wrong.ts. Pure.
import { UsageError } from '../errors.ts';
import { nearest } from '../words/nearest.ts';
import { copyBytes, type Bytes } from '../words/quote.ts';
import { toBytes } from './size.ts';
import { wrong } from './wrong.ts';

/** Returns the normal form of a value, which the caller cannot change. @throws UsageError */
export type Validator<Given, Normal = Given> = (value: Given, key: string) => Normal;

/**
 * A validator.
 *
 * @param expected what a value must be, as it follows `must be`
 * @param example a right value, for the hint
 * @param read the normal form; undefined for a wrong value
 */
export function expecting<Given, Normal = Given>(
  expected: string,
  example: unknown,
  read: (value: unknown) => Normal | undefined,
): Validator<Given, Normal> {
  return (value, key) => {
    const normal = read(value);
    if (normal !== undefined) return normal;
    throw wrong({ key, value, expected, example });
  };
}

/** The same for a value that may be undefined: it is then `usual`. */
export function optional<Given, Normal>(
  validator: Validator<Given, Normal>,
): Validator<Given | undefined, Normal | undefined>;
export function optional<Given, Normal>(
  validator: Validator<Given, Normal>,
  usual: Normal,
): Validator<Given | undefined, Normal>;
export function optional<Given, Normal>(
  validator: Validator<Given, Normal>,
  usual?: Normal,
): Validator<Given | undefined, Normal | undefined> {
  return (value, key) => (value === undefined ? usual : validator(value, key));
}

/** A whole number from `least` to `most`. */
export const whole = (least: number, most: number, example: number = least): Validator<number> =>
  expecting(`a whole number from ${least} to ${most}`, example, (value) =>
    typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most
      ? value
      : undefined,
  );

/** A number from `least` to `most`. @param of what is counted: `seconds`, `a number of CPUs` */
export const number = (
  least: number,
  most: number,
  of = 'a number',
  example: number = Math.max(1, least),
): Validator<number> =>
  expecting(`${of} from ${least} to ${most}`, example, (value) =>
    typeof value === 'number' && value >= least && value <= most ? value : undefined,
  );

/** Bytes: a number, or a text with a suffix of 1024 such as `64M`. */
export const size = (least: number, example = '64M'): Validator<number | string, number> =>
  expecting(`a number of bytes from ${least} on, such as ${example}`, example, (value) => {
    const bytes = toBytes(value);
    return bytes !== undefined && bytes >= least ? bytes : undefined;
  });

// The example takes no protection away.
const yesOrNo: Validator<boolean> = expecting('true or false', false, (value) =>
  typeof value === 'boolean' ? value : undefined,
);

/** True or false; false if it is not given. */
export const flag: Validator<boolean | undefined, boolean> = optional(yesOrNo, false);

/** True, false or not given. */
export const maybe: Validator<boolean | undefined, boolean | undefined> = optional(yesOrNo);

/**
 * One of some words.
 *
 * @param foreign words of other programs for them
 */
export function oneOf<const Word extends string>(
  words: readonly Word[],
  {
    foreign = {},
    example = words[0],
  }: { readonly foreign?: Readonly<Record<string, Word>>; readonly example?: Word | undefined } = {},
): Validator<Word> {
  return (value, key) => {
    const word = words.find((one) => one === value);
    if (word !== undefined) return word;
    const given = typeof value === 'string' ? (value as string) : '';
    throw wrong({
      key,
      value,
      expected: `one of ${words.join(', ')}`,
      example,
      meant: (Object.hasOwn(foreign, given) ? foreign[given] : undefined) ?? nearest(given, words),
    });
  };
}

/** A text without a NUL byte, of the form of `pattern` if there is one. */
export const text = (expected = 'a string without a NUL byte', example = 'TEXT', pattern = /^[^\0]*$/s) =>
  expecting<string>(expected, example, (value) =>
    typeof value === 'string' && pattern.test(value) ? value : undefined,
  );

/** A copy of a string or of bytes without a NUL; a string becomes UTF-8. */
function toPlainBytes(value: unknown): Buffer | undefined {
  if (typeof value !== 'string' && !(value instanceof Uint8Array)) return undefined;
  // The copy is checked, not the original: another thread can write to shared memory between the two.
  const copy = copyBytes(value);
  // Not Buffer's own includes, which has more to compile when a command begins.
  const hasNul =
    typeof value === 'string' ? value.includes('\0') : Uint8Array.prototype.includes.call(copy, 0);
  return hasNul ? undefined : copy;
}

/** A string or bytes without a NUL. */
export const bytes = (example = 'TEXT'): Validator<Bytes, Buffer> =>
  expecting('a string or a Uint8Array without a NUL byte', example, toPlainBytes);

const pathOf = (
  expected: string,
  example: string,
  isRight: (path: Buffer) => boolean,
): Validator<Bytes, Buffer> =>
  expecting(expected, example, (value) => {
    const path = toPlainBytes(value);
    return path !== undefined && isRight(path) ? path : undefined;
  });

/** A path that is not empty. */
export const path = (example: string): Validator<Bytes, Buffer> =>
  pathOf('a path', example, ({ length }) => length > 0);

/** A path from / on. */
export const absolutePath = (example: string): Validator<Bytes, Buffer> =>
  pathOf('an absolute path', example, (given) => given[0] === 0x2f);

/**
 * An array. Each element is read as it is now, up to the first that is wrong: an array of a thousand million holes does not fit into
 * memory.
 */
export function list<Given, Normal>(
  validator: Validator<Given, Normal>,
  example: readonly unknown[],
  { least = 0, most = Infinity } = {},
): Validator<readonly Given[], readonly Normal[]> {
  return (value, key) => {
    if (!Array.isArray(value)) throw wrong({ key, value, expected: 'an array', example });
    if (value.length < least || value.length > most)
      throw new UsageError(
        `${key} has ${value.length} elements: there must be ${least > 0 ? `at least ${least}` : `at most ${most}`}`,
      );
    const items: Normal[] = [];
    // A loop, because map() leaves holes out, and Array.from() takes longer for so few elements.
    for (let i = 0; i < value.length; i++) items.push(validator(value[i] as Given, `${key}[${i}]`));
    return items;
  };
}
