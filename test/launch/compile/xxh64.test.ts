import t from 'tap';

import { xxh64 } from '../../../lib/launch/compile/xxh64.ts';

const hash = (text: string, seed = 0n): string => xxh64(Buffer.from(text), seed).toString(16);

// The results of xxHash 0.8.3.
t.test('hashes of short, odd and long texts are those of xxHash', async (t) => {
  t.equal(hash(''), 'ef46db3751d8e999');
  t.equal(hash('abc'), '44bc2cf5ad770999');
  const text = 'Nobody inspects the spammish repetition'.repeat(2);
  for (const [length, plain, seeded] of [
    [4, '265faa35d7afec64', 'fee466bd7ee85952'],
    [8, '93fc083b5a3f012c', '32a0fec8e355aae2'],
    [32, '96f5bfcbfe7f0d1a', 'abd548914f3c928'],
    [39, 'fbcea83c8a378bf1', undefined],
    [40, 'd9138fd97a74b6d8', '8787d571fcfda99e'],
    [64, 'c3391970d5fcc409', '39742c7cbfb7130f'],
    [77, 'bb14c42fd294c306', '1a3aed0f90de54b1'],
  ] as const) {
    t.equal(hash(text.slice(0, length)), plain, `${length}`);
    if (seeded !== undefined) t.equal(hash(text.slice(0, length), 5n), seeded, `${length} with a seed`);
  }
});
