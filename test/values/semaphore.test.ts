import t from 'tap';

import { Semaphore } from '../../lib/values/semaphore.ts';

t.test('waiters get the next permit in order', async (t) => {
  const semaphore = new Semaphore({ most: 2 });
  t.same([await semaphore.acquire(1000), await semaphore.acquire(1000)], [true, true]);
  const got: number[] = [];
  const waiting = [1, 2].map(async (i) => {
    if (await semaphore.acquire(10_000)) got.push(i);
  });
  semaphore.release();
  await waiting[0];
  t.same(got, [1]);
  semaphore.release();
  await waiting[1];
  t.same(got, [1, 2]);
});

t.test('a waiter whose time is over gets no permit, and takes none away', async (t) => {
  const semaphore = new Semaphore({ most: 1 });
  t.equal(await semaphore.acquire(1000), true);
  t.equal(await semaphore.acquire(10), false);
  semaphore.release();
  t.equal(await semaphore.acquire(10), true);
});

t.test('a caller has no more than its share, and keeps no other caller waiting', async (t) => {
  const semaphore = new Semaphore({ most: 3, share: 2 });
  t.equal(await semaphore.acquire(1000, 'a'), true);
  t.equal(await semaphore.acquire(1000, 'a'), true);
  t.equal(await semaphore.acquire(10, 'a'), false);
  t.equal(await semaphore.acquire(1000, 'b'), true, 'one is left for others');
  const got: string[] = [];
  const waiting = ['a', 'a', 'c'].map(async (caller) => {
    if (await semaphore.acquire(10_000, caller)) got.push(caller);
  });
  semaphore.release('b');
  await waiting[2];
  t.same(got, ['c'], 'a late caller without a permit does not wait behind one that has its share');
  semaphore.release('a');
  await waiting[0];
  semaphore.release('a');
  await waiting[1];
  t.same(got, ['c', 'a', 'a']);
});

t.test('waiting callers take turns', async (t) => {
  const semaphore = new Semaphore({ most: 1 });
  t.equal(await semaphore.acquire(1000), true);
  const got: string[] = [];
  const waiting = ['a1', 'a2', 'a3', 'b1', 'b2'].map(async (who) => {
    if (await semaphore.acquire(10_000, who.charAt(0))) got.push(who);
    semaphore.release(who.charAt(0));
  });
  semaphore.release();
  await Promise.all(waiting);
  t.same(got, ['a1', 'b1', 'a2', 'b2', 'a3']);
});

t.test('too many waiters of one caller are refused', async (t) => {
  const semaphore = new Semaphore({ most: 1, waiting: 1 });
  t.equal(await semaphore.acquire(1000, 'a'), true);
  const waiting = semaphore.acquire(10_000, 'a');
  t.equal(await semaphore.acquire(10_000, 'a'), false, 'at once');
  const other = semaphore.acquire(10_000, 'b');
  semaphore.release('a');
  t.equal(await waiting, true);
  semaphore.release('a');
  t.equal(await other, true);
});

t.test('a caller has what it has not released', async (t) => {
  const semaphore = new Semaphore({ most: 9, share: 3 });
  const take = () => semaphore.acquire(1, 'a');
  t.same([await take(), await take(), await take(), await take()], [true, true, true, false]);
  semaphore.release('a');
  semaphore.release('a');
  t.same([await take(), await take(), await take()], [true, true, false]);
});

t.test('a caller without a permit is refused as well if it has too many waiters', async (t) => {
  const semaphore = new Semaphore({ most: 1, waiting: 1 });
  t.equal(await semaphore.acquire(1000, 'b'), true);
  const waiting = semaphore.acquire(10_000, 'a');
  t.equal(await semaphore.acquire(10_000, 'a'), false);
  semaphore.release('b');
  t.equal(await waiting, true);
});
