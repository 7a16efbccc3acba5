import * as fc from 'fast-check';
import t from 'tap';

import { copyBytes, quote, toBuffer } from '../../lib/words/quote.ts';

t.test('ordinary text stays as it is', async (t) => {
  for (const text of ['/srv/jail', 'sam', "it's", 'größe', '日本', '🙂']) t.equal(quote(text), text);
});

t.test('an empty value is seen', async (t) => {
  t.equal(quote(''), "''");
  t.equal(quote(Buffer.alloc(0)), "''");
});

t.test('what a terminal would obey is escaped', async (t) => {
  t.equal(quote('a\nb\tc\r'), String.raw`a\nb\tc\x0d`);
  t.equal(quote('\x1b[2J\x07\x7f\0'), String.raw`\x1b[2J\x07\x7f\x00`);
  t.equal(quote('\u0085\u009b'), String.raw`\x85\x9b`);
  t.equal(quote('a\x7f'), String.raw`a\x7f`);
});

t.test('marks that reorder or hide text are escaped', async (t) => {
  t.equal(quote('a\u202eb\u200b\u2066\u2028\ufeff'), String.raw`a\u202eb\u200b\u2066\u2028\ufeff`);
});

t.test('a backslash is doubled, so that nothing looks like an escape', async (t) => {
  t.equal(quote(String.raw`a\nb`), String.raw`a\\nb`);
  t.equal(quote('\\'), '\\\\');
});

t.test('bytes that are no UTF-8 are shown one by one', async (t) => {
  t.equal(quote(Buffer.from([0x2f, 0xff, 0x0a])), String.raw`/\xff\n`);
  t.equal(quote(Buffer.from([0xc3])), String.raw`\xc3`);
});

t.test('any bytes become one printable line of bounded length', async (t) => {
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        const shown = quote(bytes);
        // oxlint-disable-next-line no-control-regex
        return !/[\u0000-\u001f\u007f-\u009f]/.test(shown) && shown.length <= 201 && shown !== '';
      }),
    ),
  );
});

t.test('a long value is cut, and that is seen', async (t) => {
  t.equal(quote('x'.repeat(201)), `${'x'.repeat(200)}…`);
  t.equal(quote('x'.repeat(200)), 'x'.repeat(200));
  t.equal(quote('é'.repeat(200)), 'é'.repeat(200));
});

t.test('a part of a larger buffer is taken, not the buffer', async (t) => {
  t.same(toBuffer(new Uint8Array([1, 2, 3]).subarray(1, 2)), Buffer.from([2]));
  t.same(toBuffer('é'), Buffer.from([0xc3, 0xa9]));
  t.same(toBuffer('\u0080'), Buffer.from([0xc2, 0x80]));
});

t.test('a copy does not change with the original', async (t) => {
  const bytes = Buffer.from('abc');
  const copy = copyBytes(bytes);
  bytes.fill('x');
  t.same(copy, Buffer.from('abc'));
  t.same(copyBytes('é'), Buffer.from([0xc3, 0xa9]));
});
