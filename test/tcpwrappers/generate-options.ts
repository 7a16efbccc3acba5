// Third fields of rules: option lists, right and wrong.
import type { Random } from '../support/tcpwrappers-random.ts';
import type { World } from './generate.ts';

const COMMANDS = [
  'echo %c', 'echo %a %A', 'echo %n', 'echo %N %s', 'echo %h %H %d', 'echo %u %c', 'echo %p %r %R', 'echo 100%%', 'echo %q', 'x %', 'echo %c %n %c', 'a\\:b', '\\\\:', 'x\\y',
  '%s %N %s', 'echo \xe9 %d', 'echo "%c"; id', '%', '%%%', ' x  ', '%u%u', '%\t%d', 'x %X', '[a', '(echo %h) &', '=x', '%c@%s %u %n %h %c',
];
const ASSIGNMENTS = ['A B', 'A', 'A  B C ', 'A=B', '=A B', 'A =B', '%d %c', 'X %n%u', '%n=%c x', 'A \\:', 'A\tB', 'A,B C', '%q x', 'A %q'];
const NUMBERS = ['0', '5', '022', '10', '-1', '+5', '08', '5x', 'x', '99999999999', '4294967297', '-99999999999999999999999', '1777', '777', '0777', '0x10', '5 6', '40000000022', '2147483648', '\f7', '7\v'];
const SEVERITIES = [
  'info', 'mail.info', 'LOCAL7.Debug', 'authpriv.info', 'mail', 'panic', 'warn', '.info', 'mail.', 'kern.emerg', 'uucp.err', 'local8.info', 'mail.info.x', 'auth.notice', 'mail. info', 'syslog.info', 'constructor', 'cron.crit',
];
const ACCOUNTS = ['root', 'daemon', 'nosuchuser', 'root.root', 'root.nosuchgroup', 'nosuchuser.root', '', 'root.', '.root', 'root.root.root', '0', 'Root', '%d'];

function makeOption(random: Random, world: World): string {
  const sign = () => random.pick([' ', ' ', ' ', '=', ' = ', '  ', '==', '\t', '\v', '']);
  const valued = (name: string, values: readonly string[]) => `${name}${random.oneIn(12) ? '' : sign()}${random.oneIn(12) ? '' : random.pick(values)}`;
  return random.choose<string>(
    [4, () => valued('spawn', COMMANDS)],
    [3, () => valued('setenv', ASSIGNMENTS)],
    [1, () => valued('severity', SEVERITIES)],
    [1, () => random.pick(['keepalive', 'keepalive', 'keepalive x', 'KeepAlive='])],
    [1, () => valued('linger', NUMBERS)],
    [1, () => (world.isDry ? valued('nice', NUMBERS) : random.oneIn(3) ? 'rfc931' : valued('rfc931', NUMBERS))],
    [1, () => valued('nice', NUMBERS)],
    [1, () => valued('umask', NUMBERS)],
    [1, () => valued('user', ACCOUNTS)],
    [1, () => valued('group', ACCOUNTS)],
    [1, () => `banners ${random.pick([world.banners, '/nosuch', `${world.banners}/`, ` = ${world.banners}`])}`],
    [2, () => (world.isDry ? valued('aclexec', COMMANDS) : 'nice')],
    [1, () => (world.isDry ? valued('twist', COMMANDS) : 'nice')],
    [1, () => random.pick(['', ' ', 'echo hi', 'foo', 'alow', 'allow=', 'allow yes', '=', 'deny,', 'ALL', '# x', '\\:', 'constructor', 'toString x'])],
  );
}

function changeCase(random: Random, text: string): string {
  return random.oneIn(15) ? text.toUpperCase() : text;
}

/** An option list. */
export function makeThirdField(random: Random, world: World): string {
  const options = random.list(0, 3, () => changeCase(random, makeOption(random, world)));
  const last = random.choose(
    [3, () => ['allow']],
    [3, () => ['deny']],
    [1, () => ['ALLOW ']],
    [1, () => [world.isDry ? `twist ${random.pick(COMMANDS)}` : 'deny =']],
    [3, (): string[] => []],
  );
  const blank = random.pick(['', ' ']);
  return [...options, ...last].map((option) => blank + option + blank).join(':') + (random.oneIn(30) ? ':' : '');
}
