// The short form of scripts/soak-inetd: odd clients at once, and what they leave.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

import { plainRootTest } from '../support/launch.ts';
import { plainEnv } from '../support/service.ts';

const test = plainRootTest('unshare', 'ip', 'gcc');
const script = join(import.meta.dirname, '../../../scripts/soak-inetd');

test('2,000 odd clients leave nothing behind, hold nobody up and get past no limit', async (t) => {
  const { status, stdout, stderr } = spawnSync(script, ['2000', '200'], {
    env: plainEnv(),
    encoding: 'utf8',
  });
  t.equal(status, 0, `${stdout}${stderr}`);
  t.match(stdout, /^connections: 2000 in /);
});
