import t from 'tap';

import { Turns } from '../lib/turns.ts';

t.test('there are so many turns, and who waits gets the next, in order', async (t) => {
  const turns = new Turns({ most: 2 });
  t.same([await turns.take(1000), await turns.take(1000)], [true, true]);
  const got: number[] = [];
  const waiting = [1, 2].map(async (i) => {
    if (await turns.take(10_000)) got.push(i);
  });
  turns.give();
  await waiting[0];
  t.same(got, [1]);
  turns.give();
  await waiting[1];
  t.same(got, [1, 2]);
});

t.test('who has waited too long gets none, and takes none away', async (t) => {
  const turns = new Turns({ most: 1 });
  t.equal(await turns.take(1000), true);
  t.equal(await turns.take(10), false);
  turns.give();
  t.equal(await turns.take(10), true);
});

t.test('one who asks has no more than his share, and keeps nobody else waiting', async (t) => {
  const turns = new Turns({ most: 3, share: 2 });
  t.equal(await turns.take(1000, 'a'), true);
  t.equal(await turns.take(1000, 'a'), true);
  t.equal(await turns.take(10, 'a'), false);
  t.equal(await turns.take(1000, 'b'), true, 'one is left for others');
  const got: string[] = [];
  const waiting = ['a', 'a', 'c'].map(async (asker) => {
    if (await turns.take(10_000, asker)) got.push(asker);
  });
  turns.give('b');
  await waiting[2];
  t.same(got, ['c'], 'who comes later and has none yet is not behind one who has his share');
  turns.give('a');
  await waiting[0];
  turns.give('a');
  await waiting[1];
  t.same(got, ['c', 'a', 'a']);
});

t.test('those who wait take turns among each other', async (t) => {
  const turns = new Turns({ most: 1 });
  t.equal(await turns.take(1000), true);
  const got: string[] = [];
  const waiting = ['a1', 'a2', 'a3', 'b1', 'b2'].map(async (who) => {
    if (await turns.take(10_000, who.charAt(0))) got.push(who);
    turns.give(who.charAt(0));
  });
  turns.give();
  await Promise.all(waiting);
  t.same(got, ['a1', 'b1', 'a2', 'b2', 'a3']);
});

t.test('too many do not wait for one asker', async (t) => {
  const turns = new Turns({ most: 1, waiting: 1 });
  t.equal(await turns.take(1000, 'a'), true);
  const waiting = turns.take(10_000, 'a');
  t.equal(await turns.take(10_000, 'a'), false, 'at once');
  const other = turns.take(10_000, 'b');
  turns.give('a');
  t.equal(await waiting, true);
  turns.give('a');
  t.equal(await other, true);
});
