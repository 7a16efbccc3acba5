import t from 'tap';

import { xxh64 } from '../../../lib/launch/compile/xxh64.ts';

const hash = (text: string, seed = 0n): string => xxh64(Buffer.from(text), seed).toString(16);

// The results of xxHash 0.8.3.
t.test('hashes of short, odd and long texts are those of xxHash', async (t) => {
  t.equal(hash(''), 'ef46db3751d8e999');
  t.equal(hash('abc'), '44bc2cf5ad770999');
  t.equal(hash('Nobody inspects the spammish repetition'), 'fbcea83c8a378bf1');
});
