// Words of other programs in a list of clients.
import t from 'tap';

import { checkForeign } from '../../../lib/tcpwrappers/check/foreign-words.ts';

t.test('a word of other programs is met with the one of hosts_access(5)', async (t) => {
  const told = (word: string): unknown => {
    let found: unknown;
    checkForeign(word, 7, (rule, at, message, remedy) => {
      found = { rule, at, message, remedy };
    });
    return found;
  };
  t.match(told('Any'), { rule: 'reserved-word', at: 7, remedy: 'write ALL' });
  t.match(told('!10.0.0.1'), { rule: 'reserved-word', at: 7, remedy: 'write ALL EXCEPT 10.0.0.1' });
  t.equal(told('host'), undefined);
});
