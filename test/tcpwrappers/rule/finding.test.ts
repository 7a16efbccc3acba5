import t from 'tap';

import { addFinding, isFull, type Finding } from '../../../lib/tcpwrappers/rule/finding.ts';

t.test('a thousand findings are told, and that there are more', async (t) => {
  const findings: Finding[] = [];
  const finding = { file: '/etc/hosts.allow', level: 'error', code: 'no-clients', message: 'x' } as const;
  for (let i = 0; i < 1000; i++) {
    t.notOk(isFull(findings));
    addFinding(findings, { ...finding, line: i + 1 });
  }
  t.notOk(isFull(findings), 'the next one says that there are more');
  for (let i = 0; i < 3; i++) addFinding(findings, finding);
  t.ok(isFull(findings));
  t.equal(findings.length, 1001);
  t.same(findings.slice(999), [
    { ...finding, line: 1000 },
    {
      file: '/etc/hosts.allow',
      level: 'warning',
      code: 'too-many-findings',
      message: 'more than 1000 findings; the rest is not told',
    },
  ]);
});
