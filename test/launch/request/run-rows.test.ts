// What a request says about a program that runs to its end.
import { constants } from 'node:buffer';
import { PassThrough, Readable } from 'node:stream';

import t from 'tap';

import { mostOutputBytes, normalizeRun } from '../../../lib/launch/request/run-rows.ts';
import { ignored, piped } from '../../../lib/launch/request/stdio.ts';

const read = (keys: Readonly<Record<string, unknown>>) =>
  normalizeRun({ user: 'sam', jail: '/srv/jail', ...keys })[1];

t.test('without keys of its own a program reads nothing, and 16 MiB of text are returned', async (t) => {
  const { requestedAt, ...options } = read({});
  t.type(requestedAt, 'number');
  t.strictSame(options, {
    stdio: [ignored, piped, piped],
    streams: [],
    listenFds: [],
    timeoutMs: undefined,
    signal: undefined,
    killSignal: 15,
    forceKillAfterMs: undefined,
    newGroup: true,
    leaveDescendants: false,
    onConnect: undefined,
    input: undefined,
    stdoutTo: undefined,
    stderrTo: undefined,
    maxBufferBytes: 16_777_216,
    encoding: 'utf8',
    lines: false,
    stripFinalNewline: false,
    all: false,
    reject: true,
  });
});

t.test('a program reads text, bytes, a stream, or what yields them', async (t) => {
  t.equal(read({ input: '' }).input, '');
  t.strictSame(read({ input: 'x' }).stdio, [piped, piped, piped]);
  const bytes = Buffer.from('abc');
  const parts = [bytes, 'd'];
  const [whole, copies] = [read({ input: bytes }).input, read({ input: parts }).input];
  bytes.fill('x');
  parts.pop();
  t.strictSame([whole, copies], [Buffer.from('abc'), [Buffer.from('abc'), 'd']], 'of bytes a copy');
  async function* later() {
    yield 'a';
  }
  for (const input of [Readable.from(['a']), new Set(['a']), later()])
    t.equal(read({ input }).input as unknown, input);
});

t.test('other input is an error', async (t) => {
  for (const input of [5, null, true, { a: 1 }, () => 'a'])
    t.throws(() => read({ input }), {
      message: /^input must be a string, a Uint8Array, a stream or an iterable, not /,
      hint: "for example input: 'TEXT'",
    });
});

t.test('a stream that has been read, or closed, is no input', async (t) => {
  const stream = Readable.from(['a']);
  await stream.toArray();
  for (const input of [stream, new PassThrough().destroy()])
    t.throws(() => read({ input }), {
      name: 'UsageError',
      message: 'input is a stream that has been read to its end, or closed',
      hint: 'give each program a stream of its own',
    });
  const failed = new PassThrough().destroy(new Error('wrong'));
  t.equal(read({ input: failed }).input as unknown, failed, 'its reader is told the error');
});

t.test('input needs a pipe', async (t) => {
  t.strictSame(read({ input: 'x', stdio: ['pipe', 'inherit', 'ignore'] }).stdio, [piped, 1, ignored]);
  t.strictSame(read({ stdio: ['ignore', 'pipe', 'pipe'] }).stdio, [ignored, piped, piped]);
  for (const stdio of ['ignore', ['inherit', 'pipe', 'pipe']])
    t.throws(() => read({ input: 'x', stdio }), {
      name: 'UsageError',
      message: "input needs stdio[0] to be 'pipe'",
      hint: 'leave stdio out',
    });
});

t.test('a terminal is not for a program whose output is collected', async (t) => {
  for (const pty of [true, {}, { cols: 80 }])
    t.throws(() => read({ pty }), { message: 'pty is for spawnInJail, whose caller reads and types' });
  t.strictSame(read({ pty: false }).stdio, [ignored, piped, piped]);
});

t.test('an encoding is one of Node, or buffer', async (t) => {
  for (const encoding of ['buffer', 'latin1', 'HEX']) t.equal(read({ encoding }).encoding, encoding);
  for (const [encoding, hint] of [
    ['utf-9', "did you mean encoding: 'utf8'?"],
    [null, "for example encoding: 'utf8'"],
    ['windows-1252', "for example encoding: 'utf8'"],
  ] as const)
    t.throws(() => read({ encoding }), { message: /^encoding must be one of utf8, buffer, /, hint });
});

t.test('only text has lines', async (t) => {
  for (const encoding of [undefined, 'utf8', 'latin1', 'utf16le'])
    t.equal(read({ lines: true, encoding }).lines, true);
  for (const encoding of ['buffer', 'BASE64', 'base64url', 'hex']) {
    t.throws(() => read({ lines: true, encoding }), {
      name: 'UsageError',
      message: `lines are text, and encoding is '${encoding}': choose one`,
    });
    t.equal(read({ lines: false, encoding }).lines, false);
  }
});

t.test('output has a limit in bytes, or none', async (t) => {
  for (const maxBufferBytes of [0, 1, Infinity])
    t.equal(read({ maxBufferBytes }).maxBufferBytes, maxBufferBytes);
  for (const value of [-1, '64M', NaN, '64', null])
    t.throws(() => read({ maxBufferBytes: value }), {
      message: /^maxBufferBytes must be a number of bytes from 0 to Infinity, not /,
      hint: 'for example maxBufferBytes: 1048576',
    });
});

t.test('a result has no more bytes than its strings can hold', async (t) => {
  const most = (asked: Readonly<Record<string, unknown>>) => mostOutputBytes(read(asked));
  t.equal(most({ maxBufferBytes: 1000 }), 1000);
  t.equal(most({ maxBufferBytes: Infinity, encoding: 'buffer' }), Infinity);
  for (const [encoding, all, limit] of [
    ['utf8', false, constants.MAX_STRING_LENGTH],
    ['latin1', true, constants.MAX_STRING_LENGTH / 2],
    ['hex', true, constants.MAX_STRING_LENGTH / 4],
    ['BASE64', false, constants.MAX_STRING_LENGTH / 2],
  ] as const)
    t.equal(most({ maxBufferBytes: Infinity, encoding, all }), Math.floor(limit), encoding);
});

t.test('a failure rejects unless the request says otherwise', async (t) => {
  t.equal(read({ reject: false }).reject, false);
  t.equal(read({ reject: true }).reject, true);
  t.throws(() => read({ reject: 1 }), { message: 'reject must be true or false' });
});
