import * as fc from 'fast-check';
import t from 'tap';

import { templateWords } from '../../../lib/launch/request/template-words.ts';

function words(texts: TemplateStringsArray, ...values: readonly unknown[]): readonly string[] {
  return templateWords(texts, values).map(String);
}

t.test('blanks separate words, and line ends are blanks', async (t) => {
  t.same(words`ls -l  /tmp`, ['ls', '-l', '/tmp']);
  t.same(
    words`
    ls
      -l`,
    ['ls', '-l'],
  );
  t.same(words``, []);
  t.same(words` `, []);
});

t.test('an interpolation is one argument, whatever is in it', async (t) => {
  t.same(words`ls ${'a b'}`, ['ls', 'a b']);
  t.same(words`ls ${'$(id); *'} ${''} ${3}`, ['ls', '$(id); *', '', '3']);
  t.same(words`${'my ls'}`, ['my ls']);
  t.same(words`ls ${Buffer.from('b\xff', 'latin1')}`, ['ls', 'b\ufffd']);
});

t.test('a text beside an interpolation belongs to the same argument', async (t) => {
  t.same(words`tar --directory=${'/a b'}/c ${1}${2}`, ['tar', '--directory=/a b/c', '12']);
});

t.test('an array is one argument for each of its elements', async (t) => {
  t.same(words`ls ${['a', 'b c', 5]} d`, ['ls', 'a', 'b c', '5', 'd']);
  t.same(words`ls x${['a', 'b']}y`, ['ls', 'xa', 'by']);
  t.same(words`ls ${[]}`, ['ls']);
});

t.test('a blank with a backslash before it is no blank', async (t) => {
  t.same(words`ls a\ b`, ['ls', 'a b']);
  t.same(words`echo \x41\u{1F600}c \t \\ d`, ['echo', 'A\u{1F600}c', '\t', '\\', 'd']);
  t.same(words`a\u{41} b\u{ffff} c\u{10000} d`, ['aA', 'b\uffff', 'c\u{10000}', 'd']);
  t.same(words`\u00e4\u00C4\xFF\u{1f600} b`, ['\u00e4\u00c4\u00ff\u{1F600}', 'b']);
  t.same(
    words`ls \
      -l`,
    ['ls', '-l'],
  );
  t.throws(() => words`ls \u12`, { name: 'UsageError', message: /no backslash sequence/ });
});

t.test('a capital letter behind a backslash begins no sequence', async (t) => {
  t.same(words`grep \Uface file`, ['grep', 'Uface', 'file']);
  t.same(words`a \XAB \U{41} b`, ['a', 'XAB', 'U{41}', 'b']);
});

t.test('a backslash takes away a line end of Unicode too', async (t) => {
  t.same(words(Object.assign(['a b c'], { raw: ['a \\\u2028b c'] })), ['a', 'b', 'c']);
});

t.test('what only a shell understands is refused, with the remedy', async (t) => {
  t.throws(() => words`ls | wc`, { message: /no shell: '\|'/, hint: /sh -c/ });
  t.throws(() => words`ls >out`, { message: /'>out'/ });
  t.throws(() => words`ls 2>&1`, { message: /'2>&1'/ });
  t.throws(() => words`a && b`, { message: /'&&'/ });
  t.throws(() => words`a; b`, { message: /'a;'/ });
  t.throws(() => words`grep "a b" x`, { name: 'UsageError', hint: /an interpolation is one argument/ });
  t.same(words`find / -name *.txt ${'|'} a|b a>b it's`, [
    'find',
    '/',
    '-name',
    '*.txt',
    '|',
    'a|b',
    'a>b',
    "it's",
  ]);
});

t.test('anything else is no argument', async (t) => {
  for (const value of [null, {}, true, [null], [['a']]])
    t.throws(() => words`ls ${value}`, {
      name: 'UsageError',
      message:
        /^interpolation 1(\[0\])?, after 'ls ', must be a string, a number, bytes or an array of them, not /,
    });
  t.throws(() => words`ls ${undefined}`, {
    message: /^interpolation 1, after 'ls ', is missing: it must be /,
  });
});

t.test('the message names the interpolation and its kind', async (t) => {
  for (const [value, kind] of [
    [new Map(), 'a Map'],
    [() => 'a', 'a function'],
    [Promise.resolve('x'), 'a Promise'],
  ] as const)
    t.throws(() => words`ls ${1} and ${value}`, {
      message: new RegExp(`^interpolation 2, after ' and ', must be .*, not ${kind}$`),
    });
  t.throws(() => words`ls ${['a', new Set()]}`, { message: /^interpolation 1\[1\], .*, not a Set$/ });
});

t.test('arguments of any text come through unchanged, between others', async (t) => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: 'binary' })), fc.string({ unit: 'binary' }), (many, one) => {
      t.same(words`a ${many} b ${one}`.slice(1), [...many, 'b', one]);
    }),
    { numRuns: 100 },
  );
});
