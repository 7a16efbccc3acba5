// Which paths of a service are its own configuration.
import t from 'tap';

import { placeOf } from '../../../../lib/service/adopt/adoption-record.ts';
import { keptPaths } from '../../../../lib/service/adopt/adoption-plan.ts';
import { shownDate } from '../../../../lib/service/adopt/kept/kept-configuration.ts';

t.test(
  'paths in /etc are kept, but no database of the host and nothing that the caller lets it write',
  async (t) => {
    const path = (path: string, isReadOnly = true) => ({ path, isReadOnly, isOptional: false });
    const named = [path('/etc/state', false), path('/etc/web.conf')];
    const mounted = ['/etc/group', '/etc/passwd', '/etc/web', '/srv/etc', '/var/lib/web'].map((one) =>
      path(one),
    );
    const ofHost = { ...path('/etc/ssl/certs'), isOfHost: true as const };
    t.same(keptPaths([...named, ofHost, ...mounted], named), ['/etc/web.conf', '/etc/web']);
  },
);

t.test('a date is shown with its zone', async (t) => {
  t.equal(shownDate('2026-03-01T09:08:07.654Z'), '2026-03-01 09:08:07 UTC');
});

t.test('the directory of a service can stand in a setting of systemd', async (t) => {
  t.match(placeOf('a:b@c.service'), /\/a\+b@c\.service$/);
});
