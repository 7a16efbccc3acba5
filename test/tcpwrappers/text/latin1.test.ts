import t from 'tap';

import { chop, findOutside, fold, skipBlanks, toUtf8 } from '../../../lib/tcpwrappers/text/latin1.ts';

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
  t.equal(chop('ab'), 'ab');
});

t.test('brackets hide what is in them, and one that is closed too often hides the rest', async (t) => {
  for (const [text, from, at] of [
    [':', 0, 0],
    ['a:b:', 0, 1],
    ['a:b:', 2, 3],
    ['a:b', 2, -1],
    ['abc', 0, -1],
    ['[:]a:', 0, 4],
    ['[[:]:]:', 0, 6],
    ['[a:]', 1, 2],
    ['[a:', 0, -1],
    ['a]:', 0, -1],
    ['a][:', 0, 3],
  ] as const)
    t.equal(findOutside(text, ':', from), at, `${text} from ${from}`);
  t.equal(findOutside(':a:', ':'), 0);
});

t.test('bytes are decoded as UTF-8, as far as they are UTF-8', async (t) => {
  t.same(['a\x7f', '\xc3\xa9', 'a\x80', '\xff'].map(toUtf8), ['a\x7f', 'é', 'a\ufffd', '\ufffd']);
});
