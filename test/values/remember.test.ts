import t from 'tap';

import { memoize } from '../../lib/values/remember.ts';

t.test('a value is computed once, undefined too', async (t) => {
  const asked: string[] = [];
  const find = memoize((key: string) => {
    asked.push(key);
    return key === 'none' ? undefined : key.length;
  });
  t.same(['a', 'none', 'a', 'none'].map(find), [1, undefined, 1, undefined]);
  t.same(asked, ['a', 'none']);
});
