// The steps of an adoption, in their order.
import t from 'tap';

import {
  dropInOf,
  isSamePlan,
  planAdoption,
  showStep,
  swapSteps,
} from '../../../lib/service/adopt/adoption-plan.ts';
import { adopted, installed, line } from '../../support/service/described.ts';

const service = installed({ ExecStartEx: [line('/usr/sbin/nginx -g x')] });
const facts = {
  contents: { programs: [], packages: [], packs: [], users: [], copies: [] },
  named: [],
  environment: [],
  unitText: '[Service]\n',
};
const usual = {
  version: '1.0',
  isActive: true,
  isFirst: true,
  watchMs: undefined,
  noTrial: false,
  relay: { node: '/usr/bin/node', commands: '/opt/uchroot' },
};
const planFor = (more: Partial<typeof usual> = {}, about = adopted(service)) =>
  planAdoption(about, facts, [], { ...usual, ...more });
const opsOf = (...given: Parameters<typeof planFor>): string =>
  planFor(...given)
    .steps.map(({ op }) => op)
    .join(' ');

t.test('the service is touched when all is made and tested, and kept when it has come up', async (t) => {
  t.equal(opsOf(), 'compile compile test trial look stage drop-in start compare link commit keep');
  t.equal(opsOf({ isFirst: false }), 'compile compile test stage drop-in start make-at-boot commit keep');
  t.equal(opsOf({ isActive: false }), 'compile compile test stage drop-in commit keep');
  t.equal(
    opsOf({}, adopted(service, { entry: 'systemd', checks: [] }))
      .split(' ', 2)
      .join(' '),
    'trial look',
  );
  t.equal(opsOf({ noTrial: true }).includes('trial'), false);
  t.same(
    swapSteps('web.service', undefined, { isActive: false, watchMs: 1 }).map(({ op }) => op),
    ['drop-in', 'commit'],
  );
});

t.test('each step is told in words', async (t) => {
  const [first, , test] = planFor().steps.map(showStep);
  t.equal(first, 'compile /var/lib/uchroot/services/web.service/1/start, which starts /usr/sbin/nginx -g x');
  t.equal(test, 'test the configuration: /usr/sbin/nginx -t -q');
});

t.test('a plan is the same after it was a record, whether the service runs or not', async (t) => {
  const plan = planFor();
  t.ok(isSamePlan(planFor({ isActive: false, isFirst: false }), JSON.parse(JSON.stringify(plan))));
  t.notOk(isSamePlan(planFor({ version: '1.1' }), plan));
  t.match(dropInOf(plan), /^# Made by uchroot-service 1.0: /);
});
