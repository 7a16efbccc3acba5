import { chmodSync, chownSync, existsSync, mkdirSync, symlinkSync } from 'node:fs';

import {
  makeJail,
  publicCommand,
  putProgram,
  rootTest,
  start,
  temporaryDirectory,
  uchroot,
  type StartOptions,
} from '../support/launch.ts';

const test = rootTest('setpriv', 'setfacl');
const jail = makeJail();
const parent = jail.slice(0, -'/jail'.length);
const usageLine = 'Usage: uchroot {username} {directory} {program} [arguments]';

type Row = readonly [what: string, words: readonly string[], status: number, stderr: RegExp | string];

function refuses(rows: readonly Row[], how: StartOptions = {}): void {
  for (const [what, words, status, stderr] of rows) {
    test(`${what}: status ${status}`, async (t) => {
      const ended = uchroot(words, how);
      t.equal(ended.status, status);
      t.equal(ended.stdout, '');
      if (typeof stderr === 'string') t.equal(ended.stderr, stderr);
      else t.match(ended.stderr, stderr);
      t.notMatch(ended.stderr, /[^\n\u0020-\u007e\u00a1-\uffff]/, 'nothing that a terminal would obey');
      t.ok(ended.stderr.split('\n').length <= 4, 'one line, a hint, and the usage');
    });
  }
}

function usage(line: string, hint?: string): string {
  return `uchroot: ${line}\n${hint === undefined ? '' : `hint: ${hint}\n`}${usageLine}\n`;
}

refuses([
  ['no arguments', [], 1, `${usageLine}\n`],
  ['a user alone', ['nobody'], 1, `${usageLine}\n`],
  ['options alone', ['--clear-groups'], 1, `${usageLine}\n`],
  ['-- alone', ['--'], 1, `${usageLine}\n`],
  ['an unknown option', ['--frobnicate', 'nobody', jail], 1, usage('unknown option --frobnicate')],
  [
    'a misspelt option',
    ['--clear-group', 'nobody', jail],
    1,
    usage('unknown option --clear-group', 'did you mean --clear-groups?'),
  ],
  [
    'an option of one letter',
    ['-x', 'nobody', jail],
    1,
    /^uchroot: unknown option -x\n(hint: [^\n]*\n)?Usage: /,
  ],
  [
    'an option with one dash',
    ['-umask', '022', 'nobody', jail],
    1,
    /^uchroot: unknown option -umask\nhint: did you mean --umask\?\n/,
  ],
  [
    'a name of every object',
    ['--constructor', 'nobody', jail],
    1,
    /^uchroot: unknown option --constructor\n/,
  ],
  ['an option without its value', ['--umask'], 1, usage('option --umask needs a value')],
  [
    'a value where none belongs',
    ['--clear-groups=yes', 'nobody', jail],
    1,
    usage('option --clear-groups takes no value'),
  ],
  [
    'a umask that is no mode',
    ['--umask', '888', 'nobody', jail],
    1,
    /^uchroot: --umask takes an octal mode such as 027, not '888'\n/,
  ],
  ['a umask with five digits', ['--umask', '01777', 'nobody', jail], 1, /^uchroot: --umask takes/],
  [
    'an unknown capability',
    ['--cap', 'sys_everything', 'nobody', jail],
    1,
    /^uchroot: there is no capability 'sys_everything'\nhint: /,
  ],
  [
    'an unknown limit',
    ['--rlimit', 'files=3', 'nobody', jail],
    1,
    /^uchroot: there is no resource limit 'files'\nhint: /,
  ],
  [
    'a limit without a value',
    ['--rlimit', 'nofile', 'nobody', jail],
    1,
    /^uchroot: --rlimit takes NAME=SOFT\[:HARD\]/,
  ],
  [
    'a limit that is no number',
    ['--rlimit', 'nofile=many', 'nobody', jail],
    1,
    /^uchroot: --rlimit nofile=many: 'many' is no limit\n/,
  ],
  [
    'a soft limit above the hard one',
    ['--rlimit', 'nofile=5:4', 'nobody', jail],
    1,
    /soft limit 5 exceeds the hard limit 4/,
  ],
  [
    'a variable without =',
    ['--setenv', 'NAME', 'nobody', jail],
    1,
    /^uchroot: --setenv takes NAME=VALUE, not 'NAME'\n/,
  ],
  ['a variable without a name', ['--setenv', '=x', 'nobody', jail], 1, /^uchroot: --setenv takes NAME=VALUE/],
  ['descriptor 2 to preserve', ['--preserve-fds', '2', 'nobody', jail], 1, /from 3 on, not 2\n/],
  [
    'a backward range',
    ['--preserve-fds', '7-3', 'nobody', jail],
    1,
    /^uchroot: --preserve-fds takes numbers and ranges/,
  ],
  [
    'a negative descriptor',
    ['--status-fd', '-1', 'nobody', jail],
    1,
    /^uchroot: --status-fd takes a number, not '-1'\n/,
  ],
  ['groups and none', ['--groups', '5', '--clear-groups', 'nobody', jail], 1, /groups/],
  ['an empty group', ['nobody:', jail, '/probe'], 1, /^uchroot: the group in 'nobody:' is empty\nhint: /],
  ['an empty jail', ['nobody', '', '/probe'], 1, /^uchroot: the jail directory is empty\n/],
  ['an empty program', ['nobody', jail, ''], 1, /^uchroot: the program is empty\nhint: /],
  [
    'an empty working directory',
    ['--chdir', '', 'nobody', jail, '/probe'],
    1,
    /^uchroot: the working directory is empty\n/,
  ],
  [
    'an unknown plan',
    ['--plan=xml', 'nobody', jail, '/probe'],
    1,
    /^uchroot: --plan knows json, not 'xml'\n/,
  ],
  [
    'an empty pid file',
    ['--pid-file', '', 'nobody', jail, '/probe'],
    1,
    /^uchroot: pidFile must be|^uchroot: --pid-file/,
  ],
]);

refuses([
  ['an unknown user', ['sammy', jail, '/probe'], 2, /^uchroot: Unknown user sammy\nhint: [^\n]*\n$/],
  [
    'an unknown user, before the jail is looked at',
    ['sammy', '/nothing', '/probe'],
    2,
    /^uchroot: Unknown user sammy\n/,
  ],
  ['a user with a newline', ['sam\nmy', jail, '/probe'], 2, /^uchroot: Unknown user sam\\nmy\nhint: /],
  [
    'a user with escape sequences',
    ['\u001b[31msam\u009b', jail, '/probe'],
    2,
    /^uchroot: Unknown user \\x1b\[31msam\\x9b\nhint: /,
  ],
  ['a user that turns text around', ['sam\u202e', jail, '/probe'], 2, /^uchroot: Unknown user sam\\u202e\n/],
  [
    'a program with a newline',
    ['nobody', jail, '/a\nb\u0007'],
    127,
    /^uchroot: execve: \/a\\nb\\x07: not found in the jail\nhint: /,
  ],
  [
    'an option with escape sequences',
    ['--\u001b]0;x\u0007', 'nobody', jail],
    1,
    /^uchroot: unknown option --\\x1b\]0;x\\x07\n/,
  ],
  [
    'a limit with escape sequences',
    ['--rlimit', '\u001b[m', 'nobody', jail],
    1,
    /^uchroot: --rlimit takes NAME/,
  ],
  [
    'a limit value with escape sequences',
    ['--rlimit', 'nofile=\u001b[m', 'nobody', jail],
    1,
    /^uchroot: --rlimit nofile=\\x1b\[m/,
  ],
  [
    'a limit name with escape sequences',
    ['--rlimit', 'no\u009b=1', 'nobody', jail],
    1,
    /^uchroot: --rlimit takes NAME/,
  ],
  [
    'a plan with escape sequences',
    ['--plan=\u001b[m', 'nobody', jail],
    1,
    /^uchroot: --plan knows json, not '\\x1b\[m'/,
  ],
]);

test('who is not root is told so, as by the C original', async (t) => {
  const words = [...publicCommand(), 'nobody', jail, '/probe'];
  for (const uid of ['65534', '1']) {
    const ended = start(words, { by: ['setpriv', '--reuid', uid, '--clear-groups'] });
    t.equal(ended.status, 3);
    t.equal(ended.stderr.split('\n')[0], `uchroot must be run as root.  Current uid=${uid}, euid=${uid}`);
    t.match(ended.stderr, /^[^\n]*\nhint: [^\n]*\n$/);
  }
  const half = start(words, { by: ['setpriv', '--ruid', '1', '--euid', '0'] });
  t.equal(half.status, 3, 'root by effective uid alone is not root');
  t.match(half.stderr, /^uchroot must be run as root\. {2}Current uid=1, euid=0\n/);
});

const directory = temporaryDirectory();

function place(name: string, mode: number, uid = 0, gid = 0): string {
  const path = `${directory}/${name}`;
  if (!existsSync(path)) mkdirSync(path);
  chownSync(path, uid, gid);
  chmodSync(path, mode);
  return path;
}

function withProbe(path: string): string {
  putProgram(`${path}/probe`);
  return path;
}

refuses([
  [
    'a missing jail',
    ['nobody', `${directory}/nothing`, '/probe'],
    125,
    /^uchroot: jail: \/tmp\/[^\n]*\/nothing: no such file or directory\nhint: [^\n]*\n$/,
  ],
  [
    'a jail whose parent is missing',
    ['nobody', `${directory}/no/thing`, '/probe'],
    125,
    /^uchroot: jail: \/tmp\/[^\n]*\/no: no such file or directory\nhint: /,
  ],
  [
    'a jail that is a file',
    ['nobody', `${jail}/probe`, '/probe'],
    125,
    /^uchroot: jail: \/tmp\/[^\n]*\/probe: not a directory\nhint: [^\n]*\n$/,
  ],
  [
    'a jail below a file',
    ['nobody', `${jail}/probe/x`, '/probe'],
    125,
    /^uchroot: jail: \/tmp\/[^\n]*\/probe: not a directory\n/,
  ],
  [
    'a jail with an endless name',
    ['nobody', `/tmp/${'x'.repeat(300)}`, '/probe'],
    125,
    /^uchroot: jail: \/tmp\/x{195}…: name too long\n/,
  ],
  [
    'a jail with a newline in its name',
    ['nobody', '/tmp/no\nthing', '/probe'],
    125,
    /^uchroot: jail: \/tmp\/no\\nthing: /,
  ],
]);

test('symbolic links that lead in a circle are told', async (t) => {
  symlinkSync('circle', `${directory}/circle`);
  const ended = uchroot(['nobody', `${directory}/circle`, '/probe']);
  t.equal(ended.status, 125);
  t.match(ended.stderr, /^uchroot: jail: [^\n]*\/circle: too many [^\n]*\nhint: [^\n]*\n$/);
});

test('a symbolic link to a jail is followed, and its target is judged', async (t) => {
  symlinkSync(jail, `${directory}/good`);
  t.equal(uchroot(['nobody', `${directory}/good`, '/probe', 'exit', '5']).status, 5);
  symlinkSync(place('open', 0o777), `${directory}/bad`);
  const ended = uchroot(['nobody', `${directory}/bad`, '/probe']);
  t.equal(ended.status, 125);
  t.match(ended.stderr, /\/open can be written by everybody \(mode 0777\)/);
});

const insecure: readonly (readonly [
  name: string,
  mode: number,
  uid: number,
  gid: number,
  message: RegExp,
])[] = [
  ['others', 0o757, 0, 0, /can be written by everybody \(mode 0757\)/],
  ['group', 0o775, 0, 65534, /can be written by gid 65534, a group of the user \(mode 0775\)/],
  ['owner', 0o755, 65534, 0, /is owned by uid 65534, the user to be jailed/],
  ['owner-without-w', 0o555, 65534, 0, /is owned by uid 65534, the user to be jailed/],
];

for (const [name, mode, uid, gid, message] of insecure) {
  test(`a jail that the user can write (${name}) is refused, and accepted with --insecure-path`, async (t) => {
    const path = withProbe(place(name, mode, uid, gid));
    const ended = uchroot(['nobody', path, '/probe', 'exit', '5']);
    t.equal(ended.status, 125);
    t.match(ended.stderr, message);
    t.match(ended.stderr, /^uchroot: jail: [^\n]*\nhint: ch(own|mod) [^\n]*--insecure-path\)\n$/);
    t.equal(uchroot(['--insecure-path', 'nobody', path, '/probe', 'exit', '5']).status, 5);
  });
  test(`a jail below a directory that the user can write (${name}) is refused`, async (t) => {
    const above = place(`above-${name}`, 0o755);
    mkdirSync(`${above}/jail`, { mode: 0o755 });
    withProbe(`${above}/jail`);
    place(`above-${name}`, mode, uid, gid);
    const ended = uchroot(['nobody', `${above}/jail`, '/probe']);
    t.equal(ended.status, 125);
    t.match(ended.stderr, new RegExp(`above-${name}, above the jail, ${message.source}`));
  });
}

test('a jail that the user can write through an access control list is refused', async (t) => {
  const path = withProbe(place('acl', 0o755));
  t.equal(uchroot(['nobody', path, '/probe', 'exit', '5']).status, 5);
  t.equal(start(['setfacl', '-m', 'u:65534:rwx', path]).status, 0);
  const ended = uchroot(['nobody', path, '/probe']);
  t.equal(ended.status, 125);
  t.match(ended.stderr, /through an access control list[^\n]*\nhint: setfacl -b /);
});

test("a sticky directory is fine as long as the entry below it is not the user's", async (t) => {
  const sticky = place('sticky', 0o1777);
  mkdirSync(`${sticky}/jail`, { mode: 0o755 });
  withProbe(`${sticky}/jail`);
  t.equal(uchroot(['nobody', `${sticky}/jail`, '/probe', 'exit', '5']).status, 5);
  chownSync(`${sticky}/jail`, 65534, 65534);
  t.equal(uchroot(['nobody', `${sticky}/jail`, '/probe']).status, 125);
  t.equal(
    uchroot(['nobody', withProbe(place('sticky-jail', 0o1777)), '/probe']).status,
    125,
    'the jail itself',
  );
});

test('a jail of somebody else starts with a warning that names the chown', async (t) => {
  const path = withProbe(place('somebody', 0o755, 5));
  const ended = uchroot(['nobody', path, '/probe', 'exit', '5']);
  t.equal(ended.status, 5);
  t.equal(
    ended.stderr,
    `uchroot: warning: jail: ${path} is owned by uid 5, who could replace what is in it\nhint: chown root:root ${path}\n`,
  );
});

test("the host's own root directory is no jail: a warning says so", async (t) => {
  const ended = uchroot(['nobody', '/', '/bin/true']);
  t.match(ended.stderr, /^uchroot: warning: jail: \/ is the host's own root directory[^\n]*\nhint: [^\n]*\n/);
});

test('a jail may be named by a relative path, with dots and slashes in it', async (t) => {
  t.equal(uchroot(['nobody', 'jail', '/probe', 'exit', '5'], { cwd: parent }).status, 5);
  t.equal(uchroot(['nobody', './jail/../jail//.', '/probe', 'exit', '5'], { cwd: parent }).status, 5);
  t.equal(uchroot(['nobody', '.', '/probe', 'exit', '5'], { cwd: jail }).status, 5);
});

test('a working directory that is missing, a file or closed is told', async (t) => {
  mkdirSync(`${jail}/closed`, { mode: 0o700 });
  const rows: readonly Row[] = [
    [
      'missing',
      ['/nothing'],
      125,
      /^uchroot: chdir: \/nothing: not found in the jail\nhint: mkdir -p [^\n]*\/jail\/nothing\n$/,
    ],
    ['a file', ['/probe'], 125, /^uchroot: chdir: \/probe: not a directory\n$/],
    [
      'closed',
      ['/closed'],
      125,
      /^uchroot: verify_cwd: \/closed: uid 65534 may not enter it \(mode 0700, owner 0:0\)\nhint: chmod o\+x /,
    ],
  ];
  for (const [what, [cwd = ''], status, message] of rows) {
    const ended = uchroot(['--chdir', cwd, 'nobody', jail, '/probe']);
    t.equal(ended.status, status, what);
    t.match(ended.stderr, message);
  }
});

test('a pid file where none can be is told, and nothing starts', async (t) => {
  const ended = uchroot([
    '--pid-file',
    `${directory}/no/pid`,
    'nobody',
    jail,
    '/probe',
    'mark',
    '/tmp/pid-file',
  ]);
  t.equal(ended.status, 125);
  t.match(ended.stderr, /^uchroot: pid file: [^\n]*\nhint: [^\n]*\n$/);
  t.notOk(existsSync(`${jail}/tmp/pid-file`));
});
