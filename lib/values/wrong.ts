// Errors about values of a request. The library, the commands and files of settings name the same keys differently, so an error
// keeps the key and makes its words for an interface (Naming). Pure.
import { UsageError, type Naming } from '../errors.ts';
import { quote } from '../words/quote.ts';
import { shellWord } from '../words/shell-word.ts';

/** A value as JavaScript spells it. */
function literal(value: unknown): string {
  if (typeof value === 'string') return `'${quote(value)}'`;
  if (Array.isArray(value)) return `[${value.map(literal).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return String(value);
  return `{${Object.entries(value)
    .map(([key, field]) => `${key}: ${literal(field)}`)
    .join(', ')}}`;
}

/** The library: keys are properties of an object. The option of a command that no key stands for is named as it is: `--format`. */
export const inLibrary: Naming = {
  name: (key) => key,
  assign: (key, value) => {
    if (key.startsWith('--')) return value === true ? key : `${key} ${shellWord(String(value))}`;
    const [, name = key, index] = /(\w+)(\[\d+\])?$/.exec(key) ?? [];
    return `${name}: ${literal(index === undefined ? value : [value])}`;
  },
};

// A value in a message: not the content of an object, which can be large.
function shown(value: unknown): string {
  if (typeof value === 'string') return `'${value === '' ? '' : quote(value)}'`;
  if (value instanceof Uint8Array) return `'${value.length === 0 ? '' : quote(value)}'`;
  if (typeof value === 'function') return 'a function';
  if (typeof value !== 'object' || value === null) return quote(String(value));
  const kind = Object.prototype.toString.call(value).slice('[object '.length, -1);
  return `${/^[AEIO]/.test(kind) ? 'an' : 'a'} ${kind}`;
}

interface Wrong {
  readonly key: string;
  readonly value: unknown;
  /** What follows `must be`. */
  readonly expected: string;
  readonly example?: unknown;
  /** The right value that is nearest to the wrong one. */
  readonly meant?: unknown;
  /** In place of the example. */
  readonly hint?: string | undefined;
}

/** The error for a wrong or missing value: `nice must be a whole number from 0 to 19, not 20`. */
export function wrong({ key, value, expected, example, meant, hint }: Wrong): UsageError {
  return usageError(
    ({ name, assign }) => ({
      message:
        value === undefined
          ? `${name(key)} is missing: it must be ${expected}`
          : `${name(key)} must be ${expected}, not ${shown(value)}`,
      hint:
        meant !== undefined
          ? `did you mean ${assign(key, meant)}?`
          : (hint ?? (example === undefined ? undefined : `for example ${assign(key, example)}`)),
    }),
    { key, value, expected },
  );
}

/** An error whose words name keys. @param fields the key that is wrong */
export function usageError(
  inWords: NonNullable<UsageError['inWords']>,
  fields: Partial<Pick<Wrong, 'key' | 'value' | 'expected'>> = {},
): UsageError {
  const { message, hint } = inWords(inLibrary);
  return new UsageError(message, { hint, inWords, ...fields });
}

const because = (reason: string | undefined): string => (reason === undefined ? '' : `: ${reason}`);

/** The error for two keys that exclude each other. */
export function atOnce(key: string, other: string, reason = 'choose one'): UsageError {
  return usageError(
    ({ name }) => ({
      message: `${name(key)} and ${name(other)} are given at once${because(reason)}`,
      hint: `leave ${name(key)} or ${name(other)} out`,
    }),
    { key },
  );
}

/** The error for a key that is of no use without another one. @param value of the other key, as an example */
export function needs(key: string, other: string, value: unknown, reason?: string): UsageError {
  return usageError(
    ({ name, assign }) => ({
      message: `${name(key)} needs ${name(other)}${because(reason)}`,
      hint: `give ${assign(other, value)} too`,
    }),
    { key },
  );
}

/** A hint of the library without its keys in brackets: `--allow-root (allowRoot)`. A file may have such a name: `/srv/x--old (copy)`. */
export const withoutKeys = (hint: string | undefined): string | undefined =>
  hint?.replaceAll(/(?<!\S)--([a-z-]+) \((\w+)(?:: true)?\)/g, (words, option: string, key: string) =>
    key.toLowerCase().startsWith(option.replaceAll('-', '')) || key === 'readOnly' ? `--${option}` : words,
  );

/** The same error in the words of an interface. */
export function inWords(error: UsageError, naming: Naming): UsageError {
  if (error.inWords === undefined) return error;
  const { message, hint } = error.inWords(naming);
  return new UsageError(message, { hint, cause: error });
}
