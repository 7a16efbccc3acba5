// A program of the jailed user attacks the service that starts it.
import { readFileSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

import t from 'tap';

import { patientMs } from '../../support/patience.ts';
import { LaunchError, runInJail, spawnInJail, type RunRequest } from '../../support/public-api.ts';
import { loadCalls, makeJail } from '../../support/programs.ts';
import { unlessRoot } from '../../support/root.ts';
import { childrenOf, eventually, processesOf } from '../../support/service.ts';

const skip = unlessRoot();
const uid = 61_108;
const jail = skip === false ? makeJail(t, 'actor', 'count') : '';
const base = { user: `${uid}:${uid}`, jail, program: '/actor' };

t.test(
  'one that stops all processes of its uid stops neither the event loop nor the thread pool',
  { skip },
  async (t) => {
    const hostile = await spawnInJail({ ...base, args: ['storm=2000'], stdio: 'ignore' });
    let longestGapMs = 0;
    let longestStatMs = 0;
    let last = performance.now();
    const ticking = setInterval(() => {
      longestGapMs = Math.max(longestGapMs, performance.now() - last);
      last = performance.now();
    }, 5);
    const request: RunRequest = {
      ...base,
      program: '/count',
      args: ['x'],
      stdio: 'ignore',
      reject: false,
      timeoutMs: 400,
      killSignal: 'SIGKILL',
    };
    let settled = 0;
    const line = async (): Promise<void> => {
      for (const end = performance.now() + 1500; performance.now() < end; settled++) {
        try {
          const { exitCode, signal, stopped } = await runInJail(request);
          if (exitCode !== 1 && !(signal === 'SIGKILL' && stopped === 'ETIMEDOUT'))
            t.fail(`${exitCode} ${signal} ${stopped}`);
        } catch (error) {
          // The launcher was stopped before it executed the program.
          if (!(error instanceof LaunchError && error.code === 'ETIMEDOUT')) throw error;
        }
      }
    };
    const reading = async (): Promise<void> => {
      for (const end = performance.now() + 1500; performance.now() < end; await sleep(10)) {
        const started = performance.now();
        await stat(jail);
        longestStatMs = Math.max(longestStatMs, performance.now() - started);
      }
    };
    await Promise.all([...Array.from({ length: 12 }, line), reading()]);
    clearInterval(ticking);
    hostile.kill('SIGKILL');
    await hostile.exited;
    t.ok(settled > 12, `${settled} launches settled`);
    // a loop that waits for the launchers would stand still until the storm is over, and the pool for one launch after the other
    t.ok(longestGapMs < patientMs(700), `the loop stood still for ${longestGapMs.toFixed(1)} ms at most`);
    t.ok(
      longestStatMs < patientMs(700),
      `the thread pool kept somebody waiting for ${longestStatMs.toFixed(1)} ms at most`,
    );
    t.ok(await eventually(() => processesOf(uid).length === 0 && childrenOf(process.pid).length === 0));
  },
);

t.test('a program that is stopped for good ends with the timeout all the same', { skip }, async (t) => {
  const started = performance.now();
  const child = await spawnInJail({
    ...base,
    args: ['sleep=60000'],
    stdio: 'ignore',
    timeoutMs: 500,
    forceKillAfterMs: 50,
  });
  // with an init: the init
  process.kill(child.pid, 'SIGSTOP');
  t.match(await child.exited, { signal: 'SIGKILL' });
  t.equal(child.stopped, 'ETIMEDOUT');
  t.ok(performance.now() - started < patientMs(20_000));
});

t.test('the service is not to be looked into: it keeps its ids and stays dumpable', { skip }, async (t) => {
  await Promise.all(Array.from({ length: 50 }, () => runInJail({ ...base, program: '/count' })));
  t.equal(loadCalls().dumpable(), 1);
  t.match(readFileSync('/proc/self/status', 'utf8'), /^Uid:\t0\t0\t0\t0$/m);
});
