// The timeout and the AbortSignal of a launch, and its turn in the queue of an open jail.
import { getEventListeners } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';

import t from 'tap';

import type { JailedProcess } from '../../../lib/launch/process/process.ts';
import { normalizeSpawn } from '../../../lib/launch/request/spawn-rows.ts';
import type { NormalSpawn } from '../../../lib/launch/start/normal-spawn.ts';
import {
  awaitStop,
  beforeStop,
  inSeconds,
  leftMs,
  stopError,
} from '../../../lib/launch/start/abort-or-timeout.ts';
import { openTurns } from '../../../lib/launch/start/launch-queue.ts';

const options = (more: { timeoutMs?: number; signal?: AbortSignal } = {}): NormalSpawn =>
  normalizeSpawn({ user: 'sam', jail: '/srv', ...more })[1];
const never = new Promise<never>(() => {});

t.test('up to a minute was probably meant in seconds', async (t) => {
  const hint = 'timeoutMs counts milliseconds: write timeoutMs: 60000 for 60 seconds';
  t.equal(inSeconds(60), hint);
  t.equal(inSeconds(0.5), 'timeoutMs counts milliseconds: write timeoutMs: 500 for 0.5 seconds');
  for (const timeoutMs of [61, 0, undefined]) t.equal(inSeconds(timeoutMs), undefined);
});

t.test('the error of a launch that must not begin says why', async (t) => {
  const { signal } = new AbortController();
  t.match(stopError('ABORT_ERR', options({ signal })), { name: 'AbortError' });
  t.match(stopError('ETIMEDOUT', options({ signal, timeoutMs: 5 })), {
    name: 'LaunchError',
    code: 'ETIMEDOUT',
    message: 'launch: it had not begun after timeoutMs, 5 ms, and was called off',
    hint: 'timeoutMs counts milliseconds: write timeoutMs: 5000 for 5 seconds',
  });
});

t.test('the time counts from the request on', async (t) => {
  const requestedAt = performance.now() - 1000;
  t.equal(leftMs({ ...options(), requestedAt }), Infinity);
  const left = leftMs({ ...options({ timeoutMs: 5000 }), requestedAt });
  t.ok(left <= 4000 && left > 3000, `${left}`);
});

t.test('a wait ends once: by time, by abort, or when it is not needed any more', async (t) => {
  const reasons: string[] = [];
  const onStop = (reason: string): void => void reasons.push(reason);
  const late = { ...options({ timeoutMs: 100 }), requestedAt: performance.now() - 1000 };
  awaitStop(late, onStop);
  await delay(20);
  t.same(reasons.splice(0), ['ETIMEDOUT']);
  const controller = new AbortController();
  awaitStop({ ...late, signal: controller.signal }, onStop);
  controller.abort();
  await delay(20);
  t.same(reasons.splice(0), ['ABORT_ERR']);
  awaitStop(late, onStop)();
  awaitStop(options(), onStop)();
  await delay(20);
  t.same(reasons, []);
});

t.test('one signal for many launches is no leak, and keeps no listener', async (t) => {
  const { signal } = new AbortController();
  const warnings: Error[] = [];
  const onWarning = (warning: Error): void => void warnings.push(warning);
  process.on('warning', onWarning);
  const clear = Array.from({ length: 20 }, () => awaitStop(options({ signal }), () => {}));
  await delay(20);
  process.off('warning', onWarning);
  t.same(warnings, []);
  t.equal(getEventListeners(signal, 'abort').length, 20);
  for (const end of clear) end();
  t.same(getEventListeners(signal, 'abort'), []);
});

t.test('a look at the host takes no longer than the launch may', async (t) => {
  t.equal(await beforeStop(options(), Promise.resolve(5)), 5);
  await t.rejects(beforeStop(options(), Promise.reject(new Error('no'))), { message: 'no' });
  await t.rejects(beforeStop(options({ timeoutMs: 1 }), never), { code: 'ETIMEDOUT' });
  const controller = new AbortController();
  const { signal } = controller;
  const refused = t.rejects(beforeStop(options({ signal }), never), { name: 'AbortError' });
  controller.abort();
  await refused;
  await t.rejects(beforeStop(options({ signal }), Promise.resolve(5)), { name: 'AbortError' });
  const soon = delay(100, 5);
  t.equal(await beforeStop(options({ signal: new AbortController().signal }), soon), 5);
});

t.test('what comes too late is handed to somebody who can close it', async (t) => {
  const late: number[] = [];
  await t.rejects(
    beforeStop(options({ timeoutMs: 1 }), delay(50, 7), (value) => void late.push(value)),
    { code: 'ETIMEDOUT' },
  );
  await delay(100);
  t.same(late, [7]);
  t.equal(await beforeStop(options(), Promise.resolve(8), (value) => void late.push(value)), 8);
  t.same(late, [7]);
});

t.test('one place: the next program starts when the first has ended', async (t) => {
  const turns = openTurns(1);
  let end = (): void => {};
  const exited = new Promise<void>((resolve) => (end = resolve));
  const first = { exited } as unknown as JailedProcess;
  t.equal(await turns(options(), async () => first), first);
  let isSecond = false;
  const second = turns(options(), async () => {
    isSecond = true;
    return first;
  });
  let isThird = false;
  const patient = turns(options({ timeoutMs: 1 }), async () => {
    isThird = true;
    return first;
  });
  await delay(20);
  t.notOk(isThird, 'time in the queue is none of its own');
  const controller = new AbortController();
  const { signal } = controller;
  const fourth = t.rejects(
    turns(options({ signal }), async () => first),
    { name: 'AbortError' },
  );
  controller.abort();
  await fourth;
  t.notOk(isSecond);
  end();
  t.equal(await second, first);
  t.equal(await patient, first);
});

t.test('an aborted launch takes no place, and one that fails gives it back', async (t) => {
  const turns = openTurns(1);
  const child = { exited: never } as unknown as JailedProcess;
  const signal = AbortSignal.abort();
  await t.rejects(
    turns(options({ signal }), async () => child),
    { name: 'AbortError' },
  );
  await t.rejects(
    turns(options(), async () => Promise.reject(new Error('no'))),
    { message: 'no' },
  );
  const { signal: quiet } = new AbortController();
  t.equal(await turns(options({ signal: quiet }), async () => child), child);
});
