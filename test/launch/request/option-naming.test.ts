// What a command or a file says about a wrong value: the name of its option, and never the key of the library.
import t from 'tap';

import { UsageError } from '../../../lib/errors.ts';
import { inOptions, optionsOf } from '../../../lib/launch/request/option-row.ts';
import { launchRows, normalize } from '../../../lib/launch/request/request.ts';
import { inWords } from '../../../lib/values/wrong.ts';
import { keysOfWords } from '../../support/launch/command-words.ts';

const known = optionsOf(launchRows);

function told(words: readonly string[], dashes: '--' | '' = '--'): UsageError | undefined {
  try {
    normalize({ user: 'sam', jail: '/srv/jail', ...keysOfWords(...words) });
  } catch (error) {
    if (error instanceof UsageError) return inWords(error, inOptions(known, dashes));
    throw error;
  }
  return undefined;
}

t.test('a wrong value is told with the name of its option', async (t) => {
  for (const [words, message, hint] of [
    [
      ['--oom-score-adj', '1001'],
      '--oom-score-adj must be a whole number from 0 to 1000, not 1001',
      'for example --oom-score-adj 0',
    ],
    [['--nice', '-5'], "--nice must be a whole number from 0 to 19, not '-5'", 'for example --nice 0'],
    [['--cpu', '0'], '--cpu must be a number of CPUs from 0.01 to 8192, not 0', 'for example --cpu 1.5'],
    [['--time', '5m'], "--time must be seconds from 0.001 to 2147483, not '5m'", 'for example --time 5'],
    [
      ['--memory', '64MB'],
      "--memory must be a number of bytes from 4096 on, such as 64M, not '64MB'",
      'for example --memory 64M',
    ],
    [
      ['--affinity', '9999'],
      '--affinity must be a whole number from 0 to 8191, not 9999',
      'for example --affinity 0',
    ],
    [
      ['--affinity', '5-3'],
      "--affinity must be a whole number from 0 to 8191, not '5-3'",
      'for example --affinity 0',
    ],
    [
      ['--bind-tcp', 'http'],
      "--bind-tcp must be a whole number from 0 to 65535, not 'http'",
      'for example --bind-tcp 443',
    ],
    [['--umask', '999'], "--umask must be an octal mode from 0 to 777, not '999'", 'for example --umask 022'],
    [
      ['--cap', 'chwn'],
      "--cap must be the name of a capability (capabilities(7)), not 'chwn'",
      'did you mean --cap chown?',
    ],
    [
      ['--unshare', 'network'],
      "--unshare must be one of mount, cgroup, uts, ipc, pid, net, not 'network'",
      'did you mean --unshare net?',
    ],
    [['--net', 'none'], '--net needs --isolate', 'give --isolate too'],
    [['--swap', '1M'], '--swap needs --memory', 'give --memory 64M too'],
    [['--map-auto'], '--map-auto needs --rootless', 'give --rootless too'],
    [
      ['--isolate', '--net', 'bridge'],
      "--net must be one of none, host, not 'bridge'",
      'for example --net host',
    ],
    [['--hostname', 'a'], '--hostname needs a uts namespace of its own', 'give --isolate, or --unshare uts'],
    [
      ['--tmpfs', '/tmp'],
      '--bind or --ro-bind or --tmpfs or --proc or --dev or --dir or --writable needs a mount namespace of its own',
      'give --isolate, or --unshare mount',
    ],
    ...[
      ['--bind', ':/mnt'],
      ['--bind', '/srv:'],
      ['--ro-bind', 'x y'],
    ].map(
      ([option = '', value = '']) =>
        [
          ['--isolate', option, value],
          `${option} must be SRC[:DEST] with absolute paths, not '${value}'`,
          `for example ${option} /srv/data:/data`,
        ] as const,
    ),
    [
      ['--isolate', '--ephemeral-dir', ''],
      "--ephemeral-dir must be an absolute path, not ''",
      'for example --ephemeral-dir /var/lib/jail-changes',
    ],
    [
      ['--isolate', '--workspace', ''],
      "--workspace must be an absolute path, not ''",
      'for example --workspace /srv/data',
    ],
    [['--result', ''], "--result must be the path of a file, not ''", 'for example --result /run/NAME.json'],
    [['--isolate', '--dev', 'x'], "--dev must be an absolute path, not 'x'", 'for example --dev /dev'],
    [
      ['--isolate', '--tmpfs', 'sam'],
      "--tmpfs must be an absolute path, not 'sam'",
      'for example --tmpfs /tmp',
    ],
    [
      ['--isolate', '--proc', '/'],
      "--proc must be a path below /, where the jail itself is, not '/'",
      'for example --proc /proc',
    ],
    [
      ['--rlimit', 'nofile'],
      "--rlimit must be NAME=SOFT[:HARD], each limit a whole number or unlimited, not 'nofile'",
      'for example --rlimit nofile=4096',
    ],
    [
      ['--rlimit', 'nofiles=5'],
      /^--rlimit must be limits of cpu, fsize.*, not 'nofiles'$/,
      'did you mean --rlimit nofile=4096?',
    ],
    [
      ['--rlimit', 'nice=2:1'],
      '--rlimit: the soft limit 2 exceeds the hard limit 1',
      'the soft limit comes first',
    ],
    [
      ['--rlimit', 'cpu=5', '--cpu-time', '5'],
      '--cpu-time and --rlimit are given at once: choose one',
      'leave --cpu-time or --rlimit out',
    ],
    [['--setenv', 'A'], "--setenv must be NAME=VALUE, not 'A'", 'for example --setenv LANG=C.UTF-8'],
    [
      ['--keep-env', '--pass-env', 'A'],
      '--keep-env and --pass-env are given at once: the first passes all variables but dangerous ones',
      'leave --keep-env or --pass-env out',
    ],
    [
      ['--groups', '', '--clear-groups'],
      '--groups and --clear-groups are given at once: choose one',
      'leave --groups or --clear-groups out',
    ],
  ] as const) {
    const error = told(words);
    if (typeof message === 'string') t.equal(error?.message, message);
    else t.match(error?.message, message);
    if (hint !== undefined) t.equal(error?.hint, hint);
  }
});

t.test('a file has no dashes, and quotes what is text', async (t) => {
  for (const [words, message, hint] of [
    [['--nice', '20'], 'nice must be a whole number from 0 to 19, not 20', 'for example nice = 0'],
    [['--isolate', '--net', 'x'], "net must be one of none, host, not 'x'", 'for example net = "host"'],
    [['--net', 'host'], 'net needs isolate', 'give isolate = true too'],
  ] as const)
    t.match(told(words, ''), { message, hint });
});

t.test('operands have their words', async (t) => {
  const { name, assign } = inOptions(known);
  t.same(['user', 'jail', 'program', 'args', 'checkProgram', '--format'].map(name), [
    'USER',
    'DIRECTORY',
    'PROGRAM',
    'ARGUMENT',
    'checkProgram',
    '--format',
  ]);
  t.equal(assign('jail', '/srv/jail'), '/srv/jail');
  t.equal(assign('--format', 'text'), '--format text');
});

t.test('no option speaks of a key of the library', async (t) => {
  const values =
    '1001 -1 0 x 70000 3000000000 99999999999999999999 a:b / a,b 1.5 a=b = .. /x:size=0 null NaN 64X 5-1';
  const camelCase = Object.keys(launchRows).filter((key) => /[A-Z]/.test(key));
  for (const [key, option] of known) {
    if (option.metavar === undefined) continue;
    for (const value of ['', ' ', ...values.split(' ')]) {
      const { message = '', hint = '' } = told([`--${option.name}=${value}`]) ?? {};
      const spoken = camelCase.find((key) => `${message} ${hint}`.includes(key));
      t.equal(spoken, undefined, `--${option.name}=${value}: ${message}: ${hint}`);
      t.notMatch(message, new RegExp(`^${key}( must| is|:)`), `--${option.name}=${value}`);
    }
  }
});
