import t from 'tap';

import { hasNetgroups, lookUpNetgroup, parseNetgroup } from '../../../lib/tcpwrappers/lookup/netgroup.ts';

t.test('the hosts of a netgroup are the first of each triple', async (t) => {
  t.same(parseNetgroup('trusted   (one.example.com,,) ( two ,joe,example.com) (,jane,)\n'), [
    'one.example.com',
    'two',
    undefined,
  ]);
});

t.test('a triple for no host has none', async (t) => {
  t.same(parseNetgroup('users (-,joe,) (host,-,)\n'), ['host']);
  t.same(parseNetgroup('empty\n'), []);
});

t.test(
  'a netgroup that is not there has no hosts',
  { skip: !hasNetgroups() && 'needs getent' },
  async (t) => {
    t.same(await lookUpNetgroup('uchroot-nosuch', 10_000), { value: [] });
    t.same(await lookUpNetgroup('--help', 10_000), { value: [] });
  },
);

t.test('a name that cannot be asked about is not one without hosts', async (t) => {
  t.equal((await lookUpNetgroup('\xff', 10_000)).value, undefined);
});
