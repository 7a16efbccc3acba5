// Messages of D-Bus as bytes (D-Bus Specification, "Type System" and "Message Protocol"). Pure.

import { memoize } from '../../values/remember.ts';

// The codes of types, by the alignment of their values in bytes.
const alignments: Readonly<Record<string, number>> = Object.fromEntries(
  Object.entries({ 1: 'ygv', 2: 'nq', 4: 'biuhsoa', 8: 'xtd({' }).flatMap(([bytes, codes]) =>
    [...codes].map((code) => [code, Number(bytes)]),
  ),
);
const alignmentOf = (type: string): number => alignments[type[0] ?? ''] ?? 1;

// The next place that is a multiple of so many bytes.
const aligned = (at: number, bytes: number): number => Math.ceil(at / bytes) * bytes;

// Where the type that begins at `at` ends. @throws Error
function endOfType(signature: string, at: number): number {
  const code = signature[at] ?? '';
  if (!(code in alignments)) throw new Error(`${signature} is no signature of D-Bus`);
  if (code === 'a') return endOfType(signature, at + 1);
  if (code !== '(' && code !== '{') return at + 1;
  let end = at + 1;
  while (signature[end] !== ')' && signature[end] !== '}') end = endOfType(signature, end);
  return end + 1;
}

const typesOf = memoize((signature: string): readonly string[] => {
  const types: string[] = [];
  for (let at = 0; at < signature.length; at += types.at(-1)?.length ?? 1)
    types.push(signature.slice(at, endOfType(signature, at)));
  return types;
});

const inner = (type: string): readonly string[] => typesOf(type.slice(1, -1));

const number = (value: number): readonly number[] => [0, 8, 16, 24].map((bits) => (value >>> bits) & 255);

/** The bytes of values, the lowest byte of a number first. It writes numbers of 32 bits, as a request has them. */
export function marshal(signature: string, values: readonly unknown[]): Buffer {
  const bytes: number[] = [];
  const align = (type: string): void => {
    while (bytes.length % alignmentOf(type) !== 0) bytes.push(0);
  };
  const put = (type: string, value: unknown): void => {
    align(type);
    switch (type[0] ?? '') {
      case 'y':
        return void bytes.push(Number(value));
      case 'u':
        return void bytes.push(...number(Number(value)));
      case 'v':
        return putVariant(value as readonly [string, unknown]);
      case '(':
      case '{':
        return putAll(inner(type), value as readonly unknown[]);
      case 'a': {
        const at = bytes.push(0, 0, 0, 0);
        align(type.slice(1));
        const start = bytes.length;
        for (const one of value as readonly unknown[]) put(type.slice(1), one);
        return void bytes.splice(at - 4, 4, ...number(bytes.length - start));
      }
      default: {
        const text = Buffer.from(String(value));
        return void bytes.push(...(type === 'g' ? [text.length] : number(text.length)), ...text, 0);
      }
    }
  };
  const putVariant = ([own, one]: readonly [string, unknown]): void => {
    put('g', own);
    put(own, one);
  };
  const putAll = (types: readonly string[], all: readonly unknown[]): void =>
    types.forEach((type, index) => put(type, all[index]));
  putAll(typesOf(signature), values);
  return Buffer.from(bytes);
}

/**
 * The values of bytes. Dictionaries become objects, and variants their values. A number of 64 bits becomes the nearest that JavaScript has.
 * @throws Error for bytes of another form
 */
export function unmarshal(signature: string, bytes: Uint8Array, isLittle: boolean): readonly unknown[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  // @returns where the skipped bytes begin
  const skip = (size: number): number => (at += size) - size;
  // a zero byte follows a text
  const text = (length: number): string => {
    const start = skip(length + 1);
    return Buffer.from(bytes.subarray(start, start + length)).toString();
  };
  const take = (type: string): unknown => {
    at = aligned(at, alignmentOf(type));
    switch (type[0] ?? '') {
      case 'y':
        return view.getUint8(skip(1));
      case 'n':
        return view.getInt16(skip(2), isLittle);
      case 'q':
        return view.getUint16(skip(2), isLittle);
      case 'i':
        return view.getInt32(skip(4), isLittle);
      case 'u':
      case 'h':
        return view.getUint32(skip(4), isLittle);
      case 'b':
        return view.getUint32(skip(4), isLittle) !== 0;
      case 'x':
        return Number(view.getBigInt64(skip(8), isLittle));
      case 't':
        return Number(view.getBigUint64(skip(8), isLittle));
      case 'd':
        return view.getFloat64(skip(8), isLittle);
      case 'g':
        return text(view.getUint8(skip(1)));
      case 'v':
        return take(String(take('g')));
      case 'a':
        return array(type.slice(1));
      case '(':
      case '{':
        return inner(type).map(take);
      default:
        return text(view.getUint32(skip(4), isLittle));
    }
  };
  const array = (type: string): unknown => {
    const length = view.getUint32(skip(4), isLittle);
    at = aligned(at, alignmentOf(type));
    const end = at + length;
    const hasMore = (): boolean => at < end;
    const values: unknown[] = [];
    while (hasMore()) values.push(take(type));
    return type.startsWith('{') ? Object.fromEntries(values as [string, unknown][]) : values;
  };
  return typesOf(signature).map(take);
}

const header = 'yyyyuua(yv)';
const fixedBytes = 16;
// path, interface, member, name of the error, serial of the call that is answered, destination, sender, signature of the body
const fieldTypes = ['', 'o', 's', 's', 's', 'u', 's', 's', 'g'];

/** A message: type 1 is a call, 2 its answer, 3 its error, and 4 a signal. */
export interface Message {
  readonly type: number;
  readonly serial: number;
  /** By their codes: 1 path, 2 interface, 3 member, 4 name of the error, 5 serial of the call, 6 destination, 8 signature. */
  readonly fields: Readonly<Record<number, string | number>>;
  readonly body: readonly unknown[];
}

/** The bytes of a message. */
export function encodeMessage({ type, serial, fields, body }: Message): Buffer {
  const bytes = marshal(String(fields[8] ?? ''), body);
  const all = Object.entries(fields).map(([code, value]) => [code, [fieldTypes[Number(code)] ?? '', value]]);
  const head = marshal(header, [0x6c, type, 0, 1, bytes.length, serial, all]);
  return Buffer.concat([head, Buffer.alloc(aligned(head.length, 8) - head.length), bytes]);
}

/** The length of the message that begins with these bytes, as far as they tell it: at least that of its fixed part. @throws Error */
export function messageBytes(bytes: Buffer): number {
  if (bytes.length < fixedBytes) return fixedBytes;
  const [, , , , bodyBytes = 0, , fieldBytes = 0] = unmarshal('yyyyuuu', bytes, bytes[0] === 0x6c).map(
    Number,
  );
  return aligned(fixedBytes + fieldBytes, 8) + bodyBytes;
}

/** The first message of these bytes, and its length; undefined if it is not whole. Only an answer has its body. @throws Error for what is no message */
export function decodeMessage(
  bytes: Buffer,
): { readonly message: Message; readonly sizeBytes: number } | undefined {
  const sizeBytes = messageBytes(bytes);
  if (bytes.length < sizeBytes) return undefined;
  const isLittle = bytes[0] === 0x6c;
  const [, type, , , bodyBytes, serial, pairs] = unmarshal(header, bytes, isLittle);
  const start = sizeBytes - Number(bodyBytes);
  const fields = Object.fromEntries(pairs as readonly (readonly [number, unknown])[]) as Message['fields'];
  // anybody may send a signal to anybody, and its body can be large
  const isAnswer = type === 2 || type === 3;
  const body = isAnswer ? unmarshal(String(fields[8] ?? ''), bytes.subarray(start, sizeBytes), isLittle) : [];
  return { message: { type: Number(type), serial: Number(serial), fields, body }, sizeBytes };
}
