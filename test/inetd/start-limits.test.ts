import t from 'tap';

import { StartCounter, type StartLimits, type Waiting } from '../../lib/inetd/start-limits.ts';
import { patientMs } from '../support/patience.ts';

const none: StartLimits = {
  instances: 100,
  perSource: undefined,
  rate: undefined,
  sourceRate: undefined,
  noPause: false,
};

t.test('no more than so many connections at once, and one that ends frees its place', async (t) => {
  const counter = new StartCounter({ ...none, instances: 2 });
  counter.enter('a', 0);
  t.equal(counter.waitMs(0), 0);
  counter.enter('b', 0);
  t.equal(counter.waitMs(0), Infinity);
  counter.leaveEnded('a');
  t.equal(counter.waitMs(0), 0);
  counter.enter('c', 0);
  counter.leaveRefused('c');
  t.equal(counter.live, 1);
});

t.test('when descriptors are short, connections that end do not make the pause longer', async (t) => {
  const counter = new StartCounter({ ...none, instances: 3 });
  for (let i = 0; i < 3; i++) counter.enter('a', 0);
  t.ok(counter.pauseShort(1000), 'it is told');
  t.equal(counter.waitMs(1000), Infinity);
  counter.leaveEnded('a');
  t.equal(counter.waitMs(1050), 50);
  counter.leaveEnded('a');
  t.equal(counter.waitMs(1099), 1);
  t.equal(counter.waitMs(1100), 0);
  t.notOk(counter.pauseShort(1099), 'once for a pause');
  t.equal(counter.waitMs(1100), 99, 'a start that fails meanwhile makes it longer');
  t.ok(counter.pauseShort(1199));
});

t.test('a source with all its connections is refused, and others are not', async (t) => {
  const counter = new StartCounter({ ...none, perSource: 1 });
  t.equal(counter.enter('a', 0), undefined);
  t.equal(counter.enter('a', 0), 'per-source');
  t.equal(counter.enter('b', 0), undefined);
  t.equal(counter.live, 2);
  counter.leaveEnded('a');
  t.equal(counter.enter('a', 0), undefined);
});

t.test('a rate lets its burst through at once, and then one after the other', async (t) => {
  const counter = new StartCounter({ ...none, rate: { count: 10, periodMs: 1000, burst: 3 } });
  let nowMs = 1000;
  for (let i = 0; i < 3; i++) {
    t.equal(counter.waitMs(nowMs), 0);
    counter.enter('a', nowMs);
  }
  t.equal(counter.waitMs(nowMs), 100);
  nowMs += 100;
  t.equal(counter.waitMs(nowMs), 0);
  counter.enter('a', nowMs);
  t.equal(counter.waitMs(nowMs), 100);
  // a client that the rules refuse takes nothing from the others
  counter.leaveRefused('a');
  t.equal(counter.waitMs(nowMs), 0);
  // a long pause gives no more than the burst
  nowMs += 1e6;
  let count = 0;
  for (; counter.waitMs(nowMs) === 0; count++) counter.enter('a', nowMs);
  t.equal(count, 3);
});

t.test('the rate of a source refuses that source alone, and idle sources are forgotten', async (t) => {
  const counter = new StartCounter({
    ...none,
    instances: 1e6,
    sourceRate: { count: 1, periodMs: 1000, burst: 1 },
  });
  t.equal(counter.enter('a', 0), undefined);
  t.equal(counter.enter('a', 999), 'source-rate');
  t.equal(counter.enter('b', 999), undefined);
  t.equal(counter.enter('a', 1000), undefined);
  for (let i = 0; i < 10_000; i++) counter.enter(`other ${i}`, 2000 + i);
  t.equal(counter.enter('a', 12_000), undefined);
  t.equal(counter.enter('a', 12_000), 'source-rate');
});

const CAUSE = 'execve ENOENT /bin/report';

/** The pauses after twelve launches, one after the other. */
function pauses(counter: StartCounter, causeOf: (i: number) => string): readonly number[] {
  let nowMs = 0;
  return Array.from({ length: 12 }, (_, i) => {
    counter.enter('a', nowMs);
    counter.leaveFailed('a', causeOf(i), nowMs);
    const waitMs = counter.waitMs(nowMs);
    nowMs += waitMs;
    return waitMs;
  });
}

t.test('a launch that fails is tried more and more seldom, and one that succeeds ends that', async (t) => {
  const counter = new StartCounter(none);
  const longer = [0, 0, 100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000, 10_000];
  t.same(
    pauses(counter, () => CAUSE),
    longer,
  );
  t.equal(counter.failures, 12);
  const nowMs = 1e6;
  // one at a time while they fail
  counter.enter('d', nowMs);
  t.equal(counter.waitMs(nowMs), 10_000);
  // a client that is refused gives its try back
  counter.leaveRefused('d');
  t.equal(counter.waitMs(nowMs), 0);
  counter.enter('d', nowMs);
  counter.started();
  t.equal(counter.waitMs(nowMs), 0);
  t.equal(counter.failures, 0);
});

t.test('launches that fail for another cause are tried anew', async (t) => {
  const counter = new StartCounter(none);
  t.same(
    pauses(counter, (i) => `execve ENOENT /lib/${Math.floor(i / 4)}`),
    [0, 0, 100, 200, 0, 0, 100, 200, 0, 0, 100, 200],
  );
});

t.test('without pauses the next launch is tried at once, also after a reload', async (t) => {
  const counter = new StartCounter({ ...none, noPause: true });
  t.same(
    pauses(counter, () => CAUSE),
    Array.from({ length: 12 }, () => 0),
  );
  counter.limits = none;
  pauses(counter, () => CAUSE);
  t.equal(counter.waitMs(0) > 0, true);
  counter.limits = { ...none, noPause: true };
  t.equal(counter.waitMs(0), 0);
});

t.test('a program that was executed never makes others wait, however it ends', async (t) => {
  const counter = new StartCounter(none);
  for (let i = 0; i < 100; i++) {
    counter.enter(`source ${i % 3}`, i);
    counter.started();
    counter.leaveEnded(`source ${i % 3}`);
    t.equal(counter.waitMs(i), 0);
  }
  t.match(counter, { failures: 0, live: 0 });
});

t.test('a launch that fails for a program with the listening sockets is tried more seldom too', async (t) => {
  const counter = new StartCounter(none);
  for (let i = 0; i < 3; i++) {
    counter.enter(undefined, 0);
    counter.leaveFailed(undefined, CAUSE, 0);
  }
  t.equal(counter.waitMs(0), 100);
});

t.test('other rates count at once, and what was started at the old ones does not', async (t) => {
  const seldom = { count: 1, periodMs: 3.6e6, burst: 1 };
  const often = { count: 100, periodMs: 1000, burst: 100 };
  const counter = new StartCounter({ ...none, rate: seldom, sourceRate: seldom });
  counter.enter('a', 0);
  t.equal(counter.waitMs(0), 3.6e6);
  // a reload that changes nothing forgives nothing
  counter.limits = { ...none, rate: { ...seldom }, sourceRate: { ...seldom } };
  t.equal(counter.waitMs(0), 3.6e6);
  t.equal(counter.enter('a', 0), 'source-rate');
  counter.limits = { ...none, rate: often, sourceRate: often };
  t.equal(counter.waitMs(0), 0);
  t.equal(counter.enter('a', 0), undefined);
});

t.test('each number of a rate makes it another one', async (t) => {
  const old = { count: 1, periodMs: 1000, burst: 1 };
  for (const other of [{ count: 2 }, { periodMs: 999 }, { burst: 2 }]) {
    const rate = { ...old, ...other };
    const counter = new StartCounter({ ...none, rate: old, sourceRate: old });
    counter.enter('a', 0);
    counter.limits = { ...none, rate, sourceRate: rate };
    t.equal(counter.waitMs(0), 0);
    t.equal(counter.enter('a', 0), undefined);
  }
});

t.test('a client that the rules refuse takes nothing from its own rate either', async (t) => {
  const counter = new StartCounter({ ...none, sourceRate: { count: 2, periodMs: 1000, burst: 3 } });
  for (let i = 0; i < 3; i++) t.equal(counter.enter('a', 0), undefined);
  counter.leaveRefused('a');
  t.equal(counter.enter('a', 0), undefined);
  t.equal(counter.enter('a', 0), 'source-rate');
  const common = new StartCounter({ ...none, rate: { count: 2, periodMs: 1000, burst: 3 } });
  for (let i = 0; i < 3; i++) common.enter('a', 0);
  common.leaveRefused('a');
  t.equal(common.waitMs(0), 0);
  common.enter('a', 0);
  t.equal(common.waitMs(0), 500);
  const free = new StartCounter(none);
  free.enter('a', 0);
  free.limits = { ...none, sourceRate: { count: 1, periodMs: 1000, burst: 1 } };
  // it began before there was a rate
  free.leaveRefused('a');
  t.equal(free.enter('a', 0), undefined);
  t.equal(free.enter('a', 0), 'source-rate');
});

t.test('of several connections of a source each counts once', async (t) => {
  const counter = new StartCounter({ ...none, perSource: 3 });
  for (let i = 0; i < 3; i++) t.equal(counter.enter('a', 0), undefined);
  for (let i = 0; i < 2; i++) counter.leaveEnded('a');
  for (let i = 0; i < 2; i++) t.equal(counter.enter('a', 0), undefined);
  t.equal(counter.enter('a', 0), 'per-source');
  for (let i = 0; i < 3; i++) counter.leaveEnded('a');
  t.equal(counter.live, 0);
  for (let i = 0; i < 3; i++) t.equal(counter.enter('a', 0), undefined);
  t.equal(counter.enter('a', 0), 'per-source');
});

t.test('a flood from many sources costs each of them the same', async (t) => {
  const sourceRate = { count: 1, periodMs: 1e9, burst: 1 };
  const counter = new StartCounter({ ...none, instances: 1e6, sourceRate });
  const begin = performance.now();
  for (let i = 0; i < 60_000; i++) counter.enter(`source ${i}`, i);
  // a look at all sources for each takes more than ten times as long
  t.ok(performance.now() - begin < patientMs(1000));
  t.equal(counter.enter('source 0', 60_000), 'source-rate');
});

/** A client of a source that waits for the rules; `closed` has the sources of those that were closed. */
function makeWaiting(counter: StartCounter, source: string, closed: string[] = []): Waiting {
  let isParked = false;
  const client: Waiting = {
    source,
    close: () => {
      closed.push(source);
      counter.leaveRefused(source, isParked ? client : undefined);
    },
  };
  counter.enter(source, 0);
  isParked = counter.park(client);
  return client;
}

t.test(
  'a parked client takes no place and no start of the rate, and waits for its turn behind others',
  async (t) => {
    const counter = new StartCounter({
      ...none,
      instances: 1,
      rate: { count: 1, periodMs: 1000, burst: 1 },
    });
    const begun: string[] = [];
    const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((source) => {
      t.equal(counter.waitMs(0), 0);
      return makeWaiting(counter, source);
    }) as [Waiting, Waiting, Waiting, Waiting];
    t.equal(counter.live, 0);
    c.close();
    for (const client of [d, b, a]) counter.awaitTurn(client, () => begun.push(String(client.source)));
    d.close();
    counter.takeTurn(0)?.();
    t.equal(counter.takeTurn(0), undefined);
    t.equal(counter.live, 1);
    counter.leaveEnded('b');
    t.equal(counter.takeTurn(999), undefined, 'the rate counts its start');
    counter.takeTurn(1000)?.();
    t.same(begun, ['b', 'a']);
    counter.leaveEnded('a');
    t.match(counter, { live: 0, hasTurns: false });
  },
);

t.test('a burst of one source may wait in all places that are free', async (t) => {
  const counter = new StartCounter({ ...none, instances: 1 });
  const closed: string[] = [];
  for (let i = 0; i < 1024; i++) makeWaiting(counter, 'a', closed);
  t.same(closed, []);
  makeWaiting(counter, 'a', closed);
  t.same(closed, ['a'], 'the next one is closed');
  t.equal(counter.live, 0);
});

t.test('sources that take all waiting places leave each other source its part of them', async (t) => {
  const counter = new StartCounter({ ...none, instances: 1e6 });
  const closed: string[] = [];
  // as many as they like, from sixty sources
  for (let i = 0; i < 60 * 50; i++) makeWaiting(counter, `flood ${i % 60}`, closed);
  closed.length = 0;
  for (let i = 0; i < 16; i++) makeWaiting(counter, 'honest', closed);
  t.equal(closed.length, 16);
  t.notOk(closed.includes('honest'), '1024 / 61 of one source');
  for (let i = 0; i < 60 * 50; i++) makeWaiting(counter, `flood ${i % 60}`, closed);
  t.notOk(closed.includes('honest'), 'and they are not taken from it again');
  t.equal(counter.live, 0);
});

t.test(
  'where as many sources wait as there are places, the first client of another one counts at once',
  async (t) => {
    const counter = new StartCounter({ ...none, instances: 1e6 });
    const closed: string[] = [];
    for (let i = 0; i < 1024; i++) makeWaiting(counter, `source ${i}`, closed);
    makeWaiting(counter, 'source 0', closed);
    t.same(closed, ['source 0']);
    t.equal(counter.live, 0);
    makeWaiting(counter, 'other', closed);
    t.same(closed, ['source 0']);
    t.equal(counter.live, 1);
  },
);
