import t from 'tap';

import { Turns } from '../lib/turns.ts';

t.test('there are so many turns, and who waits gets the next, in order', async (t) => {
  const turns = new Turns(2);
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
  const turns = new Turns(1);
  t.equal(await turns.take(1000), true);
  t.equal(await turns.take(10), false);
  turns.give();
  t.equal(await turns.take(10), true);
});
