import t from 'tap';

import { lostDirectories } from '../../../lib/launch/host/directories.ts';
import { normalize } from '../../../lib/launch/request/request.ts';

const caller = [
  ['STATE_DIRECTORY', Buffer.from('/srv/www/var/lib/x:/var/lib/x:/var/lib/y')],
  ['CREDENTIALS_DIRECTORY', Buffer.from('/run/credentials/x.service')],
  ['OTHER', Buffer.from('/var/lib/x')],
] as const;

t.test('what is left out of a variable is told, if the variable would pass', async (t) => {
  const lost = (request: object) =>
    lostDirectories(normalize({ user: 'sam', jail: '/srv/www', ...request }), caller);
  t.same(lost({}), []);
  t.same(lost({ passEnv: ['STATE_DIRECTORY'] }), [
    {
      message: 'environment: STATE_DIRECTORY: /var/lib/x:/var/lib/y is outside the jail, and is left out',
      hint: 'mount it into the jail (BindPaths=), and say where with --setenv STATE_DIRECTORY=PATH',
    },
  ]);
  t.equal(lost({ keepEnv: true }).length, 2);
  t.same(lost({ keepEnv: true, env: { STATE_DIRECTORY: '/x', CREDENTIALS_DIRECTORY: undefined } }), []);
});
