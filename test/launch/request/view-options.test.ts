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
  t.throws(() => read('--bind', ':/mnt'), { message: /^view\[0\]\.bind must be an absolute path, not ''$/ });
  t.throws(() => read('--bind', '/srv:'), { message: /^view\[0\]\.to must be an absolute path, not ''$/ });
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
    message: /^view\[0\]\.tmpfs must be an absolute path, not ''$/,
  });
});

t.test('options of --tmpfs that do not exist, or behind a comma, are errors with the remedy', async (t) => {
  for (const [word, hint] of [
    ['64M', 'write size=64M'],
    ['sizes=1', 'for example --tmpfs /tmp:size=1'],
    ['mode=8', 'for example --tmpfs /tmp:mode=1777'],
    ['mod=700', 'for example --tmpfs /tmp:size=1'],
  ] as const)
    t.throws(() => read('--tmpfs', `/tmp:size=1,${word}`), {
      name: 'UsageError',
      message: `--tmpfs knows size=BYTES, nr_inodes=N, mode=OCTAL and noexec, not '${word}'`,
      hint,
    });
  for (const [given, hint] of [
    ['/tmp,size=1M,mode=700', 'write /tmp:size=1M,mode=700'],
    ['/tmp,noexec', 'write /tmp:noexec'],
    ['/tmp,size=1M:noexec', 'write /tmp:size=1M,noexec'],
  ] as const)
    t.throws(() => read('--tmpfs', given), {
      name: 'UsageError',
      message: `--tmpfs takes DEST[:OPTIONS], not '${given}'`,
      hint,
    });
  t.throws(() => read('--tmpfs', ':x'), { message: /^--tmpfs knows/ });
  t.strictSame(read('--tmpfs', '/a,b').view, [{ kind: 'tmpfs', target: path('/a,b'), ...whole }]);
});

t.test('an option of --tmpfs that is given twice is an error', async (t) => {
  t.throws(() => read('--tmpfs', '/tmp:size=1M,size=2M'), {
    name: 'UsageError',
    message: '--tmpfs /tmp:size=1M,size=2M: size is given twice',
  });
  t.throws(() => read('--tmpfs', '/tmp:noexec,noexec'), { message: /: noexec is given twice$/ });
});

t.test('a mode may begin with zeros, as C writes it', async (t) => {
  for (const mode of ['1777', '01777', '001777'])
    t.match(read('--tmpfs', `/tmp:mode=${mode}`).view, [{ mode: 0o1777 }]);
  for (const mode of ['011777', '0o1777', '08'])
    t.throws(() => read('--tmpfs', `/tmp:mode=${mode}`), { name: 'UsageError' });
});

t.test('a tmpfs without a limit cannot be asked for', async (t) => {
  for (const [name, examples] of [
    ['size', '67108864 or 64M'],
    ['nr_inodes', '8192 or 8K'],
  ])
    t.throws(() => read('--tmpfs', `/tmp:${name}=0`), {
      message: `--tmpfs ${name} must be a number from 1 on, such as ${examples}, not '0'`,
    });
});

t.test(
  'what is written to the jail vanishes with --ephemeral, and is kept with --ephemeral-dir',
  async (t) => {
    t.equal(read('--ephemeral').ephemeral, true);
    t.strictSame(read('--ephemeral-dir', '/var/tmp/x').ephemeral, path('/var/tmp/x'));
  },
);
