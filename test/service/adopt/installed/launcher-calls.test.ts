import t from 'tap';

import {
  isErrno,
  refusedCalls,
  unservedCall,
} from '../../../../lib/service/adopt/installed/launcher-calls.ts';
import { answers, refusal } from '../../../../lib/launch/seccomp/seccomp-data.ts';

const kill = 2 ** 31 - 2;
const refused = (isAllowed: boolean, names: readonly string[], errno: number = kill) =>
  Object.fromEntries(refusedCalls({ SystemCallFilter: [isAllowed, names], SystemCallErrorNumber: errno }));

t.test('a unit without a filter refuses nothing', async (t) => {
  t.same(refused(false, []), {});
  t.equal(unservedCall({}), undefined);
});

t.test('of a list of refused calls, those of the launcher are known, with their answers', async (t) => {
  t.same(refused(false, ['ptrace', 'keyctl', 'chroot']), {
    keyctl: answers.killProcess,
    chroot: answers.killProcess,
  });
  t.same(refused(false, ['keyctl', 'chroot:ENOSYS', 'umask:kill'], 13), {
    keyctl: refusal(13),
    chroot: refusal(38),
    umask: answers.killProcess,
  });
});

t.test('a list of allowed calls refuses the others, and those that have an errno', async (t) => {
  const all = Object.keys(refused(true, ['execve']));
  const most = all.filter((name) => name !== 'keyctl' && name !== 'chroot');
  t.same(refused(true, [...most, 'chroot:EACCES'], 1), { keyctl: refusal(1), chroot: refusal(13) });
});

t.test('a filter that refuses the program itself is one for systemd', async (t) => {
  t.equal(unservedCall({ SystemCallFilter: [false, ['write']] }), 'write');
  t.equal(unservedCall({ SystemCallFilter: [false, ['keyctl']] }), undefined);
});

t.test('the end of the process is no errno', async (t) => {
  t.same([0, 1, 4095, 4096, kill].map(isErrno), [false, true, true, false, false]);
});
