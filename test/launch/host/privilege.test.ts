import t from 'tap';

import { findUnmapped, type Namespace } from '../../../lib/launch/host/privilege.ts';

const sam = {
  uid: 1001,
  gid: 1002,
  groups: [29, 1002],
  memberships: [],
  name: 'sam',
  home: '/',
  shell: '/bin/sh',
};
const all = '         0          0 4294967295\n';
const some = '0 1000 1\n         1       100000      65536\n';

const of = (changes: Partial<Namespace>) =>
  findUnmapped(sam, { setgroups: 'allow\n', uidMap: all, gidMap: all, ...changes });

t.test('where every id is mapped and setgroups allowed, nothing is in the way', async (t) => {
  t.equal(of({}), undefined);
  t.equal(of({ uidMap: some, gidMap: some }), undefined);
});

t.test('the step is the first that would fail, and the hint names every cause', async (t) => {
  const denied = of({ setgroups: 'deny\n' });
  t.match([denied?.step, denied?.code], ['setgroups', 'EPERM']);
  t.match(denied?.hint, /^setgroups=deny \(\/proc\/self\/setgroups\): start/);
  const narrow = of({ uidMap: '0 0 1\n', gidMap: '0 0 1\n' });
  t.match([narrow?.step, narrow?.code], ['setgroups', 'EINVAL']);
  t.match(narrow?.hint, /^uid 1001 has no mapping \([^;]*; gid 1002,29 has no mapping \(/);
  t.equal(of({ gidMap: '29 29 1\n' })?.step, 'setgroups');
  t.equal(of({ uidMap: '0 0 1001\n' })?.step, 'setresuid', 'the first id that is not in a range');
  t.equal(of({ uidMap: '0 0 1002\n' }), undefined, 'the last one that is');
  const own = { ...sam, groups: [] };
  const namespace = { setgroups: 'allow', uidMap: all, gidMap: '0 0 1' };
  t.equal(findUnmapped(own, namespace)?.step, 'setresgid');
});
