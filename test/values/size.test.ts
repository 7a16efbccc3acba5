import * as fc from 'fast-check';
import t from 'tap';

import { parseNumber, showSize, toBytes } from '../../lib/values/size.ts';

t.test('bytes are shown with the largest suffix that fits, and read back', async (t) => {
  for (const [bytes, text] of [
    [0, '0'],
    [1023, '1023'],
    [1024, '1K'],
    [2 ** 26, '64M'],
    [2 ** 40, '1T'],
    [2 ** 50, '1024T'],
  ] as const) {
    t.equal(showSize(bytes), text);
    t.equal(toBytes(text), bytes);
  }
  t.doesNotThrow(() =>
    fc.assert(fc.property(fc.nat({ max: 2 ** 53 - 1 }), (bytes) => toBytes(showSize(bytes)) === bytes)),
  );
});

t.test('anything else is no size', async (t) => {
  for (const wrong of [
    '',
    '64MB',
    '1.5G',
    '-1',
    ' 5',
    '5 M',
    'M',
    '0x10',
    1.5,
    -1,
    NaN,
    2 ** 53,
    null,
    [5],
    {},
  ])
    t.equal(toBytes(wrong), undefined);
});

t.test('a number of an option is plain decimal, and anything else stays a text', async (t) => {
  for (const [text, number] of [
    ['0', 0],
    ['1.5', 1.5],
    ['0.000001', 0.000001],
    ['9999999999', 9_999_999_999],
  ] as const)
    t.equal(parseNumber(text), number);
  for (const text of [
    '',
    '-1',
    '+1',
    '01',
    '1.',
    '.5',
    '1e3',
    '0x1',
    '5s',
    '1.0000001',
    '99999999999',
    'NaN',
  ])
    t.equal(parseNumber(text), text);
});
