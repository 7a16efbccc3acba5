import t from 'tap';

import { stateProblems } from '../../../lib/service/adopt/adopted-status.ts';

const web = { unit: 'web.service', loadState: 'loaded', fileState: 'enabled', isWanted: true };

t.test('what keeps a service from running is told with its remedy', async (t) => {
  const told = (more: Partial<typeof web>, state = 'active') =>
    stateProblems({ ...web, ...more }, state).map(({ message, remedy }) => `${message}; ${remedy}`);
  t.same(told({}), []);
  t.same(told({ loadState: 'masked', fileState: 'masked' }), [
    'it is masked, and cannot be started; systemctl unmask web.service',
  ]);
  t.same(told({ loadState: 'masked', fileState: 'masked-runtime' }), [
    'it is masked, and cannot be started; systemctl unmask --runtime web.service',
  ]);
  t.same(told({ loadState: 'not-found', fileState: '' }, 'inactive'), [
    'the unit web.service has gone; install it again, or remove its jail: uchroot-service release web.service',
  ]);
  t.same(told({ loadState: 'bad-setting' }), [
    'systemd cannot use its unit (bad-setting); systemd-analyze verify web.service',
  ]);
  t.same(told({ fileState: 'disabled', isWanted: false }, 'failed'), [
    'it has failed, and does not run; journalctl -u web.service; then systemctl restart web.service',
    'it is disabled, and does not start at boot; systemctl enable web.service',
  ]);
  t.same(told({ fileState: 'disabled' }), [], 'a socket or a target starts it');
});
