import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { Socket } from 'node:net';
import { PassThrough } from 'node:stream';

import t from 'tap';

import { UsageError } from '../../../lib/errors.ts';
import { ignored, piped, toStdio, type StdioEntry } from '../../../lib/launch/request/stdio.ts';

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
