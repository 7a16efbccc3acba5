// The options that add to the view of a launch.
import t from 'tap';

import { normalize } from '../../../lib/launch/request/request.ts';
import { keysOfWords } from '../../support/launch/command-words.ts';

const read = (...words: readonly string[]) =>
  normalize({ user: 'sam', jail: '/srv/jail', isolate: true, ...keysOfWords(...words) });
const path = (text: string) => Buffer.from(text);
const whole = { size: 64 * 2 ** 20, inodes: 8192, mode: 0o1777, noexec: false };

t.test('--bind and --ro-bind take SOURCE:DEST, or one path for both', async (t) => {
  t.strictSame(read('--bind', '/srv:/mnt', '--ro-bind', '/usr', '--bind', '/a:/b:c').view, [
    { kind: 'bind', source: path('/srv'), target: path('/mnt'), readOnly: false },
    { kind: 'bind', source: path('/usr'), target: path('/usr'), readOnly: true },
    { kind: 'bind', source: path('/a'), target: path('/b:c'), readOnly: false },
  ]);
  for (const value of [':/mnt', '/srv:'])
    t.throws(() => read('--bind', value), {
      message: `bind must be SRC[:DEST] with absolute paths, not '${value}'`,
    });
});

t.test('--tmpfs takes a path and its options, behind the last colon', async (t) => {
  t.strictSame(
    read(
      '--tmpfs',
      '/tmp',
      '--tmpfs',
      '/run:',
      '--tmpfs',
      '/a:b:size=1M,nr_inodes=1,mode=700,noexec',
      '--tmpfs',
      '/c:size=1,mode=0',
    ).view,
    [
      { kind: 'tmpfs', target: path('/tmp'), ...whole },
      { kind: 'tmpfs', target: path('/run'), ...whole },
      { kind: 'tmpfs', target: path('/a:b'), size: 2 ** 20, inodes: 1, mode: 0o700, noexec: true },
      { kind: 'tmpfs', target: path('/c'), ...whole, size: 1, mode: 0 },
    ],
  );
  t.throws(() => read('--tmpfs', ':size=1M'), {
    message: "view[0].tmpfs must be an absolute path, not ''",
  });
});

t.test('options of --tmpfs that do not exist, are wrong or twice there are errors', async (t) => {
  // 0 would be no limit
  for (const words of [
    '64M',
    'sizes=1',
    'mode=8',
    'size=0',
    'nr_inodes=0',
    'size=1G,uid=0',
    'size=',
    'noexec=1',
    'size=1M,size=2M',
    'noexec,noexec',
    'mode=1,mode=2',
  ])
    t.throws(() => read('--tmpfs', `/tmp:${words}`), {
      name: 'UsageError',
      key: 'tmpfs',
      value: `/tmp:${words}`,
      expected: 'DEST[:size=BYTES,nr_inodes=N,mode=OCTAL,noexec], each once',
    });
  t.strictSame(read('--tmpfs', '/a,b').view, [{ kind: 'tmpfs', target: path('/a,b'), ...whole }]);
});

t.test('a mode may begin with zeros, as C writes it', async (t) => {
  for (const mode of ['1777', '01777', '001777'])
    t.match(read('--tmpfs', `/tmp:mode=${mode}`).view, [{ mode: 0o1777 }]);
  for (const mode of ['011777', '0o1777', '08'])
    t.throws(() => read('--tmpfs', `/tmp:mode=${mode}`), { name: 'UsageError' });
});

t.test(
  'what is written to the jail vanishes with --ephemeral, and is kept with --ephemeral-dir',
  async (t) => {
    t.equal(read('--ephemeral').ephemeral, true);
    t.strictSame(read('--ephemeral-dir', '/var/tmp/x').ephemeral, path('/var/tmp/x'));
  },
);
