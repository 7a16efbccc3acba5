// JSON values of a file from elsewhere, each with its place in the file for messages. Pure.
import { UsageError } from '../../errors.ts';
import { didYouMean } from '../../words/nearest.ts';
import { quote } from '../../words/quote.ts';

/** A value and its place, such as `syscalls[3].args[0].op`; the place of the whole file is its name. */
export class JsonValue {
  readonly #file: string;
  readonly #place: string;
  readonly value: unknown;

  private constructor(file: string, place: string, value: unknown) {
    this.#file = file;
    this.#place = place;
    this.value = value;
  }

  /** Parses a file. @throws UsageError with line and column */
  static parse(file: string, text: string): JsonValue {
    const exact = exactNumbers(text);
    try {
      return new JsonValue(file, '', JSON.parse(exact));
    } catch (error) {
      const words = (error as Error).message.replace(/( in JSON)? at position .*|, (\.\.\.)?".*/s, '');
      throw new UsageError(`${file}: ${positionOf(exact)}: no JSON: ${quote(words)}`, {
        hint: 'a profile is JSON as docker has it: leave the file out, or name default for the one of uchroot',
        cause: error,
      });
    }
  }

  /** null counts as missing: Go writes it for an empty list. */
  get isMissing(): boolean {
    return this.value === undefined || this.value === null;
  }

  /** The error of this value. */
  error(message: string, hint?: string): UsageError {
    return new UsageError(`${this.#file}: ${this.#place === '' ? '' : `${this.#place}: `}${message}`, {
      hint,
    });
  }

  /** The fields of an object. @throws UsageError if it has others than these */
  fields<Name extends string>(...names: readonly Name[]): Readonly<Record<Name, JsonValue>> {
    const { value } = this;
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw this.error(`must be an object, not ${shown(value)}`);
    const unknown = Object.keys(value).find((key) => !(names as readonly string[]).includes(key));
    if (unknown !== undefined)
      throw this.error(
        `unknown key '${quote(unknown)}'`,
        didYouMean(unknown, names) ?? `the keys are ${names.join(', ')}`,
      );
    const entries = names.map((name): [Name, JsonValue] => [name, this.#at(name, (value as Fields)[name])]);
    return Object.fromEntries(entries) as Record<Name, JsonValue>;
  }

  #at(name: string, value: unknown): JsonValue {
    const place = this.#place === '' ? name : `${this.#place}.${name}`;
    return new JsonValue(this.#file, place, value);
  }

  /** The elements of an array; of none if it is missing. */
  elements(): readonly JsonValue[] {
    if (this.isMissing) return [];
    if (!Array.isArray(this.value)) throw this.error(`must be an array, not ${shown(this.value)}`);
    return this.value.map((element, i) => new JsonValue(this.#file, `${this.#place}[${i}]`, element));
  }

  text(hint?: string): string {
    if (typeof this.value === 'string') return this.value;
    throw this.error(`must be a text, not ${shown(this.value)}`, hint);
  }

  /** The one of these words that the text is, or what stands for it. */
  oneOf<T>(words: Readonly<Record<string, T>>, what: string): T {
    const text = this.text(`one of ${Object.keys(words).join(', ')}`);
    if (Object.hasOwn(words, text)) return words[text] as T;
    const names = Object.keys(words);
    throw this.error(
      `'${quote(text)}' is no ${what}`,
      didYouMean(text, names) ?? `one of ${names.join(', ')}`,
    );
  }

  /** A whole number from 0 to `most`. */
  number(most: bigint): bigint {
    const { value } = this;
    const isWhole =
      Number.isSafeInteger(value) || (typeof value === 'string' && /^[0-9]{16,20}$/.test(value));
    const number = isWhole ? BigInt(value as number | string) : -1n;
    if (number >= 0n && number <= most) return number;
    throw this.error(`must be a whole number from 0 to ${most}, not ${shown(value)}`);
  }
}

type Fields = Readonly<Record<string, unknown>>;

// JSON.parse rounds numbers above 2^53. In a text the quotation mark after a key's name has a backslash before it.
function exactNumbers(text: string): string {
  return text.replace(/("value(?:Two)?"\s*:\s*)([1-9][0-9]{15,19})(?=[\s,}])/g, '$1"$2"');
}

// Whether only the end is missing. V8 then tells the end as the place, or none.
function isBeginning(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch (error) {
    const { message } = error as Error;
    const at = / at position ([0-9]+)/.exec(message)?.[1];
    return at === undefined ? message.includes('end of JSON') : Number(at) === text.length;
  }
}

// The place of the first mistake. V8 does not tell that of a wrong character.
function positionOf(text: string): string {
  let [good, bad] = [0, text.length + 1];
  while (bad - good > 1) {
    const half = (good + bad) >> 1;
    if (isBeginning(text.slice(0, half))) good = half;
    else bad = half;
  }
  const lines = text.slice(0, good).split('\n');
  return `line ${lines.length}, column ${(lines.at(-1) ?? '').length + 1}`;
}

function shown(value: unknown): string {
  if (value === undefined) return 'missing';
  // JSON.stringify overflows the stack for a deep value
  if (Array.isArray(value)) return value.length === 0 ? '[]' : '[...]';
  if (typeof value === 'object' && value !== null) return Object.keys(value).length === 0 ? '{}' : '{...}';
  const text = JSON.stringify(value);
  return quote(text.length > 40 ? `${text.slice(0, 37)}...` : text);
}
