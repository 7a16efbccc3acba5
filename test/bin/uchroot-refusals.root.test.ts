import { makeJail, publicCommand, rootTest, start } from '../support/launch.ts';
import { testRefusals } from '../support/refusal.ts';
import { sanitized } from '../support/sanitizer.ts';

const test = rootTest('setpriv');
const jail = makeJail();
const usageLine = 'Usage: uchroot {username} {directory} {program} [arguments]';

function usage(line: string, hint?: string): string {
  return `uchroot: ${line}\n${hint === undefined ? '' : `hint: ${hint}\n`}${usageLine}\n`;
}

const order = 'the order is uchroot [OPTION]... USER DIRECTORY PROGRAM [ARGUMENT]...';

testRefusals([
  ['no arguments', [], 1, `${usageLine}\nhint: uchroot --help\n`],
  ['a user alone', ['nobody'], 1, usage('DIRECTORY is missing', order)],
  ['options alone', ['--clear-groups'], 1, usage('USER and DIRECTORY are missing', order)],
  ['-- alone', ['--'], 1, `${usageLine}\nhint: uchroot --help\n`],
  [
    'an unknown option',
    ['--frobnicate', 'nobody', jail],
    1,
    usage('unknown option --frobnicate', 'uchroot --help=all lists the options'),
  ],
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
  [
    'an option without its value',
    ['--umask'],
    1,
    usage('option --umask needs a value', 'write --umask MODE'),
  ],
  [
    'a value where none belongs',
    ['--clear-groups=yes', 'nobody', jail],
    1,
    usage('option --clear-groups takes no value', 'write --clear-groups, or leave it out'),
  ],
  [
    'a umask that is no mode',
    ['--umask', '888', 'nobody', jail],
    1,
    /^uchroot: --umask must be an octal mode .*, not '888'\n/,
  ],
  ['a umask with five digits', ['--umask', '01777', 'nobody', jail], 1, /^uchroot: --umask must be/],
  [
    'an unknown capability',
    ['--cap', 'sys_everything', 'nobody', jail],
    1,
    /^uchroot: --cap must be the name of a capability .*, not 'sys_everything'\nhint: /,
  ],
  [
    'an unknown limit',
    ['--rlimit', 'files=3', 'nobody', jail],
    1,
    /^uchroot: --rlimit must be limits of .*, not 'files'\nhint: /,
  ],
  [
    'a limit without a value',
    ['--rlimit', 'nofile', 'nobody', jail],
    1,
    /^uchroot: --rlimit must be NAME=SOFT\[:HARD\]/,
  ],
  [
    'a limit that is no number',
    ['--rlimit', 'nofile=many', 'nobody', jail],
    1,
    /^uchroot: --rlimit must be .*, not 'nofile=many'\n/,
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
    /^uchroot: --setenv must be NAME=VALUE, not 'NAME'\n/,
  ],
  [
    'a variable without a name',
    ['--setenv', '=x', 'nobody', jail],
    1,
    /^uchroot: --setenv must be NAME=VALUE/,
  ],
  ['descriptor 2 to preserve', ['--preserve-fds', '2', 'nobody', jail], 1, /from 3 to \d+, not 2\n/],
  [
    'a backward range',
    ['--preserve-fds', '7-3', 'nobody', jail],
    1,
    /^uchroot: --preserve-fds must be a whole number .*, not '7-3'/,
  ],
  [
    'a negative descriptor',
    ['--status-fd', '-1', 'nobody', jail],
    1,
    /^uchroot: --status-fd must be a whole number from 0 .*, not '-1'\n/,
  ],
  ['groups and none', ['--groups', '5', '--clear-groups', 'nobody', jail], 1, /groups/],
  [
    'an empty group',
    ['nobody:', jail, '/probe'],
    1,
    /^uchroot: USER must be USER, or USER:GROUP with a group, not 'nobody:'\nhint: /,
  ],
  ['an empty jail', ['nobody', '', '/probe'], 1, /^uchroot: DIRECTORY must be an absolute path, not ''\n/],
  ['an empty program', ['nobody', jail, ''], 1, /^uchroot: PROGRAM must be a path, not ''\nhint: /],
  [
    'an empty working directory',
    ['--chdir', '', 'nobody', jail, '/probe'],
    1,
    /^uchroot: --chdir must be a path, not ''\n/,
  ],
  [
    'an unknown plan',
    ['--plan', '--format', 'xml', 'nobody', jail, '/probe'],
    1,
    /^uchroot: --format must be one of text, json, not 'xml'\n/,
  ],
  [
    'an empty pid file',
    ['--pid-file', '', 'nobody', jail, '/probe'],
    1,
    /^uchroot: --pid-file must be the path of a file/,
  ],
]);

testRefusals([
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
    /^uchroot: \/a\\nb\\x07: not found in the jail\nhint: /,
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
    /^uchroot: --rlimit must be NAME/,
  ],
  [
    'a limit value with escape sequences',
    ['--rlimit', 'nofile=\u001b[m', 'nobody', jail],
    1,
    /^uchroot: --rlimit must be .*'nofile=\\x1b\[m'/,
  ],
  [
    'a limit name with escape sequences',
    ['--rlimit', 'no\u009b=1', 'nobody', jail],
    1,
    /^uchroot: --rlimit must be NAME/,
  ],
  [
    'a plan with escape sequences',
    ['--plan', '--format', '\u001b[m', 'nobody', jail],
    1,
    /^uchroot: --format must be one of text, json, not '\\x1b\[m'\n/,
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
  // With different real and effective uids the loader ignores LD_PRELOAD, which the sanitizers need.
  if (sanitized) return;
  const half = start(words, { by: ['setpriv', '--ruid', '1', '--euid', '0'] });
  t.equal(half.status, 3, 'root by effective uid alone is not root');
  t.match(half.stderr, /^uchroot must be run as root\. {2}Current uid=1, euid=0\n/);
});
