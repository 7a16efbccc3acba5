// The values of newSession and pty.
import t from 'tap';

import { normalize, type LaunchRequest } from '../../../lib/launch/request/request.ts';
import { keysOfWords } from '../../support/launch/command-words.ts';

const read = (pty: unknown) => normalize({ user: 'sam', jail: '/srv/jail', pty } as unknown as LaunchRequest);

t.test('a terminal has a size or takes the usual one, and its session is its own', async (t) => {
  t.match(read(true), { pty: {}, newSession: true });
  t.match(read({}), { pty: {}, newSession: true });
  t.strictSame(read({ cols: 100 }).pty, { cols: 100 });
  t.strictSame(read({ cols: 1, rows: 65535 }).pty, { cols: 1, rows: 65535 });
  for (const none of [undefined, false]) t.match(read(none), { pty: undefined, newSession: false });
});

t.test('the caller cannot change it later', async (t) => {
  const pty = { cols: 100, rows: 50 };
  const normal = read(pty);
  pty.cols = 1;
  t.strictSame(normal.pty, { cols: 100, rows: 50 });
});

t.test('anything else is an error that names the key', async (t) => {
  for (const wrong of ['80x24', 'no', null, { columns: 80 }])
    t.throws(() => read(wrong), {
      message: /^pty must be true, false, or an object with cols and rows/,
      hint: 'for example pty: {cols: 80, rows: 24}',
    });
  for (const cols of [0, -1, 1.5, 65536, '80', Number.NaN, null])
    t.throws(() => read({ cols }), { message: /^pty\.cols must be a whole number from 1 to 65535/ });
  t.throws(() => read({ rows: 0 }), { message: /^pty\.rows must be a whole number from 1 to 65535/ });
});

t.test('--pty asks for it', async (t) => {
  t.same(keysOfWords('--pty'), { pty: true });
});
