// The places for starts: a burst waits, and a start that hangs does not keep others waiting.
import { setImmediate } from 'node:timers/promises';

import t from 'tap';

import { inStartPlace } from '../../lib/inetd/start-place.ts';

t.test('no more than 16 programs start at once; one that fails leaves its place', async (t) => {
  let most = 0;
  let now = 0;
  const start = async (): Promise<void> => {
    most = Math.max(most, ++now);
    await setImmediate();
    now--;
    throw new Error('it does not start');
  };
  const all = await Promise.allSettled(Array.from({ length: 100 }, () => inStartPlace('burst', start)));
  t.equal(most, 16);
  t.strictSame([...new Set(all.map(({ status }) => status))], ['rejected']);
});

t.test('starts that hang give their places to other services', async (t) => {
  const ends: (() => void)[] = [];
  const hang = (): Promise<void> => new Promise((end) => ends.push(end));
  const hung = Array.from({ length: 16 }, () => inStartPlace('hung', hang));
  t.equal(await inStartPlace('other', () => Promise.resolve('started')), 'started');
  ends.forEach((end) => end());
  await Promise.all(hung);
  // each place was given back once
  let now = 0;
  const count = (): Promise<void> => {
    now++;
    return hang();
  };
  const again = Array.from({ length: 17 }, (_, at) => inStartPlace(at < 16 ? 'again' : 'more', count));
  await setImmediate();
  t.equal(now, 16);
  ends.forEach((end) => end());
  await setImmediate();
  ends.forEach((end) => end());
  await Promise.all(again);
});
