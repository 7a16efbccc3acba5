import * as fc from 'fast-check';
import t from 'tap';

import { encodeAgain, encodePlan } from '../../../lib/launch/plan/encode.ts';
import type { Caller } from '../../../lib/launch/host/caller.ts';
import { prepare, VerifiedJail } from '../../../lib/launch/host/prepare.ts';
import { normalize } from '../../../lib/launch/request/request.ts';
import { planInputs } from '../arbitrary.ts';

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
        const jail = new VerifiedJail(-1, account);
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
            const { setUp, execve } = prepare(asked, jail, caller);
            const anew = prepare(asked, new VerifiedJail(-1, account), caller).stages;
            const [bytes, expected] = [encodeAgain(setUp, execve), encodePlan(anew)];
            if (!bytes.equals(expected)) return false;
          }
        }
        return true;
      }),
    ),
  );
});
