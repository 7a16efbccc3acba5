// uchroot --unit as a command: its output, its files, and its refusals. Needs no root.
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';

import t from 'tap';

import { makeDirectory } from '../support/directory.ts';
import { command, start, type Ended } from '../support/launch.ts';

// The jail is the host's root directory, so none has to be built.
const unit = (...words: readonly string[]): Ended => start([...command, '--unit', ...words]);
const shell = ['--insecure-path', 'nobody', '/', '/bin/sh', '-c', 'exit 0'];

t.test(
  'the unit calls node and uchroot by absolute paths, with the options as they were given',
  async (t) => {
    const { status, stdout } = unit(
      'systemd',
      '--umask',
      '027',
      '--new-session',
      '--pid-file=run/a',
      ...shell,
    );
    t.equal(status, 0);
    const line = /^ExecStart=(\S+) (\S+) (.*)$/m.exec(stdout);
    t.ok(line?.[1]?.startsWith('/') && line[1].endsWith('/node'));
    t.equal(line?.[2], command[1]);
    t.equal(
      line?.[3],
      '--service-status --unsetenv=NOTIFY_SOCKET --umask=027 --new-session --pid-file=/run/a --insecure-path nobody / /bin/sh -c "exit 0"',
    );
  },
);

t.test('a unit names the jail that the kernel finds, `..` beyond a link included', async (t) => {
  const directory = realpathSync(makeDirectory(t));
  mkdirSync(`${directory}/data/jail`, { recursive: true });
  symlinkSync('data/jail', `${directory}/link`);
  const words = ['--pid-file', `${directory}/link/../pid`, 'nobody', `${directory}/link/../jail`, '/nope'];
  const { stdout } = unit('systemd', ...words);
  t.match(stdout, ` --pid-file=${directory}/data/pid nobody ${directory}/data/jail /nope\n`);
  t.match(stdout, `\nRequiresMountsFor=${directory}/data/jail\n`);
  const missing = unit('systemd', 'nobody', `${directory}/missing/../jail`, '/nope');
  t.equal(missing.status, 1);
  t.equal(missing.stdout, '');
});

t.test('a unit does not hide the directory to which a link leads', async (t) => {
  const directory = makeDirectory(t, '/tmp');
  const words = ['sh', '-c', 'cd "$1" && shift && exec "$@"', 'sh', directory, ...command];
  const { stdout } = start([...words, '--unit', 'systemd', 'nobody', '/proc/self/cwd/jail', '/nope']);
  t.match(stdout, /^ProtectSystem=/m);
  t.notMatch(stdout, /^PrivateTmp=/m);
});

t.test(
  'what cannot be written to standard output is told; a reader who has seen enough is no failure',
  async (t) => {
    const full = start(['sh', '-c', 'exec "$@" >/dev/full', 'sh', ...command, '--help']);
    t.equal(full.status, 125);
    t.equal(full.stderr, 'uchroot: standard output: no space left on device\n');
    const words = [
      'bash',
      '--norc',
      '-c',
      '"$@" | exit 0; exit ${PIPESTATUS[0]}',
      'bash',
      ...command,
      '--unit',
      'runit',
      ...shell,
    ];
    const { status } = start(words);
    t.equal(status, 0);
  },
);

t.test('files are written under their names, and their paths printed', async (t) => {
  const directory = makeDirectory(t);
  for (let i = 0; i < 2; i++) {
    const { stdout } = unit('runit', '--unit-dir', directory, '--unit-name', 'a', ...shell);
    t.equal(stdout, ['run', 'finish', 'log/run'].map((name) => `${directory}/a/${name}\n`).join(''));
  }
  t.same(readdirSync(`${directory}/a`).toSorted(), ['finish', 'log', 'run']);
  t.equal(statSync(`${directory}/a/run`).mode & 0o777, 0o755);
  t.match(readFileSync(`${directory}/a/run`, 'utf8'), /^#!\/bin\/sh\n# Made by uchroot /);
  t.match(unit('runit', '--unit-dir', `${directory}/a/run`, ...shell), {
    status: 125,
    stderr: /^uchroot: unit: .*a\/run\/sh\/run: not a directory/,
  });
  t.match(unit('runit', '--unit-dir', '/proc/nosuch/a', ...shell), {
    status: 125,
    stderr: /^uchroot: unit: \/proc\/nosuch\/a\/sh\/run: no such file/,
  });
});

t.test('a unit that somebody else has written is not replaced, and no launcher is compiled', async (t) => {
  const directory = realpathSync(makeDirectory(t));
  const file = `${directory}/web.service`;
  writeFileSync(file, '[Service]\nExecStart=/opt/web\n');
  const words = ['--unit-dir', directory, '--unit-name', 'web', '--compile', `${directory}/web`, ...shell];
  t.match(unit('systemd', ...words), {
    status: 125,
    stdout: '',
    stderr: `uchroot: unit: ${file}: is there already, and uchroot has not made it
hint: give another name: --unit-name web-jail; or move it away: mv ${file} ${file}.old
`,
  });
  t.equal(readFileSync(file, 'utf8'), '[Service]\nExecStart=/opt/web\n');
  t.notOk(existsSync(`${directory}/web`));
  symlinkSync('/dev/null', `${directory}/masked.service`);
  t.match(
    unit('systemd', '--unit-dir', directory, '--unit-name', 'masked', ...shell).stderr,
    'masked.service: is there already: a link to /dev/null\n',
  );
  mkdirSync(`${directory}/sv/web`, { recursive: true });
  writeFileSync(`${directory}/sv/web/finish`, '#!/bin/sh\n');
  t.match(unit('runit', '--unit-dir', `${directory}/sv`, '--unit-name', 'web', ...shell), {
    status: 125,
    stderr: /web\/finish: is there already/,
  });
  t.notOk(existsSync(`${directory}/sv/web/run`), 'nothing is half written');
});

t.test('what would fail now is told, and the unit is made all the same', async (t) => {
  const unknown = unit('systemd', 'nosuch', '/', '/bin/sh');
  t.match(unknown, {
    status: 2,
    stderr: 'uchroot: Unknown user nosuch\n',
    stdout: /ExecStart=.* nosuch \/ \/bin\/sh\n/,
  });
  t.match(unit('sysv', '--insecure-path', 'nobody', '/', '/nope'), {
    status: 127,
    stderr: /^uchroot: \/nope: not found/m,
  });
});

t.test('a mistake is a usage error, and nothing is made', async (t) => {
  const cases: readonly (readonly [readonly string[], RegExp])[] = [
    [
      ['systemctl', ...shell],
      /--unit must be one of systemd, .* not 'systemctl'\nhint: did you mean --unit systemd\?/,
    ],
    [['systemd', 'nobody', '/'], /a unit needs a program/],
    [['systemd', '--plan', ...shell], /--plan: --unit prints the unit instead of the steps/],
    [['systemd', '--status-fd', '3', ...shell], /--status-fd: an init system opens no descriptors/],
    [['systemd', '--preserve-fds', '3', ...shell], /--preserve-fds: an init system opens no descriptors/],
    [
      ['systemd', '--accept', ...shell],
      /--accept needs --listen: it hands over connections\nhint: give --listen 8080 too/,
    ],
    [['systemd', '--listen', '0', ...shell], /--listen must be a port/],
    [['systemd', '--listen', '65536', ...shell], /--listen must be a port/],
    [['systemd', '--listen', 'localhost:80', ...shell], /--listen must be a port/],
    [['systemd', '--listen', '/run/a\nExecStartPre=/x', ...shell], /--listen must be a port/],
    [['systemd', '--watchdog', '1s', ...shell], /--watchdog must be seconds/],
    [['systemd', '--watchdog', '0', ...shell], /--watchdog must be seconds/],
    [
      ['systemd', '--reload-signal', 'HUPP', ...shell],
      /--reload-signal must be the name .*, not 'HUPP'\nhint: did you mean --reload-signal SIGHUP\?/,
    ],
    [
      ['systemd', '--reload-update', ...shell],
      /--reload-update needs --reload-signal: it is what a reload does first/,
    ],
    [
      ['systemd', '--unit-name', 'a b', ...shell],
      /--unit-name must be letters, .*, not 'a b'\nhint: for example --unit-name report/,
    ],
    [['systemd', '--unit-name', '../a', ...shell], /--unit-name must be /],
    [
      ['systemd', 'nobody', '/', '/bin/['],
      /--unit-name must be .*, not '\['\nhint: for example --unit-name report/,
    ],
    [
      ['systemd', '--unit-name', 'a.service', ...shell],
      /--unit-name must be .* without \.service at the end, not 'a\.service'/,
    ],
    [
      ['systemd', '--unit-dir', '', ...shell],
      /--unit-dir must be a path, not ''\nhint: for example --unit-dir \/etc/,
    ],
    [['systemd', '--umask', '9', ...shell], /--umask must be an octal mode/],
    [['runit', '--listen', '80', ...shell], /--listen: runit opens no sockets/],
  ];
  for (const [words, message] of cases) {
    const { status, stdout, stderr } = unit(...words);
    t.equal(status, 1, words.join(' '));
    t.equal(stdout, '');
    t.match(stderr, message);
  }
  for (const option of ['--notify', '--accept', '--syslog', '--listen=80', '--unit-dir=/tmp', '--watchdog=1'])
    t.match(start([...command, option, ...shell]), {
      status: 1,
      stderr: / needs --unit\nhint: give --unit systemd too/,
    });
});
