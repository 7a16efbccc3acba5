import { writeFileSync } from 'node:fs';

import t from 'tap';

import { buildJail } from '../../../lib/jail/building.ts';
import { checkJail } from '../../../lib/jail/check/jail-check.ts';
import { makeDirectory } from '../../support/directory.ts';
import { unlessRoot } from '../../support/root.ts';
import { must } from '../../support/template.ts';

const options = { skip: unlessRoot('gcc') };

t.test('a build warns of a RUNPATH that leads to where the user can write', options, async (t) => {
  const base = makeDirectory(t);
  const jail = `${base}/jail`;
  writeFileSync(`${base}/app.c`, 'int main(void) { return 0; }\n');
  must([
    'gcc',
    '-o',
    `${base}/app`,
    `${base}/app.c`,
    '-Wl,-rpath,$ORIGIN/../lib:/tmp/lib',
    '-Wl,--enable-new-dtags',
  ]);
  const { warnings } = await buildJail({
    directory: jail,
    programs: ['bash'],
    copies: [{ from: `${base}/app`, to: '/usr/bin/app' }],
    users: ['nobody'],
  });
  // it lies in the jail at its own path as well, as what was asked for by it
  t.same(
    warnings.filter((warning) => warning.startsWith('/usr/')),
    ['/usr/bin/app: its RUNPATH leads to /tmp/lib; of /tmp: it can be written by everybody (mode 1777)'],
  );
});

t.test('check finds what build warns of, also in a program below /tmp', options, async (t) => {
  const base = makeDirectory(t);
  const directory = `${base}/jail`;
  writeFileSync(`${base}/app.c`, 'int main(void) { return 0; }\n');
  must(['gcc', '-o', `${base}/app`, `${base}/app.c`, '-Wl,-rpath,/tmp/lib']);
  const copies = [{ from: `${base}/app`, to: '/tmp/app' }];
  const { warnings } = await buildJail({ directory, programs: ['bash'], copies, users: ['nobody'] });
  t.match(warnings, [/^\/tmp\/app: its R(?:UN)?PATH leads to \/tmp\/lib/]);
  const { findings } = await checkJail({ directory, users: ['nobody'] });
  t.match(findings, [{ rule: 'search-path', path: '/tmp/app' }]);
});

t.test('a build of what looks where only root can write warns of nothing', options, async (t) => {
  const base = makeDirectory(t);
  const { warnings } = await buildJail({
    directory: `${base}/jail`,
    programs: ['bash', 'ls'],
    users: ['nobody'],
  });
  t.same(warnings, []);
});
