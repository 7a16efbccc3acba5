// Keys that callers know from elsewhere.
import t from 'tap';

import { foreignKeysOf } from '../../../lib/launch/request/foreign-keys.ts';

t.test('streams of child_process become the array of this library', async (t) => {
  const order = ', in the order stdin, stdout, stderr';
  const hint = (request: object) => foreignKeysOf(request)['stdout']?.replace(order, '');
  t.equal(hint({ stdin: 'inherit' }), "write stdio: ['inherit', 'pipe', 'pipe']");
  t.equal(hint({ stdout: 'ignore', stderr: 'inherit' }), "write stdio: ['ignore', 'ignore', 'inherit']");
  t.equal(hint({ stdin: 'pipe', stdout: ['inherit'] }), "write stdio: ['pipe', 'pipe', 'pipe']");
  t.equal(hint({ stdin: 'pipe', stdout: 'pipe', stderr: 'pipe' }), "write stdio: ['pipe', 'pipe', 'pipe']");
  t.equal(foreignKeysOf({ stdin: 'pipe' })['uid'], 'user');
});

t.test('what is no word of this library has the general hint', async (t) => {
  for (const request of [{}, { stdout: 5 }, { stdin: 5 }, { stderr: ['ignore'] }])
    t.match(foreignKeysOf(request)['stdin'], /or input: 'TEXT'/);
});

t.test('a text for stdin is input', async (t) => {
  t.equal(
    foreignKeysOf({ stdin: 'hello\n' })['stdin'],
    "write input: 'TEXT', which runInJail() and jail.run() take",
  );
});
