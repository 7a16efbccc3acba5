import { execFileSync } from 'node:child_process';

import t from 'tap';

import { commandLine, shellWord } from '../lib/shell-word.ts';
import './support/plain-spawn.ts';

const words: readonly (readonly [word: string, written: string])[] = [
  ['/srv/a-b_c.d:e,f=g@h%i+j', '/srv/a-b_c.d:e,f=g@h%i+j'],
  ['', "''"],
  ['a b', "'a b'"],
  [String.raw`a\b$c`, String.raw`'a\b$c'`],
  ["it's", String.raw`$'it\'s'`],
  [String.raw`\'`, String.raw`$'\\\''`],
  ['a\n\xff\x0e', String.raw`$'a\x0a\xff\x0e'`],
];

t.test('a word is written as a shell reads it', async (t) => {
  for (const [word, written] of words) {
    t.equal(shellWord(word), written);
    const read = execFileSync('bash', ['-c', `printf %s ${written}`], { env: { LC_ALL: 'C' } });
    t.equal(read.toString('latin1'), word);
  }
  t.equal(commandLine('ls', 'a b', "it's"), String.raw`ls 'a b' $'it\'s'`);
});
