// Third fields of rules: option lists, right and wrong.
import type { Random } from '../../tcpwrappers-random.ts';
import { split, type World } from './world.ts';

const COMMANDS = [
  ...'echo %c|echo %a %A|echo %n|echo %N %s|echo %h %H %d|echo %u %c|echo %p %r %R|x %|echo 100%%|echo %q'.split(
    '|',
  ),
  ...'echo %c %n %c|%s %N %s|echo \xe9 %d|echo "%c"; id|(echo %h) &| x  |%\t%d|x %X|%c@%s %u %n %h %c'.split(
    '|',
  ),
  ...split('a\\:b \\\\: x\\y % %%% %u%u [a =x'),
  '%n %u'.repeat(45),
  '%d%s'.repeat(40),
  `%n%u${'%c'.repeat(60)}`,
];
const ASSIGNMENTS = 'A B|A|A  B C |A=B|=A B|A =B|%d %c|X %n%u|%n=%c x|A \\:|A\tB|A,B C|%q x|A %q|%q'.split(
  '|',
);
const NUMBERS = [
  ...split('0 5 022 10 -1 +5 08 5x x 99999999999 4294967297 -99999999999999999999999 1777 777 0777 0x10'),
  ...split('40000000022 2147483648 \f7 7\v'),
  '5 6',
];
const SEVERITIES = [
  ...split('info mail.info LOCAL7.Debug authpriv.info mail panic warn .info mail. kern.emerg uucp.err'),
  ...split('local8.info mail.info.x auth.notice syslog.info constructor cron.crit daemon.alert lpr.warning'),
  'mail. info',
];
const ACCOUNTS = split(
  'root daemon nosuchuser root.root root.nosuchgroup nosuchuser.root root. .root root.root.root 0 Root %d',
);
const OTHERS = [
  ...split('keepalive keepalive keepalive KeepAlive= foo alow allow= = deny, ALL \\: constructor'),
  ...'| |echo hi|allow yes|# x|toString x|keepalive x'.split('|'),
];

function makeOption(random: Random, world: World): string {
  const valued = (name: string, values: readonly string[]) => {
    const sign = random.oneIn(12) ? '' : random.pick([' ', ' ', ' ', '=', ' = ', '  ', '==', '\t', '\v']);
    return name + sign + (random.oneIn(12) ? '' : random.pick(values));
  };
  const banners = random.pick([world.banners, world.banners, '/nosuch', `${world.banners}/`]);
  return random.choose(
    [4, () => valued('spawn', COMMANDS)],
    [3, () => valued('setenv', ASSIGNMENTS)],
    [1, () => valued('severity', SEVERITIES)],
    [1, () => valued('linger', NUMBERS)],
    [1, () => valued('nice', NUMBERS)],
    // a dry run looks nobody up
    [1, () => (world.isDry || random.oneIn(3) ? 'nice' : valued('rfc931', NUMBERS))],
    [1, () => (world.isDry ? 'nice' : 'rfc931')],
    [2, () => valued('umask', NUMBERS)],
    [1, () => valued('user', ACCOUNTS)],
    [1, () => valued('group', ACCOUNTS)],
    [1, () => `banners ${banners}`],
    // and a real run would run these
    [2, () => (world.isDry ? valued('aclexec', COMMANDS) : 'keepalive')],
    [1, () => (world.isDry ? valued('twist', COMMANDS) : 'keepalive')],
    [2, () => random.pick(OTHERS)],
  );
}

/** An option list. */
export function makeThirdField(random: Random, world: World): string {
  const options = random.list(0, 3, () => {
    const option = makeOption(random, world);
    return random.oneIn(15) ? option.toUpperCase() : option;
  });
  const last = random.choose(
    [3, () => ['allow']],
    [3, () => ['deny']],
    [1, () => ['ALLOW ']],
    [1, () => [world.isDry ? `twist ${random.pick(COMMANDS)}` : 'deny =']],
    [3, (): string[] => []],
  );
  const blank = random.pick(['', ' ']);
  const field = [...options, ...last].map((option) => blank + option + blank).join(':');
  return random.oneIn(30) ? `${field}:` : field;
}
