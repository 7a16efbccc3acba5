import t from 'tap';

import { launchKeys } from '../../lib/launch/request/request.ts';
import { didYouMean, nearest } from '../../lib/words/nearest.ts';

t.test('nearest finds the word that was meant, whatever its capitals', async (t) => {
  const known = ['user', 'program', 'allowRoot'];
  t.equal(nearest('usre', known), 'user');
  t.equal(nearest('ALLOWROOT', known), 'allowRoot');
  t.equal(nearest('allow-root', known), 'allowRoot');
  t.equal(nearest('progam', known), 'program');
});

t.test('nearest finds nothing where nothing is near', async (t) => {
  t.equal(nearest('xyzzy-and-more', ['user', 'program']), undefined);
  t.equal(nearest('user', []), undefined);
  t.equal(nearest('', ['user']), undefined);
  t.equal(nearest('zz', ['ls', 'id']), undefined, 'nothing of the word is left');
});

t.test('a known word is always nearest to itself', async (t) => {
  for (const key of launchKeys) t.equal(nearest(key, [...launchKeys]), key);
});

t.test('the longer a word, the more of it may be wrong', async (t) => {
  for (const [word, known, meant] of [
    ['x', 'a', undefined],
    ['kilx', 'kill', 'kill'],
    ['kxlx', 'kill', undefined],
    ['stxxt', 'start', 'start'],
    ['sxxxt', 'start', undefined],
    ['startxx', 'start', 'start'],
    ['startxxx', 'start', undefined],
    ['abcdefghijkl', 'abcdefghxxxx', 'abcdefghxxxx'],
    ['abcdefghijkl', 'abcdefgxxxxx', undefined],
    ['ehllo', 'hello', 'hello'],
    ['lehlo', 'hello', 'hello'],
    ['ab', 'ba', 'ba'],
    ['abdc', 'abcd', 'abcd'],
    ['cdab', 'abcd', undefined],
  ] as const)
    t.equal(nearest(word, [known]), meant, word);
});

// A user name of 100,000 bytes held the event loop of a service for 2.5 seconds. This one would take minutes.
t.test('a word of millions of letters is compared with none that is shorter', async (t) => {
  t.equal(nearest('n'.repeat(10_000_000), [...launchKeys]), undefined);
});

t.test('of two that are equally near, the one that the word begins with is meant', async (t) => {
  t.equal(nearest('lss', ['less', 'ls']), 'ls');
  t.equal(nearest('lss', ['ls', 'less']), 'ls');
  t.equal(nearest('star', ['stay', 'start']), 'start');
  t.equal(nearest('kilx', ['kila', 'kilb']), 'kila');
});

t.test('a word of another program has our word, or a hint of its own', async (t) => {
  const foreign = { files: 'nofile', fd: 'nofile', workingDir: 'cwd', cmd: 'write args: [...]', u: 'user' };
  const hint = (word: string) => didYouMean(word, ['nofile', 'cwd', 'user'], (name) => `'${name}'`, foreign);
  t.equal(hint('files'), "did you mean 'nofile'?");
  t.equal(hint('Fd'), "did you mean 'nofile'?");
  t.equal(hint('WorkingDir'), "did you mean 'cwd'?");
  t.equal(hint('Cmd'), 'write args: [...]');
  t.equal(hint('usr'), "did you mean 'user'?");
  for (const word of ['U', 'constructor', 'xyzzy', '']) t.equal(hint(word), undefined);
  t.equal(didYouMean('usr', ['user']), 'did you mean user?');
});
