import t from 'tap';

import { openLineReader } from '../../../lib/jail/learn/strace-line.ts';

t.test('a call has its arguments as they are printed, structures as one', async (t) => {
  const read = openLineReader();
  for (const [text, name, args, result] of [
    ['fork()                            = 8', 'fork', [], '8'],
    ['pipe2([3, 4], O_CLOEXEC) = 0', 'pipe2', ['[3, 4]', 'O_CLOEXEC'], '0'],
    ['clone3({flags=CLONE_FS, a={b=1}}, 88) = 9', 'clone3', ['{flags=CLONE_FS, a={b=1}}', '88'], '9'],
    ['f(3</a,)>, 1<<4, "b,)\\"") = 0', 'f', ['3</a,)>', '1<<4', '"b,)\\""'], '0'],
  ] as const)
    t.same(read(`7     ${text}`), { kind: 'call', pid: 7, name, args, result });
});
