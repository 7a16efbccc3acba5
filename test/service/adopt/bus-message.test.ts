// Messages of D-Bus, and what becomes of their values.
import t from 'tap';

import {
  decodeMessage,
  encodeMessage,
  marshal,
  messageBytes,
  unmarshal,
} from '../../../lib/service/adopt/bus-message.ts';

t.test('values come back from their bytes, at their alignments', async (t) => {
  const rows: readonly (readonly [signature: string, values: readonly unknown[], read?: unknown])[] = [
    ['yus', [1, 2, 'ö']],
    ['a(sasas)', [[['/bin/a', ['a', 'b'], []]]]],
    ['yau', [7, []]],
    [
      'a{sv}',
      [
        [
          ['A', ['s', 'x']],
          ['B', ['as', []]],
        ],
      ],
      { A: 'x', B: [] },
    ],
    [
      'ya(yv)',
      [
        1,
        [
          [1, ['o', '/']],
          [2, ['u', 5]],
        ],
      ],
      [
        [1, '/'],
        [2, 5],
      ],
    ],
  ];
  for (const [signature, values, read = values.at(-1)] of rows)
    t.same(unmarshal(signature, marshal(signature, values), true).at(-1), read, signature);
});

t.test('numbers of each size and order are read', async (t) => {
  const rows: readonly (readonly [type: string, hex: string, isLittle: boolean, value: unknown])[] = [
    ['q', '0102', true, 0x201],
    ['q', '0102', false, 0x102],
    ['n', 'feff', true, -2],
    ['i', 'feffffff', true, -2],
    ['b', '01000000', true, true],
    ['x', 'feffffffffffffff', true, -2],
    ['t', 'ffffffffffffffff', true, 2 ** 64],
    ['d', '000000000000f03f', true, 1],
  ];
  for (const [type, hex, isLittle, value] of rows)
    t.same(unmarshal(type, Buffer.from(hex, 'hex'), isLittle), [value], type);
  t.throws(() => unmarshal('(s', Buffer.alloc(64), true), { message: '(s is no signature of D-Bus' });
});

t.test('a message is taken from the bytes once it is whole', async (t) => {
  const fields = { 1: '/org', 3: 'Get', 8: 'ss' };
  const bytes = encodeMessage({ type: 2, serial: 7, fields, body: ['a', 'b'] });
  for (let size = 0; size < bytes.length; size++) {
    const part = bytes.subarray(0, size);
    t.equal(decodeMessage(part), undefined);
    t.equal(messageBytes(part), size < 16 ? 16 : bytes.length, 'no part is looked at before it can be whole');
  }
  const whole = decodeMessage(Buffer.concat([bytes, bytes]));
  t.equal(whole?.sizeBytes, bytes.length);
  t.same(whole?.message, { type: 2, serial: 7, fields, body: ['a', 'b'] });
  const signal = encodeMessage({ type: 4, serial: 7, fields, body: ['a', 'b'] });
  t.same(decodeMessage(signal)?.message.body, [], 'anybody can send one, of any size');
});
