import t from 'tap';

import { JsonValue } from '../../../lib/launch/seccomp/json-value.ts';

const read = (text: string): JsonValue => JsonValue.parse('p.json', text);

t.test('a mistake is named with its line and column', async (t) => {
  for (const [text, place] of [
    ['x', 'line 1, column 1'],
    ['{"a": 1} x', 'line 1, column 10'],
    ['{\n  "a": ,\n}', 'line 2, column 8'],
    ['{"a": [1,', 'line 1, column 10'],
    ['', 'line 1, column 1'],
  ] as const)
    t.throws(() => read(text), { name: 'UsageError', message: `p.json: ${place}: no JSON` }, text);
});

t.test('a value of the wrong kind is named with its place', async (t) => {
  const { list, word } = read('{"list": [1, "2"], "word": {"deep": true}}').fields('list', 'word');
  t.throws(() => list.text(), { message: 'p.json: list: must be a text, not [...]' });
  t.throws(() => list.elements()[1]?.elements(), { message: 'p.json: list[1]: must be an array, not "2"' });
  t.throws(() => word.fields('deap'), { message: "p.json: word: unknown key 'deep'", hint: /deap/ });
  t.throws(() => word.fields('deep').deep.text(), { message: 'p.json: word.deep: must be a text, not true' });
  t.throws(() => read('[]').fields(), { message: 'p.json: must be an object, not []' });
  t.throws(() => read('null').fields(), { message: 'p.json: must be an object, not null' });
  t.throws(() => read('7').fields(), { message: 'p.json: must be an object, not 7' });
});

t.test('null and a missing key are an empty list', async (t) => {
  const { list, other } = read('{"list": null}').fields('list', 'other');
  t.same([list.isMissing, other.isMissing], [true, true]);
  t.same([list.elements(), other.elements()], [[], []]);
  t.throws(() => other.text(), { message: 'p.json: other: must be a text, not missing' });
});

t.test('a number is whole, up to the largest that is allowed', async (t) => {
  const number = (text: string, most = 2n ** 64n - 1n): bigint =>
    read(`{"value": ${text}}`).fields('value').value.number(most);
  t.equal(number('0'), 0n);
  t.equal(number('18446744073709551615'), 2n ** 64n - 1n, 'no digit is rounded');
  t.equal(number('9007199254740993'), 2n ** 53n + 1n);
  t.equal(number('5', 5n), 5n);
  for (const [text, most] of [
    ['6', 5n],
    ['-1', 5n],
    ['1.5', 5n],
    ['"5"', 5n],
    ['18446744073709551616', 2n ** 64n - 1n],
  ] as const)
    t.throws(() => number(text, most), { message: /must be a whole number from 0 to/ }, text);
});

t.test('a word is one of several', async (t) => {
  const colours = { red: 1, green: 2 };
  t.equal(read('"red"').oneOf(colours, 'colour'), 1);
  t.throws(() => read('"rad"').oneOf(colours, 'colour'), {
    message: "p.json: 'rad' is no colour",
    hint: /red/,
  });
  t.throws(() => read('"constructor"').oneOf(colours, 'colour'), {
    message: /is no colour/,
    hint: 'one of red, green',
  });
});

t.test('a long text is cut in a message', async (t) => {
  const shown = (length: number): unknown => {
    try {
      return read(`"${'x'.repeat(length)}"`).elements();
    } catch (error) {
      return (error as Error).message.replace('p.json: must be an array, not ', '');
    }
  };
  t.equal(shown(38), `"${'x'.repeat(38)}"`);
  t.equal(shown(39), `"${'x'.repeat(36)}...`);
});
