// Options of a rule that change the identity of a process, for good.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';

import { withAccounts } from '../../support/accounts.ts';
import { unlessRoot } from '../../support/root.ts';
import { openFiles } from '../../support/tcpwrappers/open.ts';
import { connectOnce, type Told } from '../../support/tcpwrappers/one-connection.ts';

const skip = unlessRoot('strace', 'unshare');

async function connectTo(
  t: Test,
  options: string,
  strace: readonly string[] = [],
): Promise<{
  readonly told: Told;
  readonly heard: string;
  readonly out: () => string;
  readonly trace: () => string;
}> {
  const { path, write } = openFiles(t, { allow: `sshd: ALL: ${options}\n` });
  write('out', '');
  const trace = join(path('.'), 'trace');
  // of all threads: libc has each of them change
  const by = strace.length === 0 ? [] : ['strace', '-f', '-qq', '-o', trace, ...strace];
  const ended = await connectOnce({ allow: path('allow'), deny: path('deny') }, 'sshd', {
    by: [...withAccounts(), ...by],
  });
  return {
    ...ended,
    out: () => readFileSync(path('out'), 'utf8'),
    trace: () => readFileSync(trace, 'latin1'),
  };
}

t.test('user is uid, gid and groups of the host, and what comes behind has them too', { skip }, async (t) => {
  const { told, out } = await connectTo(
    t,
    'spawn id -u >> @/out: user sam: spawn chmod 666 @/out; id >> @/out',
  );
  t.match(told, { verdict: 'granted', ids: [1001, 1001, 1001, 1001] });
  t.same(
    [...told.groups].toSorted((a, b) => a - b),
    [29, 44, 1001],
  );
  t.equal(out(), '0\n', 'the file is not his');
});

t.test('a twist behind user has his identity', { skip }, async (t) => {
  const { told, heard } = await connectTo(t, 'user sam: twist id -u; id -g; id -G');
  t.equal(told.verdict, 'delegated');
  t.match(heard, /^1001\n1001\n1001 29 44\n$/);
});

t.test('user.group has that group instead of his own', { skip }, async (t) => {
  const { told } = await connectTo(t, 'user sam.users');
  t.same(told.ids, [1001, 1001, 100, 100]);
  t.same(
    [...told.groups].toSorted((a, b) => a - b),
    [29, 44, 100],
  );
});

t.test('group alone leaves the user, and takes the other groups away', { skip }, async (t) => {
  const { told } = await connectTo(t, 'group users');
  t.same([told.ids, told.groups], [[0, 0, 100, 100], [100]]);
  const both = await connectTo(t, 'group users: user sam');
  t.same(both.told.ids, [1001, 1001, 100, 100]);
});

t.test('behind user there is no way to another group', { skip }, async (t) => {
  const { told } = await connectTo(t, 'user sam: group users');
  t.match(told, { verdict: 'denied', reason: /the identity cannot be changed: EPERM/ });
});

t.test('groups, gid and uid change in this order', { skip }, async (t) => {
  const { told, trace } = await connectTo(t, 'user sam', ['-e', 'trace=setgroups,setgid,setuid']);
  t.equal(told.verdict, 'granted');
  const calls = trace()
    .split('\n')
    .map((line) => /^\d+ +(set\w+)\(.*= 0$/.exec(line)?.[1])
    .filter((call) => call !== undefined);
  t.same([...new Set(calls)], ['setgroups', 'setgid', 'setuid']);
});

for (const call of ['setgroups', 'setgid', 'setuid'])
  for (const answer of ['error=EPERM', 'retval=0'])
    t.test(`${call} with ${answer} refuses`, { skip }, async (t) => {
      const { told, trace } = await connectTo(t, 'user sam', ['-e', `inject=${call}:${answer}`]);
      t.match(trace(), /INJECTED/);
      t.match(told, { verdict: 'denied', reason: /the identity cannot be changed/ });
    });
