import t from 'tap';

import { chop, fold, skipBlanks } from '../../../lib/tcpwrappers/text/latin1.ts';

t.test('only the letters of ASCII have a lower case', async (t) => {
  t.equal(fold('AMZ@[`{amz'), 'amz@[`{amz');
  t.equal(fold('A'), 'a');
  t.equal(fold('Z'), 'z');
  t.equal(fold('A\xc9\x80'), 'a\xc9\x80');
  t.equal(fold('\xc9A'), '\xc9a');
});

t.test('white space is that of isspace, and ends with the text', async (t) => {
  t.equal(skipBlanks(' \t\v\f\r\na', 0), 6);
  t.equal(skipBlanks('a  ', 1), 3);
  t.equal(skipBlanks('', 0), 0);
  t.equal(chop(' \xa0a \t'), '\xa0a');
});
