// environmentVariables: the call with which the command reads its environment.
import t from 'tap';

import { native } from '../../lib/native.ts';

t.test('variables are those that are set, and no others', async (t) => {
  process.env['UCHROOT_TEST_SET'] = 'ä=1';
  t.teardown(() => delete process.env['UCHROOT_TEST_SET']);
  t.strictSame(native.environmentVariables(['UCHROOT_TEST_SET', 'UCHROOT_TEST_UNSET']), [
    ['UCHROOT_TEST_SET', Buffer.from('ä=1')],
  ]);
});
