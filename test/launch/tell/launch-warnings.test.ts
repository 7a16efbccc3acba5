import t from 'tap';

import { toEnv } from '../../../lib/launch/request/value.ts';
import { findWholeEnvironment, zoneNamed } from '../../../lib/launch/tell/launch-warnings.ts';

t.test('TZ names a file unless it is a rule, or UTC', async (t) => {
  const named = ['Asia/Tokyo', 'Japan', 'Etc/GMT+9', 'America/Argentina/Buenos_Aires', '/srv/zones/x'];
  for (const tz of named) t.equal(zoneNamed(tz), tz);
  t.equal(zoneNamed(':Asia/Tokyo'), 'Asia/Tokyo');
  t.equal(zoneNamed(':zone1/x'), 'zone1/x', 'a colon means a file');
  const rules = ['JST-9', 'CET-1CEST,M3.5.0/2,M10.5.0/3', '<+0330>-3:30', '<-03>3<-02>,M3.5.0/-2,M10.5.0/-1'];
  for (const tz of [...rules, '', ':', 'UTC', 'Etc/UTC', ':UTC', 'UTC0'])
    t.equal(zoneNamed(tz), undefined, tz);
});

// Secrets of a service, its PATH and its LD_PRELOAD reached programs without a word.
t.test("env: process.env warns, and variables of the caller's own choice do not", async (t) => {
  const warns = (env: Parameters<typeof toEnv>[0]) => findWholeEnvironment({ env: toEnv(env) }).length > 0;
  process.env.TOKEN = 'secret';
  t.teardown(() => delete process.env.TOKEN);
  t.ok(warns(process.env));
  t.ok(warns({ ...process.env }));
  t.ok(warns({ MORE: '1', ...process.env, PATH: '/bin' }));
  t.notOk(warns(undefined));
  t.notOk(warns({ TOKEN: 'secret', LANG: 'C' }));
  const names = Object.keys(process.env);
  t.notOk(warns({ ...process.env, [names.at(-1) ?? '']: undefined }), 'one of them is left out');
  t.notOk(warns({ ...process.env, [names[0] ?? '']: undefined }));
  t.notOk(warns(Object.fromEntries(names.map((name) => [name, 'other']))), 'all values are others');
  const [{ hint } = {}] = findWholeEnvironment({ env: toEnv(process.env) });
  t.match(hint, /passEnv: .* keepEnv: true/);
});
