// The lock of a service, and the removal of jails that it does not use.
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';

import t from 'tap';

import {
  forgetService,
  generationAt,
  placeOf,
  withService,
} from '../../../lib/service/adopt/adoption-record.ts';
import { openRemovals } from '../../../lib/service/adopt/generation.ts';
import { unlessRoot } from '../../support/root.ts';

const unit = `lock-${process.pid}.service`;
const file = `/run/uchroot-service.${unit}.lock`;

t.test('one process at a time works on a service', { skip: unlessRoot() }, async (t) => {
  writeFileSync(file, ''); // of a process that was killed
  await withService(unit, async () => {
    await t.rejects(
      withService(unit, async () => t.fail('it has begun')),
      { code: 'EBUSY', message: `another uchroot-service works on ${unit}` },
    );
    t.equal(await withService('another.service', async () => 7), 7);
  });
  t.notOk(existsSync(file));
  t.equal(await withService(unit, async () => 8), 8);
});

t.test(
  'a jail that waits for its removal stays if the service was adopted again with its number',
  { skip: unlessRoot() },
  async (t) => {
    const removals = openRemovals();
    removals.add(unit, [1, 2]);
    for (const one of [1, 2]) mkdirSync(generationAt(unit, one), { recursive: true });
    writeFileSync(
      `${placeOf(unit)}/adoption.json`,
      JSON.stringify({ plan: { unit, directory: generationAt(unit, 1) } }),
    );
    t.same(await removals.remove(false), [], 'few wait for more');
    t.ok(existsSync(generationAt(unit, 2)));
    t.same(await removals.remove(true), []);
    t.same(readdirSync(placeOf(unit)).toSorted(), ['1', 'adoption.json']);
    await withService(unit, async () => forgetService(unit));
  },
);
