import t from 'tap';

import { launchKeys } from '../lib/launch/request/request.ts';
import { nearest } from '../lib/nearest.ts';

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
