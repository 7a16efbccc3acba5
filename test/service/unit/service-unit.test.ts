import { spawnSync } from 'node:child_process';

import t from 'tap';

import { shellUpdate } from '../../../lib/service/unit/service-unit.ts';

t.test(
  'an update that has left what the service changed itself keeps no reload from its signal',
  async (t) => {
    const statusOf = (status: number): number | null =>
      spawnSync('sh', ['-c', `${shellUpdate(['sh', '-c', `exit ${status}`])} || exit 9`]).status;
    t.equal(statusOf(0), 0);
    t.equal(statusOf(3), 0);
    t.equal(statusOf(1), 9);
    t.equal(statusOf(130), 9);
  },
);
