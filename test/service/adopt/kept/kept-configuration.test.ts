// Which paths of a service are its own configuration.
import t from 'tap';

import { placeOf } from '../../../../lib/service/adopt/adoption-record.ts';
import { ownConfiguration, shownDate } from '../../../../lib/service/adopt/kept/kept-configuration.ts';

t.test(
  'paths in /etc are kept, but no database of the host and nothing that the caller lets it write',
  async (t) => {
    const mounted = [
      '/etc/group',
      '/etc/passwd',
      '/etc/state',
      '/etc/web',
      '/etc/web.conf',
      '/srv/etc',
      '/var/lib/web',
    ];
    const wishes = {
      user: undefined,
      programs: [],
      paths: [
        { path: '/etc/state', isReadOnly: false, isOptional: false },
        { path: '/etc/web.conf', isReadOnly: true, isOptional: false },
      ],
    };
    t.same(ownConfiguration({ mounted, wishes }), ['/etc/web', '/etc/web.conf']);
  },
);

t.test('a date is shown with its zone', async (t) => {
  t.equal(shownDate('2026-03-01T09:08:07.654Z'), '2026-03-01 09:08:07 UTC');
});

t.test('the directory of a service can stand in a setting of systemd', async (t) => {
  t.match(placeOf('a:b@c.service'), /\/a\+b@c\.service$/);
});
