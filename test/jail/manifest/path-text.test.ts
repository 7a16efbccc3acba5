import * as fc from 'fast-check';
import t from 'tap';

import { type BytePath, bytePath } from '../../../lib/tree/path.ts';
import { fromText, toText } from '../../../lib/jail/manifest/path-text.ts';

const bytes = fc.uint8Array({ maxLength: 64 }).map(bytePath);
// bytes of which many are nearly UTF-8
const nearly = fc
  .array(
    fc.oneof(
      fc
        .constantFrom('é', '€', '😀', '\ufffd', '\ufeff', 'a', '/', '"', '\\')
        .map((text) => Buffer.from(text)),
      fc.uint8Array({ minLength: 1, maxLength: 2 }),
      // surrogates, what is too long, and what is cut off
      fc
        .constantFrom('eda080', 'edb080', 'c0af', 'f08f8080', 'f4908080', 'e282', 'f09f98')
        .map((hex) => Buffer.from(hex, 'hex')),
    ),
    { maxLength: 16 },
  )
  .map((parts) => bytePath(Buffer.concat(parts)));

t.test('no byte is lost on the way to text and back', async (t) => {
  const isKept = (path: BytePath) => fromText(toText(path)) === path;
  fc.assert(fc.property(fc.oneof(bytes, nearly), isKept), { numRuns: 2000 });
  t.ok(isKept(bytePath(Uint8Array.from({ length: 256 }, (_, byte) => byte))));
});

t.test('nor through JSON, in UTF-8', async (t) => {
  const isKept = (path: BytePath) => {
    const json = Buffer.from(JSON.stringify(toText(path)));
    return fromText(JSON.parse(json.toString()) as string) === path;
  };
  fc.assert(fc.property(fc.oneof(bytes, nearly), isKept), { numRuns: 2000 });
  t.pass();
});

t.test('UTF-8 reads as it is, and a byte that is none becomes a lone surrogate', async (t) => {
  t.equal(toText(bytePath('/srv/größe/😀')), '/srv/größe/😀');
  t.equal(toText(bytePath(Buffer.from([0x2f, 0xff, 0x61]))), '/\udcffa');
  t.equal(
    toText(bytePath(Buffer.concat([Buffer.from('/😀'), Buffer.of(0xff), Buffer.from('ö')]))),
    '/😀\udcffö',
  );
  t.equal(fromText('/\udcff'), '/\xff');
});
