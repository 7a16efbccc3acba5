import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readlinkSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

import t from 'tap';

import { openJail, runInJail, spawnInJail } from '../../support/public-api.ts';
import { packageDirectory } from '../../support/launch.ts';
import { loadCalls, makeJail } from '../../support/programs.ts';
import { unlessRoot } from '../../support/root.ts';
import {
  childrenOf,
  countOf,
  eventually,
  processesOf,
  fdsBecome,
  settledFds,
  startService,
  text,
} from '../../support/service.ts';

const skip = unlessRoot();
const uid = 61_106;
const jail = skip === false ? makeJail(t, 'count', 'actor') : '';
const base = { user: `${uid}:${uid}`, jail, program: '/count' };
const howMany = Number(process.env.UCHROOT_STRESS ?? 5000);

const words = (count: number): string[] => Array.from({ length: count }, () => 'x');

// Launchers that were not reaped.
function strayLaunchers(): readonly number[] {
  return childrenOf(1).filter((pid) => {
    try {
      return readlinkSync(`/proc/${pid}/exe`) === `${packageDirectory}/build/Release/uchroot-launcher`;
    } catch {
      return false;
    }
  });
}

t.test('200 launches at once all tell the right status', { skip }, async (t) => {
  await runInJail(base);
  const before = await settledFds();
  const results = await Promise.all(
    Array.from({ length: 200 }, (_, i) => runInJail({ ...base, args: words(i), reject: false })),
  );
  t.strictSame(
    results.map((result) => result.exitCode),
    Array.from({ length: 200 }, (_, i) => i),
  );
  t.equal(new Set(results.map((result) => result.pid)).size, 200);
  t.ok(await fdsBecome(before));
});

t.test(
  `${howMany} launches in a row leave no zombie, descriptor or thread, and no status is wrong`,
  { skip },
  async (t) => {
    await using open = await openJail(jail, { user: base.user, program: '/count', stdio: 'ignore' });
    // an isolated jail keeps what its first launch makes
    await (
      await open.spawn()
    ).exited;
    const before = { fds: await settledFds(), threads: countOf(process.pid).threads };
    const wrong: unknown[] = [];
    let next = 0;
    let slowestMs = 0;
    const line = async (): Promise<void> => {
      while (next < howMany) {
        const expected = next++ % 4;
        const started = performance.now();
        const child = await open.spawn({ args: words(expected) });
        const { exitCode, signal } = await child.exited;
        slowestMs = Math.max(slowestMs, performance.now() - started);
        if (exitCode !== expected || signal !== null) wrong.push({ expected, exitCode, signal });
      }
    };
    await Promise.all(Array.from({ length: 8 }, line));
    t.strictSame(wrong, []);
    t.equal(next, howMany);
    t.ok(await eventually(() => childrenOf(process.pid).length === 0), 'no zombie');
    t.ok(await fdsBecome(before.fds));
    // as many as run at once have a thread, which stays; on a fast machine they have it already
    t.ok(countOf(process.pid).threads <= before.threads + 8);
    t.comment(`slowest: ${slowestMs.toFixed(1)} ms`);
  },
);

t.test(
  'a service that is killed in the midst of launches leaves nothing half-started',
  { skip },
  async (t) => {
    for (let i = 0; i < 8; i++) {
      const service = startService(
        'flood',
        { ...base, stdio: 'ignore' },
        { stdio: ['ignore', 'pipe', 'inherit'] },
      );
      await once(service.stdout ?? service, 'data');
      await sleep(3 * i);
      service.kill('SIGKILL');
      await once(service, 'exit');
      t.ok(await eventually(() => processesOf(uid).length === 0));
      t.ok(await eventually(() => strayLaunchers().length === 0));
    }
  },
);

t.test('children of child_process in the same service are not concerned', { skip }, async (t) => {
  const ours: Promise<number | null>[] = [];
  const theirs: Promise<number | null>[] = [];
  for (let i = 0; i < 200; i++) {
    ours.push(
      runInJail({ ...base, args: words(i % 5), stdio: 'ignore', reject: false }).then((r) => r.exitCode),
    );
    theirs.push(
      once(spawn(`${jail}/count`, words((i + 2) % 5), { stdio: 'ignore' }), 'exit').then(
        ([code]) => code as number | null,
      ),
    );
    // Each fork blocks the event loop for a while; this lets the other launches run in between.
    if (i % 20 === 0) await sleep(0);
  }
  t.strictSame(
    await Promise.all(ours),
    Array.from({ length: 200 }, (_, i) => i % 5),
  );
  t.strictSame(
    await Promise.all(theirs),
    Array.from({ length: 200 }, (_, i) => (i + 2) % 5),
  );
});

t.test('a status that somebody else has waited for is null, and nothing hangs', { skip }, async (t) => {
  const calls = loadCalls();
  const child = await spawnInJail({ ...base, program: '/actor', args: ['cat', 'exit=3'] });
  child.stdin?.destroy();
  // Blocks the loop, so that the thief is first. The loop closes a pipe's handle, so the test holds the other end.
  process.kill(child.pid, 'SIGTERM');
  t.equal(calls.waitAny(), child.pid);
  t.match(await child.exited, { exitCode: null, signal: null });
  t.equal(child.exitCode, null);
  t.equal(child.signalCode, null);
  t.equal(child.kill(), false);
  t.equal(await text(child.stdout), '');
  const stolen = runInJail({ ...base, program: '/actor', args: ['sleep=500'], stdio: 'ignore' });
  await eventually(() => processesOf(uid).length > 0);
  calls.waitAny();
  await t.rejects(stolen, {
    name: 'ExitError',
    code: 'ERR_EXIT',
    exitCode: null,
    signal: null,
    message: /status was lost/,
  });
});
