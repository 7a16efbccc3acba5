// The lock of a service.
import { existsSync, writeFileSync } from 'node:fs';

import t from 'tap';

import { withService } from '../../../lib/service/adopt/adoption-record.ts';
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
