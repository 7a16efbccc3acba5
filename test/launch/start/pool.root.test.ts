// Programs of an open jail that answer requests (doc/library.md).
import { setTimeout as sleep } from 'node:timers/promises';

import t, { type Test } from 'tap';

import type { PoolRequest } from '../../../lib/launch/request/pool-rows.ts';
import { uchrootJail } from '../../support/builder.ts';
import { temporaryDirectory } from '../../support/launch.ts';
import { patientMs } from '../../support/patience.ts';
import { openJail, type Jail } from '../../support/public-api.ts';
import { unlessRoot } from '../../support/root.ts';
import { eventually, processesOf, fdsBecome, settledFds } from '../../support/service.ts';

const skip = unlessRoot();
const uid = 61_143;
const directory = skip === false ? `${temporaryDirectory()}/jail` : '/';

// answers "pid" with its pid, and what the test asks for with what it does
const worker = `
while IFS= read -r line; do
  id=\${line#*'"id":'}; id=\${id%%,*}; data=\${line#*'"data":'}; data=\${data%'}'}
  case $data in
    '"pid"') data=$$;;
    '"slow"') sleep 0.2;;
    '"hang"') sleep 1000;;
    '"die"') echo 'the last words' >&2; exit 7;;
    '"after"') (sleep 0.2; kill -9 $$) & ;;
    '"close"') exec >&-; sleep 1000;;
    '"error"') echo "{\\"id\\":$id,\\"error\\":\\"no \\u001b[31m\\"}"; continue;;
    '"noise"') printf '%s\\n' '' x null 1 [] "{\\"id\\":99,\\"result\\":0}" "{\\"id\\":\\"$id\\"}" '{"id":';;
    '"object"') echo "{\\"id\\":$id,\\"error\\":{\\"toString\\":1}}"; continue;;
    '"flood"') while :; do printf '%1000000d' 0; done;;
    '"hold"') setsid sleep 3 & kill -9 $$;;
  esac
  echo "{\\"id\\":$id,\\"result\\":$data}"
done`;
const program = { program: '/bin/bash', args: ['-c', worker] };

let jail: Jail;

t.before(async () => {
  if (skip !== false) return;
  const built = uchrootJail(['build', directory, 'bash', 'sleep', 'setsid']);
  if (built.status !== 0) throw new Error(built.stderr);
  jail = await openJail(directory, { user: `${uid}:${uid}` });
});
t.teardown(() => jail?.close());

const test = (name: string, run: (t: Test) => Promise<void>) => t.test(name, { skip }, run);
const open = (request: PoolRequest = {}) => jail.pool({ ...program, ...request });

test('values come back, whatever their order, and nothing is left', async (t) => {
  await Promise.all([open, open, open].map(() => jail.run({ program: '/bin/bash', args: ['-c', ':'] })));
  const before = await settledFds();
  const pool = open({ size: 3 });
  const values = [0, null, false, '', 'ä"\n\u2028', [1, { a: [] }], { id: 5, data: 1, __proto__: null }];
  t.same(await Promise.all(values.map((value) => pool.ask(value))), values);
  t.equal(processesOf(uid).length, 3);
  await pool.close();
  t.same(processesOf(uid), []);
  t.ok(await fdsBecome(before));
  await t.rejects(pool.ask(1), { name: 'PoolError', code: 'ERR_CLOSED' });
});

test('a program serves one request after the other, and is replaced after maxAnswers', async (t) => {
  await using pool = open({ size: 1, maxAnswers: 2 });
  const pids = [];
  for (let count = 0; count < 4; count++) pids.push(await pool.ask('pid'));
  t.equal(pids[0], pids[1]);
  t.equal(pids[2], pids[3]);
  t.not(pids[1], pids[2]);
});

const ends = {
  die: {
    name: 'ExitError',
    code: 'ERR_EXIT',
    exitCode: 7,
    message: /no answer.*status 7\)\nthe last words$/s,
  },
  hang: { name: 'ExitError', code: 'ETIMEDOUT', limit: 'time', timedOut: true, signal: 'SIGKILL' },
  close: { name: 'ExitError', code: 'ERR_SIGNAL' },
  flood: { name: 'ExitError', code: 'ERR_MAX_BUFFER', limit: 'output' },
  hold: { name: 'ExitError' },
  error: { name: 'PoolError', code: 'ERR_ANSWER', message: 'the program answers: no \\x1b[31m' },
};
for (const [data, error] of Object.entries(ends))
  test(`${data}: its request has the error, and the next one has a program`, async (t) => {
    await using pool = open({ size: 1, answerTimeoutMs: patientMs(1000) });
    t.equal(await pool.ask('before'), 'before');
    await t.rejects(pool.ask(data), error);
    t.equal(await pool.ask('after that'), 'after that');
  });

test('lines that are no answer say nothing', async (t) => {
  await using pool = open({ size: 1 });
  t.equal(await pool.ask('noise'), 'noise');
});

test('a program that ends while it is idle costs no request', async (t) => {
  await using pool = open({ size: 1 });
  t.equal(await pool.ask('after'), 'after');
  t.ok(await eventually(() => processesOf(uid).length === 0));
  await sleep(10);
  t.equal(await pool.ask('more'), 'more');
});

test('an abort: before, in the queue and at work', async (t) => {
  await using pool = open({ size: 1 });
  const aborted = { name: 'AbortError' };
  await t.rejects(pool.ask(1, { signal: AbortSignal.abort() }), aborted);
  const [working, waiting] = [new AbortController(), new AbortController()];
  const asked = [
    t.rejects(pool.ask('hang', { signal: working.signal }), aborted),
    t.rejects(pool.ask(2, { signal: waiting.signal }), aborted),
  ];
  const last = pool.ask(3);
  t.ok(await eventually(() => processesOf(uid).length > 0 && pool.waiting === 2));
  waiting.abort();
  t.equal(pool.waiting, 1);
  working.abort();
  await Promise.all(asked);
  t.equal(await last, 3);
});

test('too many requests are refused, and close() answers those that were taken', async (t) => {
  const pool = open({ size: 2, maxWaiting: 1 });
  const taken = [1, 2, 3].map((value) => pool.ask(value));
  await t.rejects(pool.ask(4), { name: 'PoolError', code: 'ERR_BUSY', hint: 'raise maxWaiting or size' });
  const closed = pool.close();
  t.same(await Promise.all(taken), [1, 2, 3]);
  await closed;
  t.same(processesOf(uid), []);
  await using none = open({ size: 1, maxWaiting: 0 });
  t.equal(await none.ask(1), 1);
  t.equal(await none.ask(2), 2, 'an idle program takes it');
});

test('as many requests as were allowed wait, also while an idle program is woken', async (t) => {
  await using pool = open({ size: 1, maxWaiting: 2 });
  await pool.ask(0);
  await sleep(20);
  const taken = [1, 2, 3].map((value) => pool.ask(value));
  await t.rejects(pool.ask(4), { code: 'ERR_BUSY' });
  t.same(await Promise.all(taken), [1, 2, 3]);
});

test('a program that answers without reading is replaced, so that its requests do not pile up', async (t) => {
  const guess = `for id in 1 2 3; do echo "{\\"id\\":$id,\\"result\\":$$}"; done; sleep 1000`;
  await using pool = open({ size: 1, args: ['-c', guess] });
  const large = 'x'.repeat(1_000_000);
  t.notSame(await pool.ask(large), undefined);
  t.equal(processesOf(uid).length <= 2, true);
  const first = await pool.ask(1);
  t.equal(await pool.ask(1), first, 'what fits into the pipe is no reason');
});

test('an error of any kind is the text of the answer', async (t) => {
  await using pool = open({ size: 1 });
  await t.rejects(pool.ask('object'), {
    name: 'PoolError',
    code: 'ERR_ANSWER',
    message: 'the program answers: {"toString":1}',
  });
  t.equal(await pool.ask(1), 1);
});

test('a launch that fails is the error of its request', async (t) => {
  await using pool = open({ program: '/no/such' });
  await t.rejects(pool.ask(1), { name: 'LaunchError', code: 'ENOENT' });
  await t.rejects(pool.ask(1), { name: 'LaunchError', code: 'ENOENT' });
  const closed = await openJail(directory, { user: `${uid}:${uid}` });
  const late = closed.pool(program);
  closed.close();
  await t.rejects(late.ask(1), { name: 'UsageError', message: 'the jail has been closed' });
});

test('what cannot be a request is refused at once', async (t) => {
  await using pool = open();
  const circle: { self?: unknown } = {};
  circle.self = circle;
  for (const data of [undefined, () => 1, 1n, circle])
    await t.rejects(pool.ask(data), { name: 'UsageError' });
  const wrong: readonly (readonly [object, string | RegExp])[] = [
    [{ size: 0 }, 'size must be a whole number from 1 to 9007199254740991, not 0'],
    [{ answerTimeoutMs: 0 }, /^answerTimeoutMs must be/],
    [{ maxWaiting: -1 }, /^maxWaiting must be/],
    [{ maxAnswers: 1.5 }, /^maxAnswers must be/],
    [{ stdio: 'pipe' }, /^stdio is not for a pool/],
    [{ pty: true }, /^pty is not for a pool/],
    [{ sizes: 1 }, "unknown key 'sizes'"],
    [{ jail: '/' }, /^jail is given twice/],
  ];
  for (const [key, message] of wrong)
    t.throws(() => open(key), { name: 'UsageError', message }, JSON.stringify(key));
  t.throws(() => jail.pool(1 as unknown as object), { name: 'UsageError' });
});

test('a thousand requests, four programs, and one that dies now and then', async (t) => {
  await using pool = open({ size: 4 });
  const asked = Array.from({ length: 1000 }, (_, index) => (index % 100 === 99 ? 'die' : index));
  const answers = await Promise.allSettled(asked.map((data) => pool.ask(data)));
  t.equal(answers.filter(({ status }) => status === 'rejected').length, 10);
  t.same(
    answers.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : [])),
    asked.filter((data) => data !== 'die'),
  );
});
