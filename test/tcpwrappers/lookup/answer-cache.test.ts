// Answers of look-ups that are kept for some seconds.
import t from 'tap';

import { AnswerCache } from '../../../lib/tcpwrappers/lookup/answer-cache.ts';

let nowMs = 1e6;
t.before(() => t.intercept(performance, 'now', { value: () => nowMs }));

t.test('an answer is kept for less than five seconds', async (t) => {
  const answers = new AnswerCache<number>(5);
  t.equal(answers.get('a'), undefined);
  answers.set('a', 1);
  nowMs += 4999.9;
  t.equal(answers.get('a'), 1);
  nowMs += 0.1;
  t.equal(answers.get('a'), undefined);
});

t.test('the oldest answers go first', async (t) => {
  const answers = new AnswerCache<number>(2);
  answers.set('a', 1);
  answers.set('b', 2);
  t.equal(answers.get('a'), 1);
  answers.set('a', 3);
  answers.set('c', 4);
  t.same(
    ['a', 'b', 'c'].map((name) => answers.get(name)),
    [3, undefined, 4],
  );
});
