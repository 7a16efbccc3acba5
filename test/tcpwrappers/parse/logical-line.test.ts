import * as fc from 'fast-check';
import t from 'tap';

import { placeIn, readLines } from '../../../lib/tcpwrappers/parse/logical-line.ts';

function read(text: string): [text: string, line: number, end: string][] {
  return [...readLines(text)].map(({ text, line, end }) => [text, line, end]);
}

t.test('a backslash before the newline joins lines, and the number is that of the last', async (t) => {
  t.same(read('a: \\\nb\nc\n'), [
    ['a: b', 2, 'newline'],
    ['c', 3, 'newline'],
  ]);
});

t.test('a comment that ends in a backslash takes the next line with it', async (t) => {
  t.same(read('# a\\\nb: c\n'), [['# ab: c', 2, 'newline']]);
});

t.test('a backslash before a blank or a CR joins nothing', async (t) => {
  t.same(
    read('a\\ \nb\\\r\n').map(([text]) => text),
    ['a\\ ', 'b\\\r'],
  );
});

t.test('a file without a final newline ends in a line that says so', async (t) => {
  t.same(read('a\nb'), [
    ['a', 1, 'newline'],
    ['b', 2, 'unterminated'],
  ]);
  t.same(read('a\\\n'), [['a', 2, 'unterminated']]);
  t.same(read('\\\n'), []);
  t.same(read(''), []);
});

t.test('a line of 2047 bytes with its newline is read, and nothing from a longer one on', async (t) => {
  const longest = 'x'.repeat(2046);
  t.same(read(`${longest}\n${longest}x\nb\n`), [
    [longest, 1, 'newline'],
    [`${longest}x`, 2, 'long'],
  ]);
});

t.test('lines that are joined are too long together', async (t) => {
  const half = 'x'.repeat(1023);
  t.same(
    read(`${half}\\\n${half}\n`).map(([, , end]) => end),
    ['newline'],
  );
  t.same(
    read(`${half}\\\n${half}x\n`).map(([, , end]) => end),
    ['long'],
  );
});

t.test('a NUL hides the rest of its line and joins the next', async (t) => {
  const [line] = [...readLines('a\0hidden\nb\n')];
  t.match(line, { text: 'ab', line: 2, hasNul: true });
  t.same(read('\0hidden\nb\n\0\nc\n'), [
    ['b', 2, 'newline'],
    ['c', 4, 'newline'],
  ]);
  t.match(readLines('c\nd\n').next().value, { hasNul: false });
});

t.test('places in joined lines are those in the file', async (t) => {
  const [line] = [...readLines('one\\\ntwo\\\nthree\n')];
  if (line === undefined) throw new Error('no line');
  t.equal(line.text, 'onetwothree');
  t.same(placeIn(line, 0), { line: 1, column: 1 });
  t.same(placeIn(line, 2), { line: 1, column: 3 });
  t.same(placeIn(line, 3), { line: 2, column: 1 });
  t.same(placeIn(line, 10), { line: 3, column: 5 });
});

t.test('lines that add nothing take no room', async (t) => {
  const [line] = [...readLines(`${'\\\n'.repeat(1000)}a\n`)];
  t.match(line, { text: 'a', line: 1001, pieces: { length: 1 } });
});

t.test('every character of a line is where its place says', async (t) => {
  const texts = fc.array(fc.constantFrom('a', 'b', ' ', '\\', '\n', '\r', '\\\n', '\0'), { maxLength: 40 });
  fc.assert(
    fc.property(texts, (parts) => {
      const text = parts.join('');
      const physical = text.split('\n');
      for (const line of readLines(text))
        for (let at = 0; at < line.text.length; at++) {
          const place = placeIn(line, at);
          if (physical[place.line - 1]?.[place.column - 1] !== line.text[at]) return false;
        }
      return true;
    }),
  );
  t.pass();
});
