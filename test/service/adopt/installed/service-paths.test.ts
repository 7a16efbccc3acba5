// The paths of the host that a service sees.
import t from 'tap';

import {
  ownConfiguration,
  ownData,
  servicePaths,
} from '../../../../lib/service/adopt/installed/service-paths.ts';
import { refusalOf } from '../../../../lib/service/adopt/service-refusal.ts';
import { daemon, installed } from '../../../support/service/described.ts';

const nothing = { data: [], configuration: [] };

t.test('a path that the unit lets the service write is the one of the host', async (t) => {
  const mounted = (...names: readonly string[]): readonly string[] =>
    servicePaths(installed({ ...daemon, ReadWritePaths: names }), nothing, []).map(({ path, isReadOnly }) => {
      t.notOk(isReadOnly);
      return path;
    });
  t.same(mounted('/data', '-/srv', '+/opt/web', '-/var/run/web', '/home'), [
    '/data',
    '/home',
    '/opt/web',
    '/run/web',
    '/srv',
  ]);
  // tor and chrony name such paths: what they write there is of the jail
  t.same(mounted('-/proc', '/sys', '/dev', '/run', '/var/run', '/tmp', '/var/tmp'), []);
});

t.test('a service that may write to directories of the system is not adopted', async (t) => {
  const refusal = (name: string): string | undefined =>
    refusalOf(installed({ ...daemon, ReadWritePaths: [name] }))?.message;
  for (const path of [
    '/',
    '/var',
    '/var/lib',
    '/var/lib/uchroot',
    '/etc',
    '/usr',
    '/boot',
    '/sbin',
    '/lib64',
  ])
    t.equal(
      refusal(`-${path}`),
      `web.service cannot be adopted: ReadWritePaths=${path}: a jail shares directories of data, and none of the system`,
    );
  for (const path of ['/data', '/run', '/var/lib/web', '/var/www', '/etc/web', '/library'])
    t.equal(refusal(path), undefined, path);
});

t.test('the data are those of the own packages, by name or by their lists of files', async (t) => {
  const found = [
    { path: '/run/systemd', package: 'systemd' },
    { path: '/var/lib/web', package: 'web' },
    { path: '/var/log/web', package: 'web-common' },
    { path: '/var/lib/other', package: 'web-common' },
  ];
  const own = ownData(found, ['web'], ['/usr/sbin/web', '/var/log/web']);
  t.same(
    own.map(({ path }) => path),
    ['/var/lib/web', '/var/log/web'],
  );
});

t.test('the own configuration is that of the own packages and ConfigurationDirectory=', async (t) => {
  const packed = [
    '/etc',
    '/etc/web',
    '/etc/web/main.conf',
    '/etc/cron.d/web',
    '/etc/default/web',
    '/usr/sbin/web',
  ];
  const service = installed({ ...daemon, ConfigurationDirectory: ['own'] });
  t.same(ownConfiguration(packed, service), ['/etc/web', '/etc/own']);
});

t.test(
  'a file that was found in a directory that the unit lets it write is not mounted once more',
  async (t) => {
    const service = installed({ ...daemon, ReadWritePaths: ['/etc/web'] });
    const found = { data: [], configuration: ['/etc/web/web.conf', '/etc/other'] };
    const shown = (given: readonly string[]): readonly string[] =>
      servicePaths(
        service,
        found,
        given.map((path) => ({ path, isReadOnly: true, isOptional: false })),
      ).map(({ path, isReadOnly }) => `${isReadOnly ? 'ro' : 'rw'} ${path}`);
    t.same(shown([]), ['ro /etc/other', 'rw /etc/web']);
    t.same(shown(['/etc/web/web.conf']), ['ro /etc/other', 'rw /etc/web', 'ro /etc/web/web.conf']);
  },
);
