import { readFileSync } from 'node:fs';

import t from 'tap';

import { readArguments } from '../../lib/bin/arguments.ts';
import { usage } from '../../lib/bin/uchroot-help.ts';
import {
  absolute,
  commandOptions,
  keyedOptions,
  launchOptions,
  requestKeys,
  usageLine,
} from '../../lib/bin/uchroot-options.ts';
import { optionGroups, setEnv } from '../../lib/launch/request/launch-option.ts';
import { launchRows, normalize, type LaunchRequest } from '../../lib/launch/request/request.ts';
import { jailRows } from '../../lib/launch/request/jail-rows.ts';
import { poolRows } from '../../lib/launch/request/pool-rows.ts';
import { inOptions, type Rows } from '../../lib/launch/request/option-row.ts';
import { runRows } from '../../lib/launch/request/run-rows.ts';
import { spawnRows } from '../../lib/launch/request/spawn-rows.ts';
import type { UsageError } from '../../lib/errors.ts';
import { inWords } from '../../lib/values/wrong.ts';

function read(...words: readonly string[]): LaunchRequest {
  const argv = [...words, 'sam', '/jail', '/bin/ls', '-l'].map((text) => ({
    text,
    bytes: Buffer.from(text),
  }));
  const { options } = readArguments(argv, commandOptions());
  return { user: 'sam', jail: '/jail', program: '/bin/ls', args: ['-l'], ...requestKeys(options) };
}

const page = (name: string) => readFileSync(`${import.meta.dirname}/../../../doc/${name}.md`, 'utf8');

/** The part of a page below a heading, up to the next heading of the same level or above. */
function section(text: string, heading: string): string {
  const [, level = ''] = /^(#+) /.exec(heading) ?? [];
  const [, below = ''] = text.split(`\n${heading}\n`);
  return below.split(new RegExp(`\n#{1,${level.length}} `))[0] ?? '';
}

for (const group of optionGroups) {
  const options = commandOptions().filter((option) => option.group === group);

  t.test(
    `"${group}" of --help and of doc/uchroot.md has the options of the table, in its order`,
    async (t) => {
      t.ok(options.length > 0);
      const expected = options.map(({ name, metavar, choice = '' }) =>
        [`--${name}${choice}`, metavar ?? ''].join(' ').trim(),
      );
      const [, help = ''] = usage('all').split(`\n${group}\n`);
      const lines = [...(help.split(/\n(?! )/, 1)[0]?.matchAll(/^ {2}(--\S+(?: \S+)?)(?: {2}|$)/gm) ?? [])];
      t.same(
        lines.map(([, spelling]) => spelling),
        expected,
      );
      const terms =
        section(section(page('uchroot'), '## OPTIONS'), `### ${group}`).match(/^\*\*--.*$/gm) ?? [];
      const spellings = terms.flatMap((term) => term.split(/, (?=\*\*--)/));
      t.same(
        spellings.map((spelling) => spelling.replace(/[*\\]/g, '')),
        expected,
      );
    },
  );
}

const tables: Readonly<Record<string, Rows>> = {
  '## Keys of every request': launchRows,
  '## Keys of `spawnInJail`': spawnRows,
  '## Keys and result of `runInJail`': runRows,
  '## `openJail(directory, defaults?)`': jailRows,
  '## `jail.pool(request)`': poolRows,
};

for (const [heading, rows] of Object.entries(tables))
  t.test(
    `"${heading}" of doc/library.md has the keys of its table, with their types and defaults`,
    async (t) => {
      const lines = section(page('library'), heading).match(/^\| `\w+` .*$/gm) ?? [];
      t.same(
        lines.map((line) => line.split(' | ').slice(0, 3).join(' | ')),
        Object.entries(rows).map(([key, row]) => `| \`${key}\` | ${row.type} | ${row.default}`),
      );
    },
  );

t.test('the usage text names no option that there is not', async (t) => {
  const known = new Set(commandOptions().map(({ name }) => name));
  const named = [...`${usage()}${usage('all')}${usage('untrusted')}`.matchAll(/--([a-z][a-z0-9-]*)/g)].map(
    ([, name = '']) => name,
  );
  for (const name of named) t.ok(known.has(name), name);
});

t.test('the usage line has the words of the C original', async (t) => {
  t.equal(usageLine, 'Usage: uchroot {username} {directory} {program} [arguments]');
  t.ok(usage().startsWith(`${usageLine}\n`));
});

t.test('without options everything has its default', async (t) => {
  t.same(requestKeys([]), {});
});

t.test('every option is understood by the request, none is dropped', async (t) => {
  const values: Readonly<Record<string, string>> = {
    groups: 'audio,+5',
    cap: 'chown',
    'connect-to': 'api.example.org:443',
    'listen-on': '8080:80',
    chdir: '/x',
    setenv: 'A=1',
    'pass-env': 'A,B',
    unsetenv: 'B',
    'preserve-fds': '3,5-6',
    rlimit: 'nofile=5',
    umask: '027',
    argv0: 'name',
    'status-fd': '9',
    'pid-file': '/run/x.pid',
    result: '/run/x.json',
    memory: '64M',
    swap: '16M',
    pids: '10',
    cpu: '1.5',
    'io-weight': '200',
    time: '1.5',
    'kill-signal': 'SIGKILL',
    'cpu-time': '10',
    nice: '5',
    affinity: '0,2-3',
    'oom-score-adj': '100',
    unshare: 'pid,net',
    net: 'host',
    hostname: 'jail',
    'ephemeral-dir': '/var/tmp/x',
    workspace: '/srv/work',
    bind: '/srv:/mnt',
    'ro-bind': '/srv',
    tmpfs: '/tmp:size=1M,mode=700',
    proc: '/proc',
    dev: '/dev',
    dir: '/x',
    writable: '/var',
    allow: 'debug,keyctl',
    seccomp: 'log:/etc/profile.json',
    'landlock-abi': '4',
    'landlock-ro': '/usr',
    'landlock-rw': '/tmp',
    'connect-tcp': '80,8000-8010',
    'bind-tcp': 'none',
  };
  const neededBy: Readonly<Record<string, readonly string[]>> = {
    swap: ['--memory', '64M'],
    'map-auto': ['--rootless'],
    'report-denials': ['--isolate'],
  };
  for (const { name, metavar, group } of launchOptions()) {
    // most options of isolation mean nothing alone
    const isolate = group === 'Isolation' && !['isolate', 'unshare'].includes(name) ? ['--isolate'] : [];
    const needed = neededBy[name] ?? isolate;
    const plain = JSON.stringify(read(...needed));
    const given = metavar === undefined ? [`--${name}`] : [`--${name}`, values[name] ?? ''];
    const request = read(...needed, ...given);
    t.doesNotThrow(() => normalize(request), name);
    // JSON leaves out undefined, the value that --unsetenv sets.
    t.ok(JSON.stringify(request) !== plain || 'B' in (request.env ?? {}), `--${name} changes the request`);
  }
});

t.test('a format is asked for where there is a plan to print', async (t) => {
  t.throws(() => read('--format', 'json'), { message: '--format needs --plan', hint: 'give --plan too' });
  t.doesNotThrow(() => read('--plan', '--format', 'json'));
});

t.test('options mean what they say', async (t) => {
  t.match(read('--groups', 'audio,+5'), { groups: ['audio', '+5'] });
  t.match(read('--groups', ''), { groups: [] });
  t.match(read('--umask', '027'), { umask: '027' });
  t.match(read('--umask', '777'), { umask: '777' });
  t.match(read('--rlimit', 'nofile=1:2', '--rlimit', 'RLIMIT_CORE=0', '--rlimit', 'cpu=5:Unlimited'), {
    rlimits: {
      nofile: { soft: 1, hard: 2 },
      core: { soft: 0, hard: 0 },
      cpu: { soft: 5, hard: Infinity },
    },
  });
  t.same(read('--preserve-fds', '3,5-7', '--preserve-fds', '9-9').preserveFds, [3, 5, 6, 7, 9]);
  t.equal(read('--preserve-fds', '3-65538').preserveFds?.length, 65_536);
  t.same(read('--cap', 'chown,kill', '--cap', 'fowner').caps, ['chown', 'kill', 'fowner']);
  t.same(read('--pass-env', 'A,B', '--pass-env=C').passEnv, ['A', 'B', 'C']);
  t.match(read('--affinity', '0,2-4', '--nice=3'), { affinity: [0, 2, 3, 4], nice: 3 });
  t.match(read('--status-fd=3', '--pid-file=/run/x'), { statusFd: 3, pidFile: '/run/x' });
});

t.test('of --setenv and --unsetenv the last counts for a name', async (t) => {
  const { env } = normalize(
    read('--setenv', 'A=1', '--unsetenv', 'A', '--unsetenv', 'B', '--setenv=B=x=y', '--setenv', 'C='),
  );
  t.same(
    [...env],
    [
      ['A', undefined],
      ['B', Buffer.from('x=y')],
      ['C', Buffer.alloc(0)],
    ],
  );
});

t.test('a variable may have a name that every object has', async (t) => {
  const { env } = normalize(read('--setenv', '__proto__=x', '--unsetenv', 'constructor'));
  t.same(
    [...env],
    [
      ['__proto__', Buffer.from('x')],
      ['constructor', undefined],
    ],
  );
});

t.test(
  'a relative directory begins at the working directory; an empty one stays empty, and so is refused',
  async (t) => {
    t.same(absolute(Buffer.from('/jail')), Buffer.from('/jail'));
    t.same(absolute(Buffer.from('jail')), Buffer.from(`${process.cwd()}/jail`));
    t.same(absolute(Buffer.alloc(0)), Buffer.alloc(0));
  },
);

// What some option or other does not understand.
const oddValues = [
  '',
  'x',
  '5m',
  '50%',
  '-1',
  '1.5',
  '0',
  '2',
  '0-',
  '03',
  '5-3',
  '3-65539',
  '99999999999',
  'u=rwx',
];
const oddWords = [
  'A',
  '=x',
  'a=b',
  'a,b',
  'none,',
  '$HOME',
  '/',
  '..',
  'A:B',
  'nofile',
  'nofile=1,core=0',
  'as=all',
];

t.test(
  'a value that is not understood is an error, and the launch takes the example of its hint',
  async (t) => {
    for (const { name, metavar, group } of launchOptions()) {
      if (metavar === undefined) continue;
      const more = group === 'Isolation' && name !== 'unshare' ? ['--isolate'] : [];
      const needed = name === 'swap' ? ['--memory=64M'] : more;
      for (const value of [...oddValues, ...oddWords]) {
        const words = `--${name}=${value}`;
        try {
          normalize(read(...needed, words));
        } catch (error) {
          const { message, hint = '' } = inWords(error as UsageError, inOptions(keyedOptions()));
          t.match(message, / must be .*, not /, words);
          const [, example = ''] = /^(?:for example|did you mean) (--[^?]+)\??$/.exec(hint) ?? [];
          t.not(example, '', `${words}: ${hint}`);
          t.doesNotThrow(() => normalize(read(...needed, ...example.split(' '))), `${words}: ${hint}`);
        }
      }
    }
  },
);

t.test('a variable whose name is not UTF-8 is refused, and its value is any bytes', async (t) => {
  const variable = (text: string) => ({ text, bytes: Buffer.from(text, 'latin1') });
  t.throws(() => setEnv(variable('\xff=x')), {
    message: String.raw`setenv must be the name of a variable in UTF-8, not '\xff'`,
  });
  t.same({ ...setEnv(variable('A=\xff')) }, { A: Buffer.of(0xff) });
});

t.test('an option that --compile or --unit cannot have is refused with the reason', async (t) => {
  t.throws(() => read('--compile', 'x', '--rootless'), {
    name: 'UsageError',
    message: '--compile and --rootless are given at once: a compiled launcher is run by root',
    hint: 'give --isolate',
  });
  t.throws(() => read('--unit', 'systemd', '--rootless'), {
    name: 'UsageError',
    message: /^--rootless: a service of the system is started as root/,
    hint: 'leave --rootless or --unit out',
  });
  t.ok(read('--compile', 'x', '--isolate').isolate);
  t.ok(read('--unit', 'systemd', '--isolate').isolate);
  t.ok(read('--rootless').rootless);
});
