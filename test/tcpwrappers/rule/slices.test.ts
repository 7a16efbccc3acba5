import t from 'tap';

import { complete, endsSlice } from '../../../lib/tcpwrappers/rule/slices.ts';

t.test('long work pauses again and again, and not at each step', async (t) => {
  const pauses = Array.from({ length: 1000 }, (_, i) => i).filter(endsSlice);
  t.ok(pauses.length >= 10 && pauses.length <= 100, `${pauses.length}`);
});

t.test('work is run to its end', async (t) => {
  const done: string[] = [];
  function* work() {
    for (const part of ['a', 'b', 'c']) {
      done.push(part);
      yield;
    }
    return done.length;
  }
  t.equal(complete(work()), 3);
  t.same(done, ['a', 'b', 'c']);
});
