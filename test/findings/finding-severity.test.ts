import t from 'tap';

import { countFindings, findRule, statusOf, toSeverity } from '../../lib/findings/finding-severity.ts';

t.test('the worst finding decides about the status, if it is as bad as the lowest that fails', async (t) => {
  const statuses = (...severities: readonly ('error' | 'warning' | 'note')[]) => {
    const counts = countFindings(severities.map((severity) => ({ severity })));
    return (['error', 'warning', 'note'] as const).map((lowest) => statusOf(counts, lowest));
  };
  t.same(statuses(), [0, 0, 0]);
  t.same(statuses('note'), [0, 0, 4]);
  t.same(statuses('note', 'warning'), [0, 3, 3]);
  t.same(statuses('warning', 'error'), [1, 1, 1]);
});

t.test('findings are counted by severity', async (t) => {
  const findings = ['note', 'error', 'note'].map((severity) => ({ severity: severity as 'note' | 'error' }));
  t.same(countFindings(findings), { error: 1, warning: 0, note: 2 });
});

t.test('an unknown severity or rule is a usage error that names the nearest one', async (t) => {
  t.equal(toSeverity('note'), 'note');
  t.throws(() => toSeverity('warnings'), {
    name: 'UsageError',
    message: '--fail-on warnings: it is one of error, warning and note',
    hint: 'did you mean warning?',
  });
  const rules = [{ id: 'mode' }, { id: 'owner' }];
  t.equal(findRule('owner', rules), rules[1]);
  t.throws(() => findRule('owners', rules, 'see the list'), {
    message: 'there is no rule owners',
    hint: 'did you mean owner?',
  });
  t.throws(() => findRule('x/y/z-far-away', rules, 'see the list'), {
    message: 'there is no rule x/y/z-far-away',
    hint: 'see the list',
  });
  t.throws(() => findRule('x/y/z-far-away', rules), { message: 'there is no rule x/y/z-far-away' });
});
