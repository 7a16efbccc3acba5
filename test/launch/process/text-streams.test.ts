import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { Duplex, PassThrough, Readable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';

import t from 'tap';

import { discard, feed, Gathered, linesOf, toLines } from '../../../lib/launch/process/text-streams.ts';
import type { Input } from '../../../lib/launch/request/run-rows.ts';

async function fed(input: Input): Promise<string> {
  const stdin = new PassThrough();
  feed(stdin, input, (error) => t.fail(String(error)));
  return Buffer.concat(await stdin.toArray()).toString();
}

t.test('all of an input is written, and standard input ends', async (t) => {
  for (const input of ['abc', Buffer.from('abc'), ['a', Buffer.from('bc')], Readable.from(['a', 'bc'])])
    t.equal(await fed(input), 'abc');
});

t.test('an input that fails is told of, now or later', async (t) => {
  const wrong = new Error('wrong');
  const errors: unknown[] = [];
  const failed = new PassThrough();
  failed.on('error', () => {});
  failed.destroy(wrong);
  await setImmediate();
  feed(new PassThrough(), failed, (error) => errors.push(error));
  await setImmediate();
  t.same(errors, [wrong]);
  const later = new PassThrough();
  feed(new PassThrough(), later, (error) => errors.push(error));
  later.destroy(wrong);
  await setImmediate();
  t.same(errors, [wrong, wrong]);
});

/** The error with which an input fails. */
const failureOf = (input: unknown): Promise<unknown> =>
  new Promise((resolve) => feed(new PassThrough(), input as Input, resolve));

t.test('an input that is closed before its end fails', async (t) => {
  const premature = { code: 'ERR_STREAM_PREMATURE_CLOSE' };
  for (const isLater of [false, true])
    for (const readableObjectMode of [false, true]) {
      const input = new PassThrough({ readableObjectMode });
      input.write('a');
      if (!isLater) input.destroy();
      const failure = failureOf(input);
      await setImmediate();
      input.destroy();
      t.match(await failure, premature);
    }
});

t.test('an input that yields no bytes, or cannot be begun, fails', async (t) => {
  t.match(await failureOf(Readable.from([{ a: 1 }])), { code: 'ERR_INVALID_ARG_TYPE' });
  t.match(await failureOf([5]), { code: 'ERR_INVALID_ARG_TYPE' });
  const { body } = new Response('x');
  body?.getReader();
  t.match(await failureOf(body), { code: 'ERR_INVALID_STATE' }, 'somebody else reads it');
});

t.test('an input that the program does not read to its end is destroyed, which is no failure', async (t) => {
  for (const readableObjectMode of [false, true]) {
    const stdin = new PassThrough();
    const input = new PassThrough({ readableObjectMode });
    feed(stdin, input, (error) => t.fail(String(error)));
    input.write('a');
    await setImmediate();
    stdin.destroy();
    await setImmediate();
    t.ok(input.destroyed);
    await setImmediate();
  }
  let isOver = false;
  const stdin = new PassThrough();
  const endless = (function* () {
    try {
      for (;;) yield 'a';
    } finally {
      isOver = true;
    }
  })();
  feed(stdin, endless, (error) => t.fail(String(error)));
  await setImmediate();
  stdin.destroy();
  await setImmediate();
  t.ok(isOver, 'a generator too');
});

t.test('a socket that is closed after the end of the input is no failure', async (t) => {
  const socket = new Duplex({ read: () => socket.push(null), write: () => {} });
  feed(new PassThrough(), socket, (error) => t.fail(String(error)));
  await once(socket, 'end');
  socket.destroy();
  await once(socket, 'close');
  await setImmediate();
  t.notOk(socket.writableFinished);
});

// As Node makes them: a request and a socket that a server got, and those that it did not.
const unread = (more: object): Readable => Object.assign(new Readable({ read: () => {} }), more);
const ofClients = () => [unread({ method: 'POST' }), unread({ server: {} })];
const ofOthers = () => [unread({ method: null }), unread({ server: null }), unread({}), new PassThrough()];

t.test(
  'a client who waits for an answer keeps the connection, and the rest of his input is dropped',
  async (t) => {
    for (const input of ofClients()) {
      discard(input);
      t.notOk(input.destroyed);
      const stdin = new PassThrough();
      feed(stdin, input, (error) => t.fail(String(error)));
      stdin.destroy();
      await setImmediate();
      t.notOk(input.destroyed);
      t.ok(input.readableFlowing);
      input.destroy();
      await setImmediate();
    }
  },
);

t.test('a socket of a client is one that a server has accepted', async (t) => {
  const server = createServer().listen(0, '127.0.0.1');
  t.teardown(() => server.close());
  await once(server, 'listening');
  const own = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const [accepted] = (await once(server, 'connection')) as [Socket];
  t.teardown(() => [own, accepted].map((socket) => socket.destroy()));
  for (const socket of [own, accepted]) discard(socket);
  t.same([own.destroyed, accepted.destroyed], [true, false]);
});

t.test('another stream that no program reads is destroyed', async (t) => {
  for (const input of ofOthers()) {
    discard(input);
    t.ok(input.destroyed);
  }
  for (const input of ['a', ['a']]) t.doesNotThrow(() => discard(input));
});

t.test('output is gathered up to its limit, and the excess is told once it comes', async (t) => {
  const gathered = new Gathered();
  const [out, err] = [new PassThrough(), new PassThrough()];
  let excesses = 0;
  const outBytes = gathered.from(out, 5, () => excesses++);
  const errBytes = gathered.from(err, 5, () => excesses++);
  const noBytes = gathered.from(null, 5, () => excesses++);
  for (const [stream, text] of [
    [out, 'ab'],
    [err, '12'],
    [out, 'cde'],
  ] as const) {
    stream.write(text);
    await setImmediate();
  }
  t.equal(excesses, 0);
  t.same([outBytes(), errBytes(), noBytes(), gathered.all].map(String), ['abcde', '12', '', 'ab12cde']);
  err.write('3456');
  await setImmediate();
  t.equal(excesses, 1);
  t.same(String(errBytes()), '12345');
});

const linesIn = (chunks: readonly Buffer[]): Promise<readonly string[]> =>
  Readable.from(linesOf(Readable.from(chunks), async () => new Error('too long'))).toArray();

t.test('lines end with \\n or \\r\\n, and the last need not end', async (t) => {
  const texts: readonly (readonly [text: string, lines: readonly string[]])[] = [
    ['', []],
    ['\n', ['']],
    ['a\r\nb\n', ['a', 'b']],
    ['a\rb\n\nc', ['a\rb', '', 'c']],
  ];
  for (const [text, lines] of texts) {
    t.same(toLines(text), lines);
    t.same(await linesIn([Buffer.from(text)]), lines);
    const bytes = [...Buffer.from(text)].map((byte) => Buffer.from([byte]));
    t.same(await linesIn(bytes), lines, 'a byte at a time');
  }
  const [first, second] = [Buffer.from('\u00e4').subarray(0, 1), Buffer.from('\u00e4').subarray(1)];
  t.same(await linesIn([first, second]), ['\u00e4']);
  t.same(await linesIn([first]), ['\ufffd']);
});

t.test('a line of more than 16 MiB ends with an error', async (t) => {
  const most = Buffer.alloc(2 ** 24, 'x');
  const more = Buffer.from('y');
  const newline = Buffer.from('\n');
  t.same(
    (await linesIn([most, newline, most])).map((line) => line.length),
    [2 ** 24, 2 ** 24],
  );
  await t.rejects(linesIn([most, more, newline]), { message: 'too long' });
  await t.rejects(linesIn([newline, Buffer.concat([newline, more]), most]), { message: 'too long' });
});
