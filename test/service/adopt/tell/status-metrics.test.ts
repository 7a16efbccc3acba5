import t from 'tap';

import type { ServiceStatus } from '../../../../lib/service/adopt/adopted-status.ts';
import { statusMetrics } from '../../../../lib/service/adopt/tell/status-metrics.ts';

const web: ServiceStatus = {
  unit: 'web.service',
  entry: 'systemd',
  user: 'www-data',
  reason: 'its unit says so',
  exposure: { before: 9.6, after: 2.1 },
  jail: '/var/lib/uchroot/services/web.service/1/jail',
  state: 'active',
  problems: [],
  writable: [],
  connectTo: [],
  refusedCalls: [],
  givesAway: [],
  packages: [{ package: 'libssl3', from: '3.0.1', to: '3.0.2' }],
  changes: 3,
  outdated: ['/etc/web.conf'],
  onlyInJail: [],
  isDropInMissing: false,
  isOverridden: false,
  keptConfiguration: undefined,
  failure: undefined,
  failedAt: undefined,
  failedUpdate: { at: '2026-01-02T03:04:05.000Z', message: 'web.service does not come up' },
  differing: [],
  listensOn: [],
};

const samples = (text: string): readonly string[] => text.split('\n').filter((line) => /^[^#]/.test(line));

t.test('each fact is a gauge, with the unit as its label', async (t) => {
  const text = statusMetrics([web], []);
  t.same(samples(text), [
    'uchroot_service_active{unit="web.service"} 1',
    'uchroot_service_problems{unit="web.service"} 0',
    'uchroot_service_changed_files{unit="web.service"} 4',
    'uchroot_service_outdated_packages{unit="web.service"} 1',
    'uchroot_service_kept_configuration{unit="web.service"} 0',
    'uchroot_service_failed_update{unit="web.service"} 1',
    'uchroot_service_exposure{unit="web.service"} 2.1',
  ]);
  const types = text.split('\n').filter((line) => /^# TYPE uchroot_service_\w+ gauge$/.test(line));
  t.equal(types.length, 7);
  t.ok(text.endsWith('\n'));
});

t.test('samples of a metric stand together, and what is not known has no sample', async (t) => {
  const bad = {
    ...web,
    unit: String.raw`a\x2db@"c.service`,
    state: 'failed',
    changes: undefined,
    isDropInMissing: true,
  };
  const text = statusMetrics(
    [web, { ...bad, exposure: { before: undefined, after: undefined } }],
    ['gone.service'],
  );
  const name = String.raw`{unit="a\\x2db@\"c.service"}`;
  t.same(
    samples(text).filter((line) => !line.includes('web.service')),
    [
      `uchroot_service_active${name} 0`,
      `uchroot_service_problems${name} 1`,
      `uchroot_service_outdated_packages${name} 1`,
      `uchroot_service_kept_configuration${name} 0`,
      `uchroot_service_failed_update${name} 1`,
      'uchroot_service_unknown{unit="gone.service"} 1',
    ],
  );
  t.equal(text.match(/^# HELP uchroot_service_active /gm)?.length, 1);
  t.equal(statusMetrics([], []), '');
});
