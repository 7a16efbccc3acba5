import { execFileSync } from 'node:child_process';

import t from 'tap';

import { commandLine, eachAlone, shellWord, unexpanded } from '../../lib/words/shell-word.ts';
import '../support/plain-spawn.ts';

const words: readonly (readonly [word: string, written: string])[] = [
  ['/srv/a-b_c.d:e,f=g@h%i+j', '/srv/a-b_c.d:e,f=g@h%i+j'],
  ['', "''"],
  ['a b', "'a b'"],
  [String.raw`a\b$c`, String.raw`'a\b$c'`],
  ["it's", `"it's"`],
  [`it's "it"`, String.raw`$'it\'s "it"'`],
  ["it's $it", String.raw`$'it\'s $it'`],
  ["it's !", String.raw`$'it\'s !'`],
  ["it's `", String.raw`$'it\'s ${'`'}'`],
  [String.raw`\'`, String.raw`$'\\\''`],
  ['a\n\xff\x0e', String.raw`$'a\x0a\xff\x0e'`],
];

t.test('a word is written as a shell reads it', async (t) => {
  for (const [word, written] of words) {
    t.equal(shellWord(word), written);
    const read = execFileSync('bash', ['-c', `printf %s ${written}`], { env: { LC_ALL: 'C' } });
    t.equal(read.toString('latin1'), word);
  }
  t.equal(commandLine('ls', 'a b', "it's"), `ls 'a b' "it's"`);
});

t.test(
  'a tilde or a variable at the start of a path is told as one that a shell has not replaced',
  async (t) => {
    t.same(unexpanded('~/jail'), {
      problem: 'only a shell knows ~, and not in single quotes',
      written: '"$HOME/jail"',
    });
    t.equal(unexpanded('$PLACE/a')?.written, '"$PLACE/a"');
    t.equal(unexpanded('${PLACE}')?.written, '"${PLACE}"');
    t.equal(unexpanded('~/\xc3\xa9')?.written, '"$HOME/é"', 'bytes of UTF-8');
    for (const path of ['~', '~sam/jail', '/srv/~/jail', '$', '/srv/$PLACE'])
      t.equal(unexpanded(path), undefined);
  },
);

t.test('names with commas between them are written one by one', async (t) => {
  t.equal(eachAlone('--drop', 'a,b'), 'write --drop a --drop b');
  t.equal(eachAlone('--drop', ',a,,b c,'), "write --drop a --drop 'b c'");
  for (const names of ['a', 'a,', '', ',']) t.equal(eachAlone('--drop', names), undefined, names);
});
