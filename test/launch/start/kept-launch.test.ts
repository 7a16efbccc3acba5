import * as fc from 'fast-check';
import t from 'tap';

import type { Caller } from '../../../lib/launch/host/caller.ts';
import { settle } from '../../../lib/launch/host/judged-jail.ts';
import { encodePlan } from '../../../lib/launch/plan/encode.ts';
import { toLaunch } from '../../../lib/launch/plan/launch.ts';
import { normalize } from '../../../lib/launch/request/request.ts';
import { KeptLaunch } from '../../../lib/launch/start/kept-launch.ts';
import { planInputs } from '../../support/launch/arbitrary.ts';

const beside = (...environment: Caller['environment']): Caller => ({
  inPlace: false,
  environment,
  pid: 4711,
  parentPid: 4711,
  newGroup: false,
  joined: [],
  sockets: [],
});

t.test('what is remembered of launches changes no plan and no byte of it', async (t) => {
  const callers = [beside(), beside(['LANG', Buffer.from('C')]), beside(['TERM', Buffer.from('vt100')])];
  const requests = fc.array(
    fc.record({
      request: planInputs.map(({ request, program, argv }) => ({ ...request, program, args: argv })),
      variables: fc.constantFrom({}, { LANG: 'de' }, { HOME: undefined }),
      caller: fc.constantFrom(...callers),
      // Like a service: the same launch again, with other arguments.
      again: fc.nat({ max: 3 }),
    }),
    { minLength: 1, maxLength: 6 },
  );
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(planInputs, requests, ({ account }, launches) => {
        const jail = { account, fd: -1, warnings: [], isShared: false };
        const kept = new KeptLaunch(jail);
        for (const { request, variables, caller, again } of launches) {
          const { env, ...plain } = normalize({ user: 'sam', jail: '/', env: variables });
          for (let i = 0; i <= again; i++) {
            const asked = {
              ...plain,
              ...request,
              env,
              args: [Buffer.from(String(i))],
              cwd: Buffer.from(request.cwd),
            };
            const settled = settle(asked, jail);
            const { bytes } = kept.plan(settled, caller, undefined);
            const expected = encodePlan(toLaunch(settled, jail, caller, undefined).stages);
            if (!bytes.equals(expected)) return false;
          }
        }
        return true;
      }),
    ),
  );
});
