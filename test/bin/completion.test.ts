// Completion in bash, zsh and fish, as somebody who presses TAB gets it.
import { spawnSync } from 'node:child_process';

import t from 'tap';

import { completionTable } from '../../lib/bin/completion/completion-table.ts';
import { inetdCommands } from '../../lib/bin/inetd/inetd-commands.ts';
import { commands as jailCommands } from '../../lib/bin/jail/jail-commands.ts';
import { serviceCommands } from '../../lib/bin/service-commands.ts';
import { tcpdCommands } from '../../lib/bin/tcpd/tcpd-commands.ts';
import { commandOptions } from '../../lib/bin/uchroot-options.ts';
import { packageDirectory, temporaryDirectory } from '../support/launch.ts';
import { patientMs } from '../support/patience.ts';
import { unlessInstalled } from '../support/root.ts';
import { sanitizerEnv } from '../support/sanitizer.ts';

const uchroot = `${packageDirectory}/dist/bin/uchroot.cjs`;
const env = {
  PATH: process.env.PATH,
  // shells write files there
  HOME: temporaryDirectory(),
  TERM: 'dumb',
  LC_ALL: 'C.UTF-8',
  ...sanitizerEnv,
};

function start(program: string, args: readonly string[]): string {
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    encoding: 'utf8',
    env,
    timeout: patientMs(60_000),
  });
  t.equal(error, undefined);
  t.equal(stderr, '', program);
  t.equal(status, 0, program);
  return stdout;
}

const scriptOf = (shell: string): string => start(process.execPath, [uchroot, '--completion', shell]);

const directory = t.testdir({
  jail: { bin: { 'only-here': '', 'two words': '' }, data: {} },
  'uchroot.bash': scriptOf('bash'),
  'uchroot.zsh': scriptOf('zsh'),
  'uchroot.fish': scriptOf('fish'),
  functions: { _uchroot: scriptOf('zsh') },
});
const jail = `${directory}/jail`;

// The last word, and what it becomes.
const cases: readonly (readonly [line: string, word: string, completed: string])[] = [
  ['uchroot', '--new-s', '--new-session'],
  ['uchroot --net', 'no', 'none'],
  ['uchroot', '--net=ho', '--net=host'],
  ['uchroot --unit', 'ru', 'runit'],
  ['uchroot --cap', 'net_bi', 'net_bind_service'],
  ['uchroot --allow', 'deb', 'debug'],
  ['uchroot --allow', 'debug,keyr', 'debug,keyring'],
  ['uchroot --rlimit', 'nof', 'nofile='],
  ['uchroot --seccomp', 'defau', 'default'],
  ['uchroot --groups', 'dae', 'daemon'],
  ['uchroot --isolate', 'dae', 'daemon'],
  ['uchroot', 'nobody:nog', 'nobody:nogroup'],
  ['uchroot nobody', jail.slice(0, -1), `${jail}/`],
  [`uchroot nobody ${jail}`, '/bin/on', '/bin/only-here'],
  [`uchroot --net=none nobody:nogroup ${jail}/`, '/bin/on', '/bin/only-here'],
  [`uchroot --setenv A=b nobody ${jail} /bin/only-here`, '/dat', '/data/'],
  [`uchroot nobody ${jail} /bin/only-here`, '--new-s', '--new-s'],
  [`uchroot -- nobody ${jail}`, '/bin/on', '/bin/only-here'],
  ['uchroot-jail', 'up', 'update'],
  [`uchroot-jail explain ${jail}`, '/bin/on', '/bin/only-here'],
  [`uchroot-jail build ${jail} --pack`, 'zonei', 'zoneinfo'],
  [`uchroot-jail check ${jail}`, '--fail', '--fail-on'],
  [`uchroot-jail check ${jail} --fail-on`, 'no', 'note'],
  [`uchroot-jail check ${jail} --ignore`, 'path-roo', 'path-root'],
  [`uchroot-jail update --replace`, '/bin/on', '/bin/on'],
  [`uchroot-jail update ${jail} --replace`, '/bin/on', '/bin/only-here'],
  ['uchroot-jail list', '--pac', '--pac'],
  ['uchroot-tcpd', 'exp', 'export'],
  ['uchroot-tcpd export --to', 'nf', 'nftables'],
  ['uchroot-tcpd check --ignore', 'never-matches-host', 'never-matches-host-bits'],
  ['uchroot-tcpd run', '--hostn', '--hostname'],
  ['uchroot-inetd', 'sche', 'schema'],
  ['uchroot-inetd check', '--dire', '--directory'],
  ['uchroot-inetd --log', 'sys', 'syslog'],
  [`uchroot-inetd --listen 7000 nobody ${jail}`, '/bin/on', '/bin/only-here'],
  ['uchroot-service', 'relea', 'release'],
  ['uchroot-service adopt', '--ro-', '--ro-bind'],
];
const lines = cases.map(([line, word]) => `${line} ${word}`);
const completed = cases.map(([line, , word]) => `${line} ${word}`);
const several = 'uchroot --unit-';

/** What is shown after TAB behind each line, and the lines afterwards. */
function pressTab(shell: string, script: string, given: readonly string[]) {
  const shown = start('zsh', ['-f', `${packageDirectory}/test/support/tab.zsh`, shell, script, ...given]);
  const after = [...shown.matchAll(/<(.*)>\r$/gm)].map(([, line = '']) => line.trimEnd());
  return { shown, after };
}

for (const shell of ['bash', 'zsh'])
  t.test(`${shell} completes lines`, { skip: unlessInstalled('zsh') }, async (t) => {
    const { after, shown } = pressTab(shell, `${directory}/uchroot.${shell}`, [
      ...lines,
      `uchroot nobody ${jail} /bin/tw`,
      several,
    ]);
    t.same(after, [...completed, String.raw`uchroot nobody ${jail} /bin/two\ words`, several]);
    t.match(shown, /--unit-dir +(?:\(|-- )write its files to DIR instead/);
    t.match(shown, /--unit-name +(?:\(|-- )name of the service/);
  });

t.test('zsh loads the function from fpath', { skip: unlessInstalled('zsh') }, async (t) => {
  const given = ['uchroot-jail up', 'uchroot --net no'];
  const { after } = pressTab('zsh', `${directory}/functions/_uchroot`, given);
  t.same(after, ['uchroot-jail update', 'uchroot --net none']);
});

t.test('fish completes lines', { skip: unlessInstalled('fish') }, async (t) => {
  const ask = [...lines, several].map((line) => `complete -C '${line}'; echo .`).join('\n');
  const answers = start('fish', ['--no-config', '-c', `source ${directory}/uchroot.fish\n${ask}`]).split(
    '.\n',
  );
  const words = answers.map((answer) => answer.split('\n').filter((row) => row !== ''));
  t.same(words.at(-1), []);
  cases.forEach(([line, word, expected], index) => {
    const [first = word, ...others] = (words[index] ?? []).map((row) => row.split('\t')[0]);
    t.equal(first, expected, line);
    t.same(others, [], line);
  });
  t.same(words[cases.length], [
    '--unit-dir\twrite its files to DIR instead',
    "--unit-name\tname of the service (default: the program's)",
  ]);
});

t.test('--completion knows which shells there are', async (t) => {
  const { status, stderr } = spawnSync(process.execPath, [uchroot, '--completion', 'bsh'], {
    encoding: 'utf8',
    env,
  });
  t.equal(status, 1);
  t.match(
    stderr,
    "--completion must be one of bash, zsh, fish, not 'bsh'\nhint: did you mean --completion bash?\n",
  );
});

t.test('the table has each option and each command once, in a form that the scripts read', async (t) => {
  const table = completionTable();
  t.equal(new Set(table).size, table.length);
  // within the quotes of fish a backslash would begin an escape
  for (const row of table) t.match(row, /^[a-z -]+\|[^\\\t\n]+$/);
  const keys = (key: string) =>
    table.flatMap((row) => (row.startsWith(`${key}|--`) ? [row.split('|')[1]] : []));
  const ofUchroot = [...keys('uchroot'), ...keys('launch')];
  t.same(
    ofUchroot.toSorted((one = '', other = '') => one.localeCompare(other)),
    commandOptions()
      .map(({ name }) => `--${name}`)
      .toSorted((one, other) => one.localeCompare(other)),
  );
  const programs = {
    'uchroot-inetd': inetdCommands,
    'uchroot-jail': jailCommands,
    'uchroot-service': serviceCommands,
    'uchroot-tcpd': tcpdCommands,
  };
  for (const [program, commands] of Object.entries(programs))
    for (const [word, { summary, options, operands }] of Object.entries(commands)) {
      t.ok(table.includes(`${program}|!${word}|${summary}`));
      const found = keys(`${program} ${word}`);
      for (const { name } of options) t.equal(found.filter((one) => one === `--${name}`).length, 1, name);
      // the names of clients are not known
      const hasOperands = operands[1] > 0 && `${program} ${word}` !== 'uchroot-tcpd match';
      t.equal(
        table.some((row) => row.startsWith(`${program} ${word}|+|`)),
        hasOperands,
        word,
      );
    }
});
