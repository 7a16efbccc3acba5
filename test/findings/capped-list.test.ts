import t from 'tap';

import { byPlace, byWeight, CappedList } from '../../lib/findings/capped-list.ts';

t.test('a list keeps a limited number of items for each key, in order, and counts all', async (t) => {
  const list = new CappedList<string>(2);
  const counts = ['a1', 'b1', 'a2', 'a3', 'b2', 'a4'].map((item) => list.add(item.slice(0, 1), item));
  t.same(counts, [1, 1, 2, 3, 2, 4]);
  t.same(list.items, ['a1', 'b1', 'a2', 'b2']);
  t.equal(list.count, 6);
});

t.test('findings are ordered by severity, then by rule, and keep their order in a rule', async (t) => {
  const findings = [
    { rule: 'b', severity: 'note', at: 1 },
    { rule: 'b', severity: 'error', at: 2 },
    { rule: 'a', severity: 'note', at: 3 },
    { rule: 'a', severity: 'error', at: 4 },
    { rule: 'b', severity: 'error', at: 5 },
    { rule: 'a', severity: 'warning', at: 6 },
  ] as const;
  t.same(
    findings.toSorted(byWeight([{ id: 'a' }, { id: 'b' }])).map(({ at }) => at),
    [4, 2, 5, 6, 3, 1],
  );
});

t.test('findings of a file are ordered by line and column, those of the whole file first', async (t) => {
  const places = [
    { line: 2, column: 1 },
    { line: 1, column: 7 },
    { line: 1, column: undefined },
    { line: undefined, column: undefined },
    { line: 1, column: 3 },
  ];
  t.same(
    places.toSorted(byPlace).map(({ line, column }) => [line, column]),
    [
      [undefined, undefined],
      [1, undefined],
      [1, 3],
      [1, 7],
      [2, 1],
    ],
  );
});

t.test('a finding of the whole file comes before one of its first line, and so for columns', async (t) => {
  const whole = { line: undefined, column: undefined };
  const first = { line: 1, column: undefined };
  const start = { line: 1, column: 1 };
  for (const [a, b] of [
    [whole, first],
    [first, start],
    [whole, start],
  ] as const) {
    t.ok(byPlace(a, b) < 0);
    t.ok(byPlace(b, a) > 0);
    t.equal(byPlace(a, { ...a }), 0);
  }
});
