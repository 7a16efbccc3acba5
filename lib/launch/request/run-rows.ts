// Rows of the option table for a program that runs to its end: what it reads, and how its output is returned.
import { constants } from 'node:buffer';
import { Readable, Writable } from 'node:stream';

import { UsageError } from '../../errors.ts';
import { flag, maybe, number, oneOf, optional } from '../../values/validators.ts';
import { wrong } from '../../values/wrong.ts';
import { copyBytes, type Bytes } from '../../words/quote.ts';
import type { GivenOf, NormalOf, Rows, Values } from './option-row.ts';
import { normalizer, type NormalRequest } from './request.ts';
import {
  spawnOptionsOf,
  spawnRows,
  toDescriptors,
  type Descriptors,
  type SpawnOptions,
  type SpawnRequest,
} from './spawn-rows.ts';
import { piped, type Stdio } from './stdio.ts';

/** What a program can read: text, bytes, a stream such as a file's, or anything that yields text or bytes. */
export type Input = Bytes | Iterable<Bytes> | AsyncIterable<Bytes>;

// If the stream fails before it is read, the error is kept for its reader.
function isInput(value: unknown): boolean {
  if (typeof value === 'string' || value instanceof Uint8Array) return true;
  if (value instanceof Readable) value.on('error', () => {});
  if (typeof value !== 'object' || value === null) return false;
  return Symbol.asyncIterator in value || Symbol.iterator in value;
}

const copyPart = <T>(part: T): T | Buffer => (part instanceof Uint8Array ? copyBytes(part) : part);

function toInput(value: Input | undefined, key: string): Input | undefined {
  if (value === undefined) return undefined;
  if (!isInput(value))
    throw wrong({ key, value, expected: 'a string, a Uint8Array, a stream or an iterable', example: 'TEXT' });
  if (value instanceof Readable && (value.readableEnded || (value.destroyed && value.errored === null)))
    throw new UsageError('input is a stream that has been read to its end, or closed', {
      hint: 'give each program a stream of its own',
    });
  // both may change before they are written
  return Array.isArray(value) ? value.map(copyPart) : copyPart(value);
}

function toSink(value: Writable | undefined, key: string): Writable | undefined {
  if (value === undefined || (value instanceof Writable && value.writable)) return value;
  const example = 'response';
  throw wrong({ key, value, expected: 'a Writable that is open', example });
}

/** How output is returned: as text, or as bytes. */
export type Encoding = BufferEncoding | 'buffer';

/** The type of output with an encoding, and with or without `lines`. */
export type OutputOf<Coding extends Encoding, Lines extends boolean = false> = Lines extends true
  ? string[]
  : Coding extends 'buffer'
    ? Buffer
    : string;

const encodings = oneOf(
  ['utf8', 'buffer', 'latin1', 'ascii', 'base64', 'base64url', 'hex', 'ucs2', 'utf16le'],
  { foreign: { null: 'buffer' } },
);

function toEncoding(value: Encoding | undefined, key: string): Encoding {
  if (value === undefined) return 'utf8';
  // Node has more spellings, such as utf-8
  return Buffer.isEncoding(value) ? value : encodings(value, key);
}

const withoutLines = new Set(['buffer', 'base64', 'base64url', 'hex']);

/** Whether output in this encoding has lines. Digits and Buffers have none. */
export const hasLines = (encoding: Encoding): boolean => !withoutLines.has(encoding.toLowerCase());

function wantsLines(value: boolean | undefined, key: string, { encoding }: Values): boolean {
  const isWanted = flag(value, key);
  if (isWanted && typeof encoding === 'string' && !hasLines(encoding as Encoding))
    throw new UsageError(`lines are text, and encoding is '${encoding}': choose one`, {
      hint: "write encoding: 'utf8', or 'latin1' for one character a byte",
    });
  return isWanted;
}

/** Descriptors of a program whose output is collected. @throws UsageError */
export function toRunDescriptors(value: Stdio | undefined, _: string, { input, pty }: Values): Descriptors {
  if (pty !== undefined && pty !== false)
    throw new UsageError('pty is for spawnInJail, whose caller reads and types', {
      hint: 'runInJail collects stdout and stderr, which are one in a terminal',
    });
  const stdio = toDescriptors(value, [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe']);
  if (input !== undefined && stdio.triple[0] !== piped)
    throw new UsageError("input needs stdio[0] to be 'pipe'", { hint: 'leave stdio out' });
  return stdio;
}

export const runRows = {
  /** Written to the program's standard input, which then ends: text, bytes, or a stream or iterable of them. */
  input: { type: 'Bytes, stream, iterable of Bytes', default: 'none', normal: toInput },
  /** A stream that also gets stdout, as it comes. If it is slow, so is the program; its end is left to the caller. */
  stdoutTo: { type: 'Writable', default: 'none', normal: toSink },
  /** The same for stderr. */
  stderrTo: { type: 'Writable', default: 'none', normal: toSink },
  /** Limit for stdout, and for stderr: the program is stopped when it writes more. Default 16 MiB. */
  maxBufferBytes: {
    type: 'number',
    default: '16 MiB',
    normal: optional(number(0, Infinity, 'a number of bytes', 2 ** 20), 16 * 2 ** 20),
  },
  /** Encoding of stdout and stderr in the result; `buffer` for a Buffer. Default `utf8`. */
  encoding: { type: "BufferEncoding, `'buffer'`", default: "`'utf8'`", normal: toEncoding },
  /** Whether stdout and stderr are arrays of lines, without their ends `\n` and `\r\n`. Default false. */
  lines: { type: 'boolean', default: 'false', normal: wantsLines },
  /** Whether the last newline of stdout and of stderr is left out of the result. Default false. */
  stripFinalNewline: { type: 'boolean', default: 'false', normal: flag },
  /** Whether the result has `all`, stdout and stderr together. Default false. */
  all: { type: 'boolean', default: 'false', normal: flag },
  /** Whether any end but exit status 0 rejects. Default true. */
  reject: {
    type: 'boolean',
    default: 'true',
    normal: (value: boolean | undefined, key: string) => maybe(value, key) ?? true,
  },
} as const satisfies Rows;

type Table = typeof runRows;

/** A SpawnRequest for a program that runs to its end. Standard input is /dev/null by default. */
export interface RunRequest<
  Coding extends Encoding = 'utf8',
  Wanted extends Stdio = Stdio,
  Lines extends boolean = false,
>
  extends SpawnRequest<Wanted>, Partial<Omit<GivenOf<Table>, 'encoding' | 'lines'>> {
  /** Encoding of stdout and stderr in the result; `buffer` for a Buffer. Default `utf8`. */
  readonly encoding?: Coding | undefined;
  /** Whether stdout and stderr are arrays of lines, without their ends `\n` and `\r\n`. Default false. */
  readonly lines?: Lines | undefined;
}

/** A RunRequest with any encoding, with or without lines. */
export type AnyRunRequest = RunRequest<Encoding, Stdio, boolean>;

/** The normal form of what a RunRequest adds to a LaunchRequest. */
export interface RunOptions extends SpawnOptions, NormalOf<Table> {}

const table = {
  ...spawnRows,
  ...runRows,
  stdio: { ...spawnRows.stdio, from: ['pty', 'input'], normal: toRunDescriptors },
};

/** A function that checks RunRequests, and requests that have the keys of more rows. */
export function runNormalizer<More extends Rows>(
  more: More,
): (request: object) => readonly [NormalRequest, RunOptions, NormalOf<More>] {
  const normalizeAll = normalizer({ ...table, ...more });
  return (request) => {
    const answer: readonly [NormalRequest, unknown] = normalizeAll(request);
    const [normal, given] = answer as [NormalRequest, NormalOf<typeof table> & NormalOf<More>];
    return [normal, spawnOptionsOf(given, normal), given];
  };
}

/**
 * How many bytes of stdout, and of stderr, a result can have: `maxBufferBytes`, but no more than one string holds (some 512 MiB of
 * characters; node:buffer, MAX_STRING_LENGTH).
 */
export function mostOutputBytes({
  maxBufferBytes,
  encoding,
  all,
}: Pick<RunOptions, 'maxBufferBytes' | 'encoding' | 'all'>): number {
  if (encoding === 'buffer') return maxBufferBytes;
  const charactersOfByte = hasLines(encoding) ? 1 : 2;
  const most = Math.floor(constants.MAX_STRING_LENGTH / charactersOfByte / (all ? 2 : 1));
  return Math.min(maxBufferBytes, most);
}

/** The keys of a request that a spawn has too. */
export function withoutRunKeys<T extends object>(request: T): T {
  return Object.fromEntries(Object.entries(request).filter(([key]) => !Object.hasOwn(runRows, key))) as T;
}

/** Checks a RunRequest. @throws UsageError */
export const normalizeRun: (request: AnyRunRequest) => readonly [NormalRequest, RunOptions, unknown] =
  runNormalizer({});
