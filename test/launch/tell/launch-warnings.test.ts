import t from 'tap';

import { zoneNamed } from '../../../lib/launch/tell/launch-warnings.ts';

t.test('TZ names a file unless it is a rule, or UTC', async (t) => {
  const named = ['Asia/Tokyo', 'Japan', 'Etc/GMT+9', 'America/Argentina/Buenos_Aires', '/srv/zones/x'];
  for (const tz of named) t.equal(zoneNamed(tz), tz);
  t.equal(zoneNamed(':Asia/Tokyo'), 'Asia/Tokyo');
  t.equal(zoneNamed(':zone1/x'), 'zone1/x', 'a colon means a file');
  const rules = ['JST-9', 'CET-1CEST,M3.5.0/2,M10.5.0/3', '<+0330>-3:30', '<-03>3<-02>,M3.5.0/-2,M10.5.0/-1'];
  for (const tz of [...rules, '', ':', 'UTC', 'Etc/UTC', ':UTC', 'UTC0'])
    t.equal(zoneNamed(tz), undefined, tz);
});
