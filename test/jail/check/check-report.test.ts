import t from 'tap';

import { bytePath } from '../../../lib/tree/path.ts';
import type { Entry } from '../../../lib/jail/check/checked-entry.ts';
import { Report } from '../../../lib/jail/check/check-report.ts';
import type { Rule } from '../../../lib/jail/check/check-rule.ts';

const rule = (id: string, severity: Rule['severity'] = 'error'): Rule => ({
  id,
  severity,
  group: 'privilege',
  summary: '',
  attack: '',
  remedy: '',
});
const [suid, note] = [rule('set-user-id'), rule('note', 'note')];
const found = (path: string) => ({ path: bytePath(path), message: 'it is', remedy: 'chmod' });
const of = (uid: number) => ({ uid }) as Entry;

t.test('10,050 files of a user do not push the one of root out', async (t) => {
  const report = new Report([suid], () => false);
  for (let i = 0; i < 10_050; i++) report.add(suid, found(`/tmp/${i}`), of(1000));
  report.add(suid, found('/usr/bin/z'), of(0));
  const all = report.all().map(({ finding }) => finding);
  t.equal(all.length, 10_001);
  t.match(all[0], { path: '/usr/bin/z' });
  t.match(all.at(-1), {
    rule: 'set-user-id',
    severity: 'error',
    message: 'and 51 more, which are not listed',
  });
  t.equal(report.count('error'), 10_051);
  t.same(report.cut(), { 'set-user-id': 51 });
});

t.test('a lighter finding does not push out a heavier one', async (t) => {
  const report = new Report([suid], () => false);
  for (let i = 0; i < 10_050; i++) report.add(suid, { ...found(`/a/${i}`), severity: 'note' }, of(1000));
  report.add(suid, found('/z'), of(1001));
  const [first] = report.all();
  t.match(first?.finding, { path: '/z', severity: 'error' });
  t.same([report.count('error'), report.count('note')], [1, 10_050]);
});

t.test('nothing is cut from a short report, and what is ignored is not counted', async (t) => {
  const report = new Report([suid, note], (id, path) => id === 'note' && path === '/ignored');
  report.add(note, found('/b'));
  report.add(note, found('/ignored'));
  report.add(suid, found('/b'), of(1000));
  report.add(suid, found('/a'), of(1000));
  t.same(
    report.all().map(({ finding }) => `${finding.rule} ${finding.path}`),
    ['set-user-id /a', 'set-user-id /b', 'note /b'],
  );
  t.same(report.cut(), {});
});
