import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { connect, createServer, Socket, type AddressInfo } from 'node:net';
import { PassThrough, Readable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import { TLSSocket } from 'node:tls';

import t from 'tap';

import { UsageError } from '../../../lib/errors.ts';
import {
  handOn,
  ignored,
  isHandedOn,
  piped,
  ptyStdio,
  streamsOf,
  toStdio,
  type StdioEntry,
} from '../../../lib/launch/request/stdio.ts';

const pipes = ['pipe', 'pipe', 'pipe'] as const;

t.test('one word counts for all three, and what is left out has the default', async (t) => {
  t.strictSame(toStdio(undefined, pipes), [piped, piped, piped]);
  t.strictSame(toStdio('pipe', ['ignore', 'ignore', 'ignore']), [piped, piped, piped]);
  t.strictSame(toStdio('ignore', pipes), [ignored, ignored, ignored]);
  t.strictSame(toStdio('inherit', pipes), [0, 1, 2]);
  t.strictSame(toStdio([], ['ignore', 'pipe', 'inherit']), [ignored, piped, 2]);
  t.strictSame(toStdio(['ignore'], pipes), [ignored, piped, piped]);
  t.strictSame(toStdio([undefined, null, 'inherit'], pipes), [piped, piped, 2]);
});

t.test('descriptors stay as they are, in any order', async (t) => {
  t.strictSame(toStdio([2, 1, 0], pipes), [2, 1, 0]);
  t.strictSame(toStdio([7, 7, 0], pipes), [7, 7, 0]);
  t.strictSame(toStdio(5, pipes), [5, 5, 5]);
});

t.test('an open stream stands for its descriptor', async (t) => {
  const file = createReadStream('/dev/null');
  await once(file, 'open');
  t.strictSame(toStdio([file, process.stdout, { fd: 9 }], pipes), [
    (file as unknown as { fd: number }).fd,
    1,
    9,
  ]);
  file.destroy();
  const both = { fd: null, _handle: { fd: 8 } };
  t.strictSame(toStdio([{ fd: 0 }, { _handle: { fd: 7 } }, both], pipes), [0, 7, 8]);
});

t.test('what has no descriptor is told what to do instead', async (t) => {
  const file = createReadStream('/dev/null');
  for (const [entry, fd, hint] of [
    [file, 0, "write first: await once(STREAM, 'open')"],
    ...[
      new PassThrough(),
      ['pipe'],
      new URL('file:///tmp/log'),
      Promise.resolve(),
      false,
      () => 5,
      'pipes',
      '/a',
    ].map((entry, i) => [entry, i % 3, "for example stdio: ['pipe']"] as const),
  ] as const) {
    const stdio = [undefined, undefined, undefined].with(fd, entry as never);
    t.throws(() => toStdio(stdio, pipes), {
      message: new RegExp(`^stdio\\[${fd}\\] must be 'pipe', `),
      hint,
    });
  }
  await once(file, 'open');
  t.ok((toStdio([file], pipes)[0] ?? -1) > 2, 'the first hint helps');
  file.destroy();
});

t.test('a TLS socket has no descriptor: a program would write plain text below TLS', async (t) => {
  const server = createServer().listen(0, '127.0.0.1');
  t.teardown(() => server.close());
  await once(server, 'listening');
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const [accepted] = (await once(server, 'connection')) as [Socket];
  const fds = toStdio([accepted, accepted], pipes);
  t.ok(fds[0] > 2, 'the TCP socket has one');
  const socket = new TLSSocket(accepted, { isServer: true });
  t.teardown(() => [client, accepted, socket].forEach((one) => one.destroy()));
  for (const fd of [0, 1])
    t.throws(() => toStdio([undefined, undefined].with(fd, socket as never), pipes), {
      name: 'UsageError',
      message: /an open stream with one, not /,
    });
});

t.test('the addon has numbers for what is no descriptor', async (t) => {
  // kPipe, kPty and their like of native/start/launch.h
  t.strictSame([ignored, piped, ptyStdio], [-1, -2, [-3, -1, -1]]);
});

t.test('of what this process has read, the program would miss a part', async (t) => {
  const read = { fd: 5, readableLength: 3 };
  t.throws(() => toStdio([read], pipes), { message: /^stdio\[0\]: this process has read 3 bytes/ });
  t.strictSame(toStdio(['pipe', read, read], pipes), [piped, 5, 5]);
  t.strictSame(toStdio({ fd: 5, readableLength: 0 }, pipes), [5, 5, 5]);
});

t.test('streams are told from other entries', async (t) => {
  const stream = new PassThrough();
  for (const none of [undefined, null, 'pipe', 5, [], ['pipe', 5, null]]) t.strictSame(streamsOf(none), []);
  t.strictSame(streamsOf(stream), [stream, stream, stream]);
  t.strictSame(streamsOf(['pipe', stream, null]), [undefined, stream, undefined]);
});

t.test('this process stops reading the stream that becomes standard input, and no other', async (t) => {
  const open = (isReading: boolean) => {
    const handle = { reading: isReading, stops: 0, readStop: () => ++handle.stops };
    return { handle, stream: Object.assign(new Readable({ read: () => {} }), { _handle: handle }) };
  };
  const [input, quiet, output] = [open(true), open(false), open(true)];
  const file = new Readable({ read: () => {} }).resume();
  input.stream.resume();
  output.stream.resume();
  handOn([input.stream, output.stream]);
  const closed = Object.assign(new Readable({ read: () => {} }), { _handle: null });
  for (const stream of [quiet.stream, file, closed, { _handle: {} }]) handOn([stream, undefined]);
  const streams = [input, quiet, output].map(({ stream }) => stream);
  t.ok([...streams, file].every(isHandedOn));
  t.notOk(isHandedOn(new PassThrough()));
  t.match(
    [input, quiet, output].map(({ handle }) => handle),
    [
      { reading: false, stops: 1 },
      { reading: false, stops: 0 },
      { reading: true, stops: 0 },
    ],
  );
  t.same(
    [...streams, file].map(({ readableFlowing }) => readableFlowing),
    [false, null, true, true],
  );
  // a reader that comes in this turn of the loop does not read either
  const { _readableState: state } = input.stream as unknown as { readonly _readableState: object };
  t.match(state, { reading: true });
  await setImmediate();
  t.match(state, { reading: false });
});

t.test('a stream without a descriptor is refused, as is anything else', async (t) => {
  const closed = createReadStream('/dev/null');
  for (const entry of [
    closed,
    new PassThrough(),
    new Socket(),
    {},
    true,
    'pipes',
    '1',
    -1,
    1.5,
    Number.NaN,
    2 ** 31,
    { fd: -1 },
  ]) {
    t.throws(() => toStdio([entry as StdioEntry], pipes), UsageError);
  }
  closed.destroy();
});

t.test('more than three entries are refused, with a hint at preserveFds', async (t) => {
  t.throws(() => toStdio(['pipe', 'pipe', 'pipe', 'pipe'], pipes), {
    name: 'UsageError',
    hint: /preserveFds/,
  });
});
