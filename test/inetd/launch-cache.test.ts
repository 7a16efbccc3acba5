// A look at a launch serves all services that have the same one.
import t from 'tap';

import { foreseeProblems } from '../../lib/inetd/first-connection.ts';
import { onceALaunch } from '../../lib/inetd/launch-cache.ts';
import { normalizeServe } from '../../lib/inetd/serve-request.ts';
import { serviceProblems } from '../../lib/inetd/service-problem.ts';
import type { LaunchRequest } from '../../lib/launch/request/request.ts';
import { native } from '../../lib/native.ts';

const launch: LaunchRequest = { user: 'sam', jail: Buffer.from('/srv/j'), program: '/bin/cat' };

t.test('launches that differ in their arguments alone are looked at once', async (t) => {
  const looked: LaunchRequest[] = [];
  const look = onceALaunch(async (one) => looked.push(one));
  for (const args of [['-a'], ['-b'], undefined])
    await look({ ...launch, jail: Buffer.from('/srv/j'), ...(args && { args }) });
  t.equal(looked.length, 1);
  const others: Partial<LaunchRequest>[] = [
    { user: 'joe' },
    { jail: '/srv/k' },
    { program: '/bin/dog' },
    { env: { A: '1' } },
    { memory: '64M' },
  ];
  for (const other of others) t.equal(await look({ ...launch, ...other }), looked.length);
  t.equal(looked.length, 1 + others.length);
});

t.test('a failure is remembered too', async (t) => {
  let count = 0;
  const look = onceALaunch(() => Promise.reject(new Error(`failure ${++count}`)));
  for (let i = 0; i < 2; i++) await t.rejects(look(launch), { message: 'failure 1' });
});

t.test('many services with the same launch cost one look at the host', async (t) => {
  const settings = normalizeServe({
    listen: ['@uchroot-none'],
    user: 'no-such-user',
    jail: '/',
    program: '/x',
  });
  const readHost = native.readHost.bind(native);
  let count = 0;
  t.teardown(() => Object.assign(native, { readHost }));
  Object.assign(native, {
    readHost: (...words: Parameters<typeof readHost>) => (count++, readHost(...words)),
  });
  const find = serviceProblems();
  for (let i = 0; i < 20; i++) t.match((await find(settings))?.message, /no-such-user/);
  t.equal(count, 1);
  const services = new Map(Array.from({ length: 20 }, (_, index) => [`s${index}`, settings]));
  t.equal((await foreseeProblems(services)).length, 20);
  t.equal(count, 2);
});
