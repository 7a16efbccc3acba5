import { spawn } from 'node:child_process';
import { once, setMaxListeners } from 'node:events';
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import t from 'tap';

import { launcherPath } from '../../lib/native.ts';
import { AbortError, ExitError, openJail, runInJail, type RunRequest } from '../support/public-api.ts';
import { compiled, makeJail } from '../support/programs.ts';
import { unlessRoot } from '../support/root.ts';
import { childrenOf, eventually, fdsFallTo, processesOf, settledFds } from '../support/service.ts';

const skip = unlessRoot();
const uid = 61_111;
const jail = skip === false ? makeJail(t, 'actor') : '';
const base = { user: `${uid}:${uid}`, jail, program: '/actor' };
const marker = (i: number): string => join(jail, 'tmp', String(i));

interface Counts {
  notRun: number;
  /** Launches whose program ran. */
  ranAllTheSame: number;
  stopped: number;
}

/** Launches programs that write a file, and cancels them; `code` is the expected error of each. */
async function callOff(
  launches: readonly Promise<unknown>[],
  call: () => Promise<void> | void,
  code: string,
): Promise<Counts> {
  const settled = Promise.allSettled(launches);
  await call();
  const results = await settled;
  await eventually(() => processesOf(uid).length === 0);
  const counts = { notRun: 0, ranAllTheSame: 0, stopped: 0 };
  for (const [i, result] of results.entries()) {
    const error: unknown = result.status === 'rejected' ? result.reason : undefined;
    const isExpected = error instanceof Error && 'code' in error && error.code === code;
    if (error !== undefined && !isExpected) throw error;
    // An AbortError says how the program ended, if it ran.
    const hasRun = error instanceof ExitError || (error instanceof AbortError && error.ended !== undefined);
    if (error === undefined) continue;
    if (hasRun) counts.stopped++;
    else {
      counts.notRun++;
      if (existsSync(marker(i))) counts.ranAllTheSame++;
    }
  }
  for (const name of readdirSync(join(jail, 'tmp'))) rmSync(join(jail, 'tmp', name));
  return counts;
}

function request(i: number, more: Partial<RunRequest> = {}): RunRequest {
  return { ...base, args: [`touch=/tmp/${i}`, 'sleep=60000'], stdio: 'ignore', ...more };
}

// Launches have at most eight threads, see native/start/crew.cc.
const THREADS = 8;

/** Runs `work` while no launch gets a thread: each of them waits for a launcher that does not start. */
async function withoutThreads(launch: () => Promise<unknown>, work: () => Promise<Counts>): Promise<Counts> {
  const gate = spawn(compiled('exec-gate'), [launcherPath()], { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = once(gate, 'exit');
  await once(gate.stdout, 'data');
  const held = Array.from({ length: THREADS }, launch);
  try {
    return await work();
  } finally {
    gate.stdin.end();
    await ended;
    await Promise.all(held);
  }
}

function newController(): AbortController {
  const controller = new AbortController();
  setMaxListeners(0, controller.signal);
  return controller;
}

t.test('of 200 launches that are aborted while they wait for a thread none has run', { skip }, async (t) => {
  await runInJail(base);
  const before = await settledFds();
  const hold = (): Promise<unknown> => runInJail({ ...base, stdio: 'ignore' });
  const counts = await withoutThreads(hold, () => {
    const controller = newController();
    const launches = Array.from({ length: 200 }, (_, i) =>
      runInJail(request(i, { signal: controller.signal })),
    );
    return callOff(launches, () => controller.abort(), 'ABORT_ERR');
  });
  t.same(counts, { notRun: 200, ranAllTheSame: 0, stopped: 0 });
  t.ok(await fdsFallTo(before));
});

t.test(
  'nor one that is aborted at any time of its launch, if it is said not to have',
  { skip },
  async (t) => {
    await runInJail(base);
    let notRun = 0;
    for (let round = 0; round < 60; round++) {
      const controller = newController();
      const launches = Array.from({ length: 8 }, (_, i) =>
        runInJail(request(i, { signal: controller.signal })),
      );
      const abort = async (): Promise<void> => {
        for (const end = performance.now() + round / 20; performance.now() < end;);
        if (round % 2 === 0) await sleep(0);
        controller.abort();
      };
      const counts = await callOff(launches, abort, 'ABORT_ERR');
      t.equal(counts.ranAllTheSame, 0);
      notRun += counts.notRun;
    }
    t.ok(notRun > 0);
    t.strictSame(childrenOf(process.pid), []);
  },
);

t.test(
  'a timeout that comes before the program is a LaunchError, and it has not run',
  { skip },
  async (t) => {
    await using open = await openJail(jail, { user: base.user, program: base.program });
    const counts = await withoutThreads(
      () => open.run({ stdio: 'ignore' }),
      () => {
        const launches = Array.from({ length: 200 }, (_, i) => {
          const { args } = request(i);
          return open.run({ args, stdio: 'ignore', timeoutMs: 1 });
        });
        return callOff(launches, () => {}, 'ETIMEDOUT');
      },
    );
    t.same(counts, { notRun: 200, ranAllTheSame: 0, stopped: 0 });
  },
);
