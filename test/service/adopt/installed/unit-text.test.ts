// Variables, environment files and specifiers as systemd reads them.
import t from 'tap';

import {
  expandWords,
  readEnvironmentFile,
  hasWatchdog,
  standardFilesIn,
  withoutSpecifiers,
} from '../../../../lib/service/adopt/installed/unit-text.ts';

const variables = new Map([
  ['A', 'one two'],
  ['Q', `-g "a b" 'c  d'`],
  ['EMPTY', ''],
]);

t.test('a variable that is a word becomes its words, one within a word is replaced there', async (t) => {
  t.same(expandWords(['x', '$A', '${A}', 'p=${A}!', '$EMPTY', '${NONE}'], variables), [
    'x',
    'one',
    'two',
    'one two',
    'p=one two!',
    '',
  ]);
  t.same(expandWords(['a ${A:+-x} ${A}'], variables), ['a ${A:+-x} one two'], 'the shell gets it');
  t.same(expandWords(['$Q'], variables), ['-g', 'a b', 'c  d']);
});

t.test('two dollar signs are one, and a name without braces within a word stays', async (t) => {
  t.same(expandWords(['$$A', 'a$A', '^b$'], variables), ['$A', 'a$A', '^b$']);
});

t.test('a word that begins with a dollar sign is one name, and so is all between braces', async (t) => {
  t.same(expandWords(['x', '$A$A', '$A.b', '${A-x}', '${A}${A}'], variables), ['x', '', 'one twoone two']);
});

t.test('an environment file has comments, quotes and continued lines', async (t) => {
  const file = `# comment\n; another\n\nA=plain\nB="two words \\"x\\""\n  C='single $x'\nD=a\\\nb\nno assignment\nA=last\n`;
  t.same(
    [...readEnvironmentFile(file)],
    [
      ['A', 'last'],
      ['B', 'two words "x"'],
      ['C', 'single $x'],
      ['D', 'ab'],
    ],
  );
});

t.test('specifiers that depend on the name are replaced, all others stay', async (t) => {
  const text = 'a %n %N %p %P %j %i %t %% %%n';
  t.equal(
    withoutSpecifiers(text, 'my-db@15-main.service'),
    'a my-db@15-main.service my-db@15-main my-db my/db db %i %t %% %%n',
  );
});

t.test('specifiers for the credentials, the file name and the file of the unit are replaced', async (t) => {
  const file = '/usr/lib/systemd/system/my-db@.service';
  t.equal(
    withoutSpecifiers(`# ${file}\nA=%d/key %f %y %Y\n`, 'my-db@15-main.service'),
    `# ${file}\nA=/run/credentials/my-db@15-main.service/key %f ${file} /usr/lib/systemd/system\n`,
    'the other name has the same instance',
  );
  t.equal(withoutSpecifiers('A=%f %y %Y', 'my-db.service'), 'A=/my/db %y %Y');
  t.equal(
    withoutSpecifiers('# /etc/100%/a.service\nA=%y', 'a.service'),
    '# /etc/100%/a.service\nA=/etc/100%%/a.service',
  );
});

t.test('the files of standard output and the like are those of the last lines', async (t) => {
  const text = ' StandardOutput = append:/a\nStandardInput=file:%L/%i%%\nStandardError=journal\n';
  t.same(standardFilesIn(text, 'x'), ['/a', '/var/log/x%']);
  t.same(standardFilesIn(`${text}StandardOutput=truncate:/b c \nStandardInput=null`), ['/b c']);
});

t.test('the last line about a watchdog counts', async (t) => {
  t.ok(hasWatchdog('[Service]\nWatchdogSec=1h\n'));
  for (const text of ['', 'WatchdogSec=0', 'WatchdogSec=30\nWatchdogSec=0', 'WatchdogSec=infinity'])
    t.notOk(hasWatchdog(text), text);
});
