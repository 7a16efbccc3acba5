// What the programs of an open jail have in common.
import t from 'tap';

import {
  checkPartial,
  copyRequest,
  mergeRequests,
  normalizeDefaults,
  type JailRunRequest,
} from '../../../lib/launch/request/jail-rows.ts';

const read = (keys: Readonly<Record<string, unknown>>) =>
  normalizeDefaults({ user: 'sam', jail: '/srv/jail', ...keys })[2];

t.test('programs share all, the network or nothing', async (t) => {
  t.equal(read({}).share, 'all');
  for (const share of ['all', 'net', 'none']) t.equal(read({ share }).share, share);
  t.throws(() => read({ share: 'non' }), { name: 'UsageError', hint: "did you mean share: 'none'?" });
  for (const share of [null, true, ['net']])
    t.throws(() => read({ share }), { message: /^share must be one of all, net, none, not / });
});

t.test('any number of programs runs at once, or at most a whole number of them', async (t) => {
  for (const concurrency of [undefined, Infinity]) t.equal(read({ concurrency }).concurrency, undefined);
  for (const concurrency of [1, 4]) t.equal(read({ concurrency }).concurrency, concurrency);
  for (const concurrency of [0, -1, 1.5, NaN, -Infinity, '4', null, true])
    t.throws(() => read({ concurrency }), {
      name: 'UsageError',
      message: /^concurrency must be a whole number from 1 to /,
      hint: 'for example concurrency: 4',
    });
});

t.test('a request is copied with its variables, and the caller can change his own later', async (t) => {
  const request = { program: '/bin/ls', args: ['-l'], env: { A: '1' } };
  const copy = copyRequest(request);
  request.args.push('-a');
  request.env.A = '2';
  t.strictSame({ ...copy, env: { ...copy.env } }, { program: '/bin/ls', args: ['-l'], env: { A: '1' } });
  t.strictSame({ ...copyRequest({ env: process.env }).env }, { ...process.env });
  t.strictSame(copyRequest<JailRunRequest>({ program: '/bin/ls' }), { program: '/bin/ls' });
  for (const env of [[], null, 'A=1'])
    t.throws(() => copyRequest({ env } as unknown as JailRunRequest), { message: /^env must be an object/ });
});

t.test('keys of a request replace the defaults, unless they are undefined', async (t) => {
  const defaults = { isolate: true, timeoutMs: 200, memory: '64M', env: { A: '1', B: '2' } };
  const own = { isolate: undefined, timeoutMs: 0, program: undefined, env: { B: undefined } };
  const env = { A: '1', B: undefined };
  const merged = { isolate: true, timeoutMs: 0, memory: '64M', program: undefined, env };
  t.strictSame(mergeRequests(defaults, own), merged);
  t.strictSame(mergeRequests(defaults, { env: undefined }), defaults);
  const misspelt = mergeRequests<object>(defaults, { timeoutMS: undefined });
  t.ok('timeoutMS' in misspelt, 'a misspelt key stays');
});

t.test('keys for an open jail are an object, and name no jail', async (t) => {
  const check = (request: unknown) => checkPartial(request as object, 'jail.run({…})');
  for (const request of ['ls', 5, null, undefined, [], ['ls']])
    t.throws(() => check(request), {
      name: 'UsageError',
      message: 'the keys must be in an object',
      hint: 'for example jail.run({…})',
    });
  t.throws(() => check({ jail: '/srv' }), { message: /^jail is given twice/ });
  t.doesNotThrow(() => check({ jail: undefined }));
  t.doesNotThrow(() => check({ program: '/bin/ls' }));
});
