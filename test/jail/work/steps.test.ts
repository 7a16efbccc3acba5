import { setTimeout } from 'node:timers/promises';

import t from 'tap';

import { gradually, openTurns, type Steps } from '../../../lib/jail/work/steps.ts';
import { patientMs } from '../../support/patience.ts';

function* busy(forMs: number): Steps<string> {
  for (const end = performance.now() + forMs; performance.now() < end;) yield;
  return 'done';
}

t.test('others have their turn while it works', async (t) => {
  let turns = 0;
  const timer = setInterval(() => turns++, 1);
  t.equal(await gradually(busy(patientMs(200))), 'done');
  clearInterval(timer);
  t.ok(turns >= 3, `${turns} turns`);
});

t.test('an abort ends it between two steps, and what a step throws comes out', async (t) => {
  const controller = new AbortController();
  const ended = gradually(busy(60_000), controller.signal);
  await setTimeout(1);
  controller.abort();
  await t.rejects(ended, { code: 'ABORT_ERR' });
  function* failing(): Steps<void> {
    yield;
    throw new Error('no');
  }
  await t.rejects(gradually(failing()), { message: 'no' });
});

t.test('others have their turn by the time that has passed, not after each piece of work', async (t) => {
  const turns = openTurns();
  t.equal(turns(), undefined);
  for (const end = performance.now() + 11; performance.now() < end;);
  let isServed = false;
  setImmediate(() => (isServed = true));
  const turn = turns();
  t.notOk(isServed);
  await turn;
  t.ok(isServed);
});
