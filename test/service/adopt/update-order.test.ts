// The order of updates, and their causes.
import t from 'tap';

import { causeOf } from '../../../lib/service/adopt/update-cause.ts';
import { inOrder, parseNeeds } from '../../../lib/service/adopt/update-order.ts';

const shown = `Requires=system.slice db.service
BindsTo=
After=sysinit.target db.service
Id=web.service

Requires=
BindsTo=net.service
After=
Id=db.service

Requires=
BindsTo=
After=
Id=net.service
`;
const units = ['web.service', 'db.service', 'net.service', 'z.service'];
const needs = parseNeeds(shown, units);

t.test('a service needs those of its unit that are adopted', async (t) => {
  t.same([...(needs.get('web.service') ?? [])], ['db.service']);
  t.same([...(needs.get('db.service') ?? [])], ['net.service']);
});

// Runs them, and records what begins and ends.
async function trace(jobs: number, stopsAt?: string, of = needs): Promise<readonly string[]> {
  const events: string[] = [];
  const left = await inOrder(units, of, jobs, async (unit) => {
    events.push(unit.replace('.service', ''));
    for (let turn = 0; turn < 5; turn++) await Promise.resolve();
    events.push('end');
    return unit !== stopsAt;
  });
  return [...events, ...left.map((unit) => `left ${unit}`)];
}

t.test('each comes after those that it needs, as many at a time as there may be', async (t) => {
  t.same(await trace(1), ['net', 'end', 'db', 'end', 'web', 'end', 'z', 'end']);
  t.same(await trace(4), ['net', 'z', 'end', 'end', 'db', 'end', 'web', 'end']);
});

t.test('after a failure those that run end, and no other begins', async (t) => {
  t.same(await trace(1, 'net.service'), [
    'net',
    'end',
    'left web.service',
    'left db.service',
    'left z.service',
  ]);
  t.same(await trace(2, 'net.service'), ['net', 'z', 'end', 'end', 'left web.service', 'left db.service']);
});

t.test('a circle has a first one', async (t) => {
  const circle = new Map([
    ['web.service', new Set(['db.service'])],
    ['db.service', new Set(['web.service'])],
  ]);
  const events = await trace(1, undefined, circle);
  t.same(events, ['net', 'end', 'z', 'end', 'web', 'end', 'db', 'end']);
});

t.test('an error ends it when those that run have ended', async (t) => {
  const ended: string[] = [];
  const work = async (unit: string): Promise<boolean> => {
    if (unit === 'web.service') throw new Error('web');
    await new Promise(setImmediate);
    ended.push(unit);
    return true;
  };
  await t.rejects(inOrder(units, new Map(), 3, work), /web/);
  t.same(ended, ['db.service', 'net.service']);
});

t.test('a changed program counts more than libraries, and these more than other files', async (t) => {
  const programs = ['/usr/sbin/nginx', '/bin/kill'];
  const rows = [
    ['program', ['/etc/x', '/usr/lib/libssl.so.3', '/usr/sbin/nginx']],
    ['program', ['/usr/bin/kill']],
    ['libraries', ['/etc/x', '/usr/lib/libssl.so.3']],
    ['libraries', ['/usr/lib/nginx/modules/ngx_http.so']],
    ['files', ['/usr/share/x.sob', '/usr/bin/other']],
  ] as const;
  for (const [cause, changed] of rows) t.equal(causeOf(changed, programs), cause, String(changed));
});
