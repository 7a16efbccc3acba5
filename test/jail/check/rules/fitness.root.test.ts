import { chownSync, copyFileSync, mkdirSync, statSync, writeFileSync } from 'node:fs';

import t, { type Test } from 'tap';

import { buildJail } from '../../../../lib/jail/building.ts';
import { checkJail } from '../../../../lib/jail/check/jail-check.ts';
import { makeDirectory } from '../../../support/directory.ts';
import { uchrootJail } from '../../../support/builder.ts';
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

t.test(
  "the host's other version of a user's data is a note, with a line that does something",
  options,
  async (t) => {
    const base = makeDirectory(t);
    const jail = `${base}/jail`;
    mkdirSync(`${base}/data`);
    for (const name of ['data/own', 'data/root', 'code']) writeFileSync(`${base}/${name}`, 'first');
    for (const name of ['data', 'data/own']) chownSync(`${base}/${name}`, 65534, 65534);
    const copies = ['data', 'code'].map((name) => ({ from: `${base}/${name}`, to: `/srv/${name}` }));
    await buildJail({ directory: jail, users: ['nobody'], copies });
    for (const name of ['data/own', 'data/root', 'code']) writeFileSync(`${base}/${name}`, 'second');
    const find = async () =>
      (await checkJail({ directory: jail })).findings.filter(({ rule }) => rule === 'outdated');
    const found = await find();
    t.match(found.map(({ path, severity }) => `${path} ${severity}`).toSorted(), [
      '/srv/code warning',
      '/srv/data/own note',
      '/srv/data/root note',
    ]);
    for (const { remedy } of found) {
      const [, words = ''] = /uchroot-jail (.*)$/.exec(remedy) ?? [];
      // 3: something else is still left
      t.ok([0, 3].includes(uchrootJail(words.split(' ')).status ?? 1), words);
    }
    t.same(await find(), []);
  },
);
