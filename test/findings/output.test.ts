import t from 'tap';

import { showReport } from '../../lib/findings/output.ts';

const report = {
  findings: ['a', 'b', 'c'],
  counts: { error: 1, warning: 2, note: 0 },
  textOf: (finding: string, before: string | undefined) => `${before ?? 'first'} then ${finding}\n`,
  beforeCounts: 'all: ',
  afterCounts: '.',
  document: { b: 1 },
  sarif: () => ({ tool: 'x', version: '1.2.3', bases: {}, rules: [], results: [] }),
};

t.test('the text has each finding after the one before it, and counts at its end', async (t) => {
  t.equal(
    showReport('text', report),
    'first then a\na then b\nb then c\nall: 1 error, 2 warnings, 0 notes.\n',
  );
  const { beforeCounts: _, afterCounts: __, ...plain } = report;
  t.match(showReport('text', plain), /\n1 error, 2 warnings, 0 notes\n$/);
});

t.test('the same report is JSON or SARIF', async (t) => {
  t.match(JSON.parse(showReport('json', report)), { b: 1 });
  t.match(JSON.parse(showReport('sarif', report)), { version: '2.1.0' });
});
