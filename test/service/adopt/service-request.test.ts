// The values of a request for an adoption.
import t from 'tap';

import { UsageError } from '../../../lib/errors.ts';
import { inOptions } from '../../../lib/launch/request/option-row.ts';
import { keyedOptions } from '../../../lib/service/adopt/adopt-options.ts';
import { optionsOf } from '../../../lib/service/adopt/service-request.ts';
import { inWords } from '../../../lib/values/wrong.ts';

t.test('a wrong value is told with its key, and by the command with its option', async (t) => {
  const wrong = 'must be an absolute path without blanks, colons, quotes, percent signs and ..';
  for (const [values, inLibrary, inCommand, hint] of [
    [{ user: '9x' }, "user must be the name of an account, not '9x'", '--user must be', '--user postgres'],
    [{ binds: ['a'] }, `binds[0] ${wrong}, not 'a'`, '--bind must be', '--bind /srv'],
    [{ readOnlyBinds: ['/a/../b'] }, `readOnlyBinds[0] ${wrong}`, '--ro-bind must be', '--ro-bind /srv'],
    [{ programs: ['/a b'] }, `programs[0] ${wrong}`, '--program must be', '--program /usr/bin/env'],
  ] as const) {
    try {
      optionsOf({ unit: 'web', ...values });
      t.fail(inLibrary);
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      t.ok(error.message.startsWith(inLibrary), error.message);
      const { message, hint: remedy } = inWords(error, inOptions(keyedOptions()));
      t.ok(message.startsWith(inCommand), message);
      t.equal(remedy, `for example ${hint}`);
    }
  }
  t.throws(() => optionsOf({ unit: 'web', accounts: ['no-such'] }), {
    message: 'there is no account no-such',
  });
  t.throws(() => optionsOf({ unit: 'web', caps: ['net'] }), {
    message: 'net is not the name of a capability',
  });
  t.match(optionsOf({ unit: 'web', accounts: ['daemon'], caps: ['CAP_IPC_LOCK', 'net_raw'] }), {
    accounts: ['daemon'],
    caps: ['ipc_lock', 'net_raw'],
  });
  t.throws(() => optionsOf({ unit: 'web', binds: ['/nowhere/x'] }), { message: '/nowhere/x does not exist' });
});
