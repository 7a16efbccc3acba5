import t from 'tap';

import { bytePath } from '../../../lib/tree/path.ts';
import {
  commandsOf,
  findCommands,
  findSourced,
  isShell,
  startedIn,
} from '../../../lib/jail/dpkg/script-calls.ts';
import { memoryRoot } from '../../support/binary/image.ts';
import { patientMs } from '../../support/patience.ts';

t.test('commands are found wherever the shell looks for one', async (t) => {
  for (const [script, command] of [
    ['sed s/a/b/', 'sed'],
    ['  sed -n 1p', 'sed'],
    ['a | sed x', 'sed'],
    ['a && sed x', 'sed'],
    ['a;sed x', 'sed'],
    ['x=$(sed x)', 'sed'],
    ['x=`sed x`', 'sed'],
    ['if sed x; then y; fi', 'sed'],
    ['if x; then sed y; fi', 'sed'],
    ['exec sed x', 'sed'],
    ['find . | xargs sed x', 'sed'],
    ['/usr/bin/sed x', 'sed'],
    ['/bin/sed x', 'sed'],
    ['! sed x', 'sed'],
    ['case $(sed x) in', 'sed'],
    ['LC_ALL=C sed x', 'sed'],
    ["x | TZ='Asia/Tokyo' A= sed x", 'sed'],
  ] as const)
    t.ok(findCommands(script).has(command), script);
});

t.test('arguments, comments and variables are none', async (t) => {
  for (const script of ['echo sed', '# sed x', 'sed=1', 'x sed', 'sed-x', 'sed_x y', 'make A=b sed'])
    t.notOk(findCommands(script).has('sed'), script);
});

t.test('a file that a script reads in is found', async (t) => {
  t.same(
    [
      ...findSourced(
        '. "$(git --exec-path)/git-sh-setup"\n. /lib/lsb/init-functions\nx; source ./common\n. $x\n./run',
      ),
    ],
    ['git-sh-setup', '/lib/lsb/init-functions', 'common', 'x'],
  );
});

t.test('the commands of what is read in count as well, and circles end', async (t) => {
  const root = memoryRoot({
    '/usr/lib/git-core/git-sh-setup': '. git-sh-i18n\nuname -s\n',
    '/usr/lib/git-core/git-sh-i18n': '. git-sh-setup\ngettext x\n',
  });
  const commands = commandsOf(root, bytePath('/usr/lib/git-core/git-submodule'), '. git-sh-setup\nsed x\n');
  for (const command of ['sed', 'uname', 'gettext']) t.ok(commands.has(command), command);
});

t.test(
  'a program is found that a function of Python, Perl or Ruby starts, or that a variable holds',
  async (t) => {
    for (const [text, command] of [
      ['qw(xz -d -c)', 'xz'],
      ["subprocess.run(['git', 'log'])", 'git'],
      ["subprocess.check_output(\n    [\n        'git', '-C', x])", 'git'],
      ['shutil.which("ninja")', 'ninja'],
      ["system('diff -u a b')", 'diff'],
      ['my $diff_cmd = "diff";', 'diff'],
      ["self.config['pager_command'] = 'less'", 'less'],
    ] as const)
      t.ok(startedIn(text).has(command), text);
    for (const text of [
      "('file', 1)",
      "{'name': 'file'}",
      'filename = "file"',
      "recall('file')",
      'run(file)',
    ])
      t.equal(startedIn(text).size, 0, text);
  },
);

t.test('a shell is known by its name', async (t) => {
  for (const path of ['/bin/sh', '/bin/dash', '/usr/bin/bash']) t.ok(isShell(bytePath(path)), path);
  for (const path of ['/usr/bin/ssh', '/usr/bin/fish', '/usr/bin/csh', '/usr/bin/python3'])
    t.notOk(isShell(bytePath(path)), path);
});

t.test('a long line takes no longer than its length', async (t) => {
  const start = performance.now();
  for (const text of ['a', ' ', '(', '| ', '. ', '.a', '"'].map((part) => part.repeat(300_000)))
    commandsOf(memoryRoot({}), bytePath('/x'), text);
  t.ok(performance.now() - start < patientMs(5000));
});
