import { copyFileSync, statSync, writeFileSync } from 'node:fs';

import t, { type Test } from 'tap';

import { buildJail } from '../../../../lib/jail/building.ts';
import { checkJail } from '../../../../lib/jail/check/jail-check.ts';
import { makeDirectory } from '../../../support/directory.ts';
import { unlessRoot } from '../../../support/root.ts';
import { must } from '../../../support/template.ts';

const options = { skip: unlessRoot() };

/** A jail with a copy of a file that was last modified at `time`. */
async function makeJail(t: Test, time: string): Promise<{ readonly jail: string; readonly source: string }> {
  const base = makeDirectory(t);
  const [jail, source] = [`${base}/jail`, `${base}/data`];
  writeFileSync(source, 'data');
  must(['touch', '-d', time, source]);
  await buildJail({ directory: jail, programs: ['bash'], copies: [{ from: source, to: '/srv/data' }] });
  return { jail, source };
}

async function outdatedIn(jail: string): Promise<readonly string[]> {
  const { findings } = await checkJail({ directory: jail });
  return findings.filter(({ rule }) => rule === 'outdated').map(({ path }) => path);
}

t.test('a copy is not outdated because a time in milliseconds was rounded up', options, async (t) => {
  // as a double this is 1 ms later than it is
  const { jail, source } = await makeJail(t, '2026-11-24 03:04:05.123999999');
  t.equal(Math.trunc(statSync(source).mtimeMs) % 1000, 124, 'the number is rounded');
  t.same(await outdatedIn(jail), []);
});

t.test('a change within the same millisecond is not missed', options, async (t) => {
  const { jail, source } = await makeJail(t, '2026-11-24 03:04:05.123000001');
  writeFileSync(source, 'DATA');
  must(['touch', '-d', '2026-11-24 03:04:05.123000002', source]);
  t.same(await outdatedIn(jail), ['/srv/data']);
});

t.test('a file that was touched and has the same content is not outdated', options, async (t) => {
  const { jail, source } = await makeJail(t, '2026-11-24 03:04:05');
  copyFileSync(source, `${source}.new`);
  must(['mv', `${source}.new`, source]);
  must(['touch', source]);
  t.same(await outdatedIn(jail), []);
  writeFileSync(source, 'another one');
  t.same(await outdatedIn(jail), ['/srv/data']);
});
