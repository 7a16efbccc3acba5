import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';

import t from 'tap';

import { isolated, unlessBare } from '../../support/isolation.ts';
import { spawnInJail, UsageError, type JailedProcess, type SpawnRequest } from '../../support/public-api.ts';
import { makeJail } from '../../support/programs.ts';
import { unlessRoot } from '../../support/root.ts';
import { patientMs } from '../../support/patience.ts';
import {
  childrenOf,
  eventually,
  processesOf,
  runs,
  runService,
  startService,
  statusOf,
  text,
} from '../../support/service.ts';

const skip = unlessRoot();
const skipIsolated = skip || unlessBare('nothing outlives the program');
const uid = 61_101;
const user = `${uid}:${uid}`;
const jail = skip === false ? makeJail(t, 'actor') : '';

function act(words: readonly string[], more: Partial<SpawnRequest> = {}): Promise<JailedProcess> {
  return spawnInJail({ user, jail, program: '/actor', args: words, ...more });
}

t.test(
  'a started program has pid, spawnfile, spawnargs, and streams for its three pipes',
  { skip },
  async (t) => {
    const child = await act(['cat', 'err=warning', 'exit=4']);
    t.ok(runs(child.pid));
    t.equal(child.spawnfile, '/actor');
    t.strictSame(child.spawnargs, ['/actor', 'cat', 'err=warning', 'exit=4']);
    t.equal(child.exitCode, null);
    t.equal(child.signalCode, null);
    t.equal(child.killed, false);
    t.strictSame(child.stdio, [child.stdin, child.stdout, child.stderr]);
    t.equal(child.stdout, child.stdout, 'the same stream each time');
    child.stdin?.end('through the jail');
    const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)]);
    t.equal(out, 'through the jail');
    t.equal(err, 'warning');
    t.match(await child.exited, {
      exitCode: 4,
      signal: null,
      usage: { userCpuMs: Number, minorFaults: Number },
    });
    t.equal(child.exitCode, 4);
  },
);

t.test('streams are null for what is not a pipe', { skip }, async (t) => {
  const child = await act([], { stdio: 'ignore' });
  t.strictSame(child.stdio, [null, null, null]);
  t.match(await child.exited, { exitCode: 0 });
});

t.test('exit comes before close, both with status and signal', { skip }, async (t) => {
  const events: unknown[] = [];
  const child = await act(['out=x', 'exit=9']);
  child.on('exit', (...args) => events.push(['exit', ...args]));
  child.on('close', (...args) => events.push(['close', ...args]));
  await once(child, 'close');
  t.strictSame(events, [
    ['exit', 9, null],
    ['close', 9, null],
  ]);
});

t.test('close comes with ignored pipes too, and with output that nobody reads', { skip }, async (t) => {
  const ignoring = await act([], { stdio: 'ignore' });
  await once(ignoring, 'close');
  const unread = await act(['spam=1000']);
  await once(unread, 'close');
  t.equal(unread.exitCode, 0);
});

t.test('output that a reader has begun with is all there after the exit', { skip }, async (t) => {
  const child = await act(['spam=200000', 'out=end']);
  const reading = text(child.stdout);
  await child.exited;
  t.equal((await reading).length, 200_003);
});

t.test('a listener that comes with the exit event still gets the output', { skip }, async (t) => {
  const child = await act(['out=late']);
  const out = await new Promise<string>((resolve) => {
    child.on('exit', () => resolve(text(child.stdout)));
  });
  t.equal(out, 'late');
});

t.test(
  'close waits for a grandchild that holds the pipe, exit does not',
  { skip: skipIsolated },
  async (t) => {
    const child = await act(['fork=60000']);
    let isClosed = false;
    const closed = once(child, 'close').then(() => (isClosed = true));
    await once(child, 'exit');
    await sleep(50);
    t.notOk(isClosed);
    const grandchildren = processesOf(uid);
    t.equal(grandchildren.length, 1);
    for (const pid of grandchildren) process.kill(pid, 'SIGKILL');
    t.ok(await closed);
  },
);

t.test('a signal ends it, and is named', { skip }, async (t) => {
  const child = await act(['sleep=60000']);
  t.equal(child.kill(), true);
  t.equal(child.killed, true);
  t.match(await child.exited, { exitCode: null, signal: 'SIGTERM' });
  t.equal(child.signalCode, 'SIGTERM');
  t.equal(child.kill(), false, 'nobody is there any more');
  t.equal(child.kill(0), false);
});

t.test('signals by number, name and 0; real-time signals have a name', { skip }, async (t) => {
  const child = await act(['sleep=60000']);
  t.equal(child.kill(0), true);
  t.equal(child.killed, false);
  t.equal(child.kill(36), true);
  t.match(await child.exited, { exitCode: null, signal: 'SIGRTMIN+2' });
  t.throws(() => child.kill('SIGNONE' as NodeJS.Signals), UsageError);
  t.throws(() => child.kill(65), UsageError);
  t.throws(() => child.kill(-9), UsageError);
});

t.test('killSignal is what kill sends, and forceKillAfterMs follows with SIGKILL', { skip }, async (t) => {
  const polite = await act(['sleep=60000'], { killSignal: 'SIGINT' });
  polite.kill();
  t.match(await polite.exited, { signal: 'SIGINT' });
  const deaf = await act(['ignore=15', 'out=ready', 'sleep=60000'], { forceKillAfterMs: 50 });
  await once(deaf.stdout ?? t, 'data');
  t.equal(deaf.kill(), true);
  t.match(await deaf.exited, { signal: 'SIGKILL' });
});

t.test('forceKillAfterMs does not follow other signals than killSignal', { skip }, async (t) => {
  const child = await act(['ignore=1', 'out=ready', 'sleep=250', 'exit=8'], { forceKillAfterMs: 20 });
  await once(child.stdout ?? t, 'data');
  t.equal(child.kill('SIGHUP'), true, 'as to a service that reads its configuration again');
  t.match(await child.exited, { exitCode: 8, signal: null });
});

t.test('a stopped program is no ended one', { skip }, async (t) => {
  const child = await act(['sleep=60000']);
  child.kill(isolated ? 'SIGTSTP' : 'SIGSTOP');
  const [program = child.pid] = isolated ? childrenOf(child.pid) : [];
  t.ok(await eventually(() => statusOf(program, 'State')?.startsWith('T') === true));
  t.equal(await Promise.race([child.exited, sleep(50, 'running')]), 'running');
  child.kill('SIGKILL');
  t.match(await child.exited, { signal: 'SIGKILL' });
});

t.test(
  'SIGSTOP, which would stop the init alone, is refused, and SIGTSTP stops the program',
  { skip },
  async (t) => {
    const child = await act(['out=ready', 'sleep=60000'], { isolate: true });
    await once(child.stdout ?? t, 'data');
    t.throws(() => child.kill('SIGSTOP'), { name: 'UsageError', hint: "write kill('SIGTSTP')" });
    t.equal(child.killed, false);
    const [program = 0] = childrenOf(child.pid);
    t.equal(child.kill('SIGTSTP'), true);
    t.ok(await eventually(() => statusOf(program, 'State')?.startsWith('T') === true));
    child.kill('SIGCONT');
    child.kill();
    t.match(await child.exited, { signal: 'SIGTERM' });
  },
);

t.test('await using ends the program and waits for it', { skip }, async (t) => {
  let pid = 0;
  {
    await using child = await act(['sleep=60000']);
    pid = child.pid;
  }
  t.equal(runs(pid), false);
  await using ended = await act([]);
  await ended.exited;
});

t.test('dispose kills a program that ignores the signal', { skip }, async (t) => {
  const child = await act(['ignore=15', 'out=ready', 'sleep=60000'], { forceKillAfterMs: 30 });
  await once(child.stdout ?? t, 'data');
  await child[Symbol.asyncDispose]();
  t.equal(child.signalCode, 'SIGKILL');
});

t.test('unref lets the event loop end, ref keeps it', { skip }, async (t) => {
  const request = { user, jail, program: '/actor', args: ['sleep=700'], stdio: 'ignore' };
  const [free, held, again] = await Promise.all([
    runService('unref', { request, calls: ['unref'] }),
    runService('unref', { request, calls: [] }),
    runService('unref', { request, calls: ['unref', 'ref'] }),
  ]);
  t.match(free, { code: 0, stdout: 'still running\n', stderr: '' });
  t.match(held, { code: 0, stdout: 'ended\n', stderr: '' });
  t.match(again, { code: 0, stdout: 'ended\n', stderr: '' });
});

t.test(
  'after unref, what still holds the pipes of an ended program keeps nothing alive',
  { skip: skipIsolated },
  async (t) => {
    const request = { user, jail, program: '/actor', args: ['daemon=60000'] };
    const service = startService('unref', { request, calls: ['unref'], staysMs: 300 });
    const out = text(service.stdout);
    const [code] = await Promise.race([
      once(service, 'exit'),
      once(AbortSignal.timeout(patientMs(10_000)), 'abort'),
    ]);
    service.kill('SIGKILL');
    for (const pid of processesOf(uid)) process.kill(pid, 'SIGKILL');
    t.equal(code, 0);
    t.equal(await out, 'ended\n');
  },
);

t.test('what an exit listener throws is an uncaught exception, as with any event', { skip }, async (t) => {
  const request = { user, jail, program: '/actor', stdio: 'ignore' };
  const { code, stderr } = await runService('unref', { request, calls: [], throws: 'in the listener' });
  t.equal(code, 1);
  t.match(stderr, 'in the listener');
});
