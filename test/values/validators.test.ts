// What validators take, and the errors that they derive.
import t from 'tap';

import { UsageError } from '../../lib/errors.ts';
import * as is from '../../lib/values/validators.ts';

type Row = readonly [
  what: string,
  validator: is.Validator<never, unknown>,
  right: readonly (readonly [given: unknown, normal: unknown])[],
  wrong: readonly unknown[],
  expected: string,
  hint: string,
];

const same = (...values: readonly unknown[]) => values.map((value) => [value, value] as const);

const rows: readonly Row[] = [
  [
    'whole',
    is.whole(3, 5),
    same(3, 5),
    [2, 6, 3.5, '3', NaN, null, true, [3]],
    'a whole number from 3 to 5',
    'for example key: 3',
  ],
  [
    'number',
    is.number(0.5, 8, 'seconds'),
    same(0.5, 8, 1.25),
    [0.4, 8.1, '1', NaN, null],
    'seconds from 0.5 to 8',
    'for example key: 1',
  ],
  [
    'size',
    is.size(4096),
    [
      [4096, 4096],
      ['64M', 2 ** 26],
      ['4k', 4096],
      ['4096', 4096],
    ],
    [4095, '64MB', '', -1, 2 ** 53, '9007199254740992', null, ['64M'], '1.5G'],
    'a number of bytes from 4096 on, such as 64M',
    "for example key: '64M'",
  ],
  [
    'flag',
    is.flag,
    [...same(true, false), [undefined, false]],
    ['yes', 1, 0, null],
    'true or false',
    'for example key: false',
  ],
  [
    'oneOf',
    is.oneOf(['none', 'host'], { foreign: { bridge: 'host' }, example: 'host' }),
    same('none', 'host'),
    ['xyzzy', '', null, 5],
    'one of none, host',
    "for example key: 'host'",
  ],
  [
    'text',
    is.text(),
    same('', 'a b'),
    ['a\0', 5, null, Buffer.from('a')],
    'a string without a NUL byte',
    "for example key: 'TEXT'",
  ],
  [
    'bytes',
    is.bytes(),
    [
      ['a', Buffer.from('a')],
      [Uint8Array.of(0xff), Buffer.from([0xff])],
      ['', Buffer.alloc(0)],
    ],
    ['a\0', Uint8Array.of(0x61, 0), 5, null, {}, new URL('file:///')],
    'a string or a Uint8Array without a NUL byte',
    "for example key: 'TEXT'",
  ],
  [
    'path',
    is.path('/run/a'),
    [['a', Buffer.from('a')]],
    ['', 'a\0', 5],
    'a path',
    "for example key: '/run/a'",
  ],
  [
    'absolutePath',
    is.absolutePath('/srv'),
    [['/a', Buffer.from('/a')]],
    ['', 'a', './a', '~/a', '/\0'],
    'an absolute path',
    "for example key: '/srv'",
  ],
  [
    'list',
    is.list(is.whole(0, 9), [5]),
    same([], [1, 2]),
    [5, '5', null, new Set([5]), {}],
    'an array',
    'for example key: [5]',
  ],
];

for (const [what, validator, right, wrong, expected, hint] of rows)
  t.test(what, async (t) => {
    for (const [given, normal] of right) t.strictSame(validator(given as never, 'key'), normal);
    for (const value of wrong)
      t.throws(() => validator(value as never, 'key'), {
        name: 'UsageError',
        key: 'key',
        value,
        expected,
        hint,
      });
    t.throws(() => validator('\0' as never, 'key'), {
      message: new RegExp(`^key must be ${expected}, not '`),
    });
  });

t.test('what is optional may be left out, and has a default then', async (t) => {
  t.equal(is.optional(is.whole(0, 9))(undefined, 'key'), undefined);
  t.equal(is.optional(is.whole(0, 9), 5)(undefined, 'key'), 5);
  t.throws(() => is.optional(is.whole(0, 9), 5)(null as never, 'key'), UsageError);
  t.throws(() => is.whole(0, 9)(undefined as never, 'key'), {
    message: 'key is missing: it must be a whole number from 0 to 9',
  });
  t.equal(is.maybe(undefined, 'key'), undefined);
  t.equal(is.maybe(false, 'key'), false);
});

t.test('a word is met with the one that is near, or that has its meaning', async (t) => {
  const one = is.oneOf(['text', 'json'], { foreign: { yaml: 'json' } });
  for (const [given, meant] of [
    ['jsno', 'json'],
    ['yaml', 'json'],
  ] as const)
    t.throws(() => one(given as never, 'format'), {
      name: 'UsageError',
      hint: `did you mean format: '${meant}'?`,
    });
  for (const given of ['toString', '__proto__', 'constructor'])
    t.throws(() => one(given as never, 'format'), { name: 'UsageError', hint: "for example format: 'text'" });
});

t.test('an error of a list names its element, and holes are elements', async (t) => {
  const numbers = is.list(is.whole(0, 9), [5], { least: 1, most: 2 });
  t.throws(() => numbers([1, 'x' as never], 'cpus'), {
    message: "cpus[1] must be a whole number from 0 to 9, not 'x'",
    hint: 'for example cpus: [0]',
  });
  t.throws(() => numbers(Array<number>(1), 'cpus'), { message: /^cpus\[0\] is missing/ });
  t.throws(() => numbers([], 'cpus'), { message: /at least 1$/ });
  t.throws(() => is.list(is.whole(0, 9), [5], { most: 2 })([1, 2, 3], 'cpus'), { message: /at most 2$/ });
});

t.test('bytes are a copy', async (t) => {
  const given = Buffer.from('abc');
  const copy = is.bytes()(given, 'key');
  given.fill('x');
  t.equal(String(copy), 'abc');
});
