// Ranges of numbers, compared with sets of numbers.
import * as fc from 'fast-check';
import t from 'tap';

import {
  network,
  networks,
  type Ranges,
  union,
  within,
  without,
} from '../../../lib/tcpwrappers/export/ranges.ts';

const bits = 5;
const numbers = Array.from({ length: 2 ** bits }, (_, number) => number);

/** The ranges of a set of numbers. */
function toRanges(set: ReadonlySet<number>): Ranges {
  const result: { first: bigint; last: bigint }[] = [];
  for (const number of numbers) {
    const before = result.at(-1);
    if (!set.has(number)) continue;
    if (before !== undefined && set.has(number - 1)) before.last = BigInt(number);
    else result.push({ first: BigInt(number), last: BigInt(number) });
  }
  return result;
}

const range = (first: number, last: number) => ({ first: BigInt(first), last: BigInt(last) });
const sets = fc.uniqueArray(fc.nat(2 ** bits - 1)).map((list) => new Set(list));

t.test('sets are joined, and taken from each other', async (t) => {
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(sets, sets, sets, (one, other, third) => {
        t.strictSame(
          union([one, other, third].map(toRanges)),
          toRanges(new Set([...one, ...other, ...third])),
        );
        const left = new Set([...one].filter((number) => !other.has(number)));
        t.strictSame(without(toRanges(one), toRanges(other)), toRanges(left));
      }),
      { numRuns: 300 },
    ),
  );
  t.strictSame(union([[range(0, 3)], [range(4, 5)]]), [range(0, 5)]);
  t.strictSame(union([[range(0, 9)], [range(1, 2)], [range(8, 8)]]), [range(0, 9)]);
  t.strictSame(without([range(0, 5), range(7, 9)], [range(4, 7)]), [range(0, 3), range(8, 9)]);
  t.strictSame(without([range(0, 5)], []), [range(0, 5)]);
});

t.test('a set is split into as few networks as possible', async (t) => {
  const split = (ranges: Ranges) =>
    [...networks(ranges, { begin: 0n, bits })].map(({ net, length }) => `${net}/${length}`);
  t.strictSame(split([range(0, 31)]), ['0/0']);
  t.strictSame(split([range(0, 30)]), ['0/1', '16/2', '24/3', '28/4', '30/5']);
  t.strictSame(split([range(1, 8)]), ['1/5', '2/4', '4/3', '8/5']);
  t.strictSame(split([range(5, 5), range(8, 11)]), ['5/5', '8/3']);
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(sets, (set) => {
        const found = [...networks(toRanges(set), { begin: 0n, bits })];
        const covered = found.map(({ net, length }) => network({ begin: 0n, bits }, net, length));
        t.strictSame(union(covered), toRanges(set));
      }),
      { numRuns: 50 },
    ),
  );
});

t.test('a band has its own numbers, and no range that leaves it', async (t) => {
  const band = { begin: 100n, bits: 4 };
  t.strictSame(network(band), [range(100, 115)]);
  t.strictSame(network(band, 8n, 2), [range(108, 111)]);
  t.strictSame(within([range(0, 5), range(99, 101), range(100, 103), range(105, 115)], band), [
    range(0, 3),
    range(5, 15),
  ]);
  t.strictSame(within([range(105, 116)], band), []);
});
