// Which ids of the host a user may use, and what they are in a user namespace.
import * as fc from 'fast-check';
import t from 'tap';

import {
  isMapped,
  mapRanges,
  outsideOf,
  rangesOf,
  requireMapped,
  toIdMaps,
  type IdRange,
} from '../../../lib/launch/host/subordinate-ids.ts';

const sam = { name: 'sam', passwd: 'x', uid: 1000, gid: 1000, gecos: '', dir: '/', shell: '' };

t.test('a line counts by name or uid, and a line that is none of name:first:count for nobody', async (t) => {
  const text =
    'joe:1:5\nsam:100000:10\n1000:200000:5\n\nsam:x:5\nsam:3:0\nsam:4294967290:9\nsam:1:2:3\nsam:7:1';
  t.same(rangesOf(text, sam, 1000), [
    { first: 100_000, count: 10 },
    { first: 200_000, count: 5 },
    { first: 7, count: 1 },
  ]);
});

t.test(
  'an id counts once: a range that overlaps with an earlier one, or has the own id in it, is left out',
  async (t) => {
    const text = 'sam:990:20\nsam:100000:10\nsam:100009:10\nsam:100010:1';
    t.same(rangesOf(text, sam, 1000), [
      { first: 100_000, count: 10 },
      { first: 100_010, count: 1 },
    ]);
  },
);

t.test('ranges may touch each other and the own id, in any order, and end with the highest id', async (t) => {
  const text = 'sam:200010:5\nsam:200000:10\nsam:200015:5\nsam:4294967290:5\nsam:1001:2';
  t.same(rangesOf(text, sam, 1000), [
    { first: 200_010, count: 5 },
    { first: 200_000, count: 10 },
    { first: 200_015, count: 5 },
    { first: 4_294_967_290, count: 5 },
    { first: 1001, count: 2 },
  ]);
  t.same(rangesOf('sam:4294967290:6', sam, 1000), []);
});

t.test('a range with the root of the host in it is left out', async (t) => {
  t.same(rangesOf('sam:0:10\nsam:1:2', sam, 1000), [{ first: 1, count: 2 }]);
});

t.test('an id of the host is mapped from the first of a range to its last', async (t) => {
  const map = [
    { inside: 0, outside: 1000, count: 1 },
    { inside: 1, outside: 50, count: 5 },
  ];
  const mapped = [1000, 50, 54].map((id) => isMapped(map, id));
  t.same(mapped, [true, true, true]);
  t.same(
    [999, 1001, 49, 55, 0, 1].map((id) => isMapped(map, id)),
    [false, false, false, false, false, false],
  );
});

const ranges: fc.Arbitrary<readonly IdRange[]> = fc
  .array(fc.integer({ min: 1, max: 30 }), { maxLength: 5 })
  .map((counts) => counts.map((count, i) => ({ first: 1000 * (i + 1), count })));

t.test('the ids around the own one are those of the ranges, in their order, each once', async (t) => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 200 }), ranges, (inside, given) => {
      const map = mapRanges(inside, 7, given);
      const all = given.flatMap(({ first, count }) => Array.from({ length: count }, (_, i) => first + i));
      // the plain way: place after place, but for the own one
      const wanted = new Map([[inside, 7]]);
      let place = 0;
      for (const id of all) {
        if (place === inside) place++;
        wanted.set(place++, id);
      }
      const lines = map.reduce((sum, { count }) => sum + count, 0);
      return (
        lines === wanted.size &&
        map.every(({ count }) => count > 0) &&
        [...wanted].every(([id, outside]) => outsideOf(map, id) === outside)
      );
    }),
  );
  t.pass();
});

const facts = (uids: string, gids: string) => ({
  owner: sam,
  uids: Buffer.from(uids),
  gids: Buffer.from(gids),
});
const own = { uid: 1000, gid: 1000 };
const root = { uid: 0, gid: 0 };
const isRefused = { name: 'LaunchError', code: 'ERR_NO_SUBORDINATE_IDS', step: 'map_ids' };

t.test('a user without a range is told how to get one that is free', async (t) => {
  t.throws(() => toIdMaps(facts('joe:100000:65536', 'joe:200000:10'), own, root), {
    ...isRefused,
    message: 'map_ids: /etc/subuid gives no ids to sam',
    hint: 'sudo usermod --add-subuids 200010-265545 --add-subgids 200010-265545 sam',
  });
  t.throws(() => toIdMaps({ ...facts('', ''), uids: 2 }, own, root), {
    ...isRefused,
    hint: 'sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 sam',
  });
  t.throws(() => toIdMaps({ ...facts('', ''), uids: 13 }, own, root), {
    code: 'EACCES',
    path: '/etc/subuid',
  });
  t.throws(() => toIdMaps({ ...facts('', ''), owner: null }, own, root), {
    ...isRefused,
    message: 'map_ids: uid 1000 has no account on this host, to which subordinate ids could belong',
  });
  t.throws(() => toIdMaps({ ...facts('', ''), owner: 5 }, own, root), {
    ...isRefused,
    message: /uid 1000 has no account .*: \w+/,
  });
});

t.test('groups come in the order of their ids of the host, and none is without one', async (t) => {
  const maps = toIdMaps(facts('sam:100000:10', 'sam:50:5\nsam:40:5'), own, { uid: 0, gid: 3 });
  t.same(requireMapped([1, 3, 6], maps), [6, 1, 3], 'of the host 41, 51 and 1000');
  t.throws(() => requireMapped([11], maps), isRefused);
  t.throws(() => requireMapped([1, 11, 12], maps), {
    ...isRefused,
    message: /group 11,12 of the program is beyond the 11 ids/,
  });
});
