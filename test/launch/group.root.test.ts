import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

import t from 'tap';

import { libraryUrl } from '../support/child.ts';
import { isolated, unlessBare } from '../support/isolation.ts';
import {
  runInJail,
  spawnInJail,
  UsageError,
  type JailedProcess,
  type RunRequest,
  type SpawnRequest,
} from '../support/public-api.ts';
import { makeJail } from '../support/programs.ts';
import { unlessInstalled, unlessRoot } from '../support/root.ts';
import { patientMs } from '../support/patience.ts';
import { childrenOf, eventually, plainEnv, processesOf } from '../support/service.ts';

const skip = unlessRoot();
const uid = 61_113;
const jail = skip === false ? makeJail(t, 'actor') : '';
// with an isolated program ends all that it has started
const skipIsolated = skip || unlessBare('nothing outlives the program');
const base = { user: `${uid}:${uid}`, jail, program: '/actor' };
const long = 60_000;

function act(words: readonly string[], more: Partial<SpawnRequest> = {}): Promise<JailedProcess> {
  return spawnInJail({ ...base, args: words, stdio: 'ignore', ...more });
}

const isOver = (): Promise<boolean> => eventually(() => processesOf(uid).length === 0);

/** Process group and session, fields 5 and 6 of proc_pid_stat(5). */
function groupOf(pid: number): readonly number[] {
  return readFileSync(`/proc/${pid}/stat`, 'latin1').split(' ').slice(4, 6).map(Number);
}

async function endAll(): Promise<void> {
  for (const pid of processesOf(uid)) process.kill(pid, 'SIGKILL');
  await isOver();
}

t.test(
  'a program beside a service leads a process group, and a session if that is asked',
  { skip },
  async (t) => {
    const [ownGroup, ownSession] = groupOf(process.pid);
    // the pid of an isolated program is that of its init, which begins a session too
    for (const [more, expected] of [
      [{}, (pid: number) => [pid, ownSession]],
      [{ newSession: true }, (pid: number) => [pid, pid]],
      [{ newGroup: false }, () => [ownGroup, ownSession]],
      [{ newGroup: false, newSession: true }, (pid: number) => [pid, pid]],
      [{}, (pid: number) => [pid, ownSession]],
    ] as const) {
      await using child = await act([`sleep=${long}`], more);
      t.strictSame(groupOf(child.pid), expected(child.pid));
    }
    for (const key of ['newGroup', 'leaveDescendants']) await t.rejects(act([], { [key]: 1 }), UsageError);
  },
);

t.test(
  "with a terminal the group is the caller's, so that it may read from it",
  { skip: skip || unlessInstalled('script') },
  async (t) => {
    const request = { ...base, args: [`sleep=${long}`], stdio: 'inherit' as const };
    const script = `import { spawnInJail } from ${JSON.stringify(libraryUrl('public-api.js'))};
      import { readFileSync } from 'node:fs';
      const child = await spawnInJail(${JSON.stringify(request)});
      const group = (pid) => readFileSync('/proc/' + pid + '/stat', 'latin1').split(' ')[4];
      console.log(group(child.pid) === group(process.pid) ? 'the same' : 'another');
      child.kill();`;
    const command = `${process.execPath} --input-type=module -e '${script.replaceAll("'", "'\\''")}'`;
    const out = execFileSync('script', ['-qec', command, '/dev/null'], {
      encoding: 'utf8',
      env: plainEnv(),
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    t.equal(out.trim(), 'the same');
  },
);

t.test('timeout, abort and disposal end what the program has started', { skip }, async (t) => {
  for (const newSession of [false, true]) {
    const words = [`fork=${long}`, `fork=${long}`, `sleep=${long}`];
    const timed = await act(words, { timeoutMs: patientMs(500), newSession });
    t.match(await timed.exited, { signal: 'SIGTERM' });
    t.ok(await isOver());

    const controller = new AbortController();
    const aborted = await act(words, { signal: controller.signal, newSession });
    controller.abort();
    t.match(await aborted.exited, { signal: 'SIGTERM' });
    t.ok(await isOver());

    await (await act(words, { newSession }))[Symbol.asyncDispose]();
    t.ok(await isOver());
  }
});

t.test('also what ignores the signal, once the program has ended or with it', { skip }, async (t) => {
  // Only the child ignores the signal: the program ends at once.
  const child = await act(['ignore=15', `fork=${long}`, 'default=15', `sleep=${long}`], {
    timeoutMs: patientMs(500),
  });
  t.match(await child.exited, { signal: 'SIGTERM' });
  t.ok(await isOver());
  const deaf = await act(['ignore=15', `fork=${long}`, `sleep=${long}`], {
    timeoutMs: patientMs(500),
    forceKillAfterMs: 50,
  });
  t.match(await deaf.exited, { signal: 'SIGKILL' });
  t.ok(await isOver());
});

t.test(
  'runInJail: a timeout ends what holds the pipes after the program has ended',
  { skip: skipIsolated },
  async (t) => {
    for (const leaveDescendants of [false, true]) {
      const request: RunRequest = {
        ...base,
        args: [`fork=${long}`, 'out=x'],
        timeoutMs: patientMs(500),
        leaveDescendants,
      };
      await t.rejects(runInJail(request), { code: 'ETIMEDOUT', stdout: 'x', exitCode: 0 });
      t.ok(await isOver());
    }
  },
);

t.test('output beyond maxBufferBytes ends all of them, also what was to be left', { skip }, async (t) => {
  const args = [`fork=${long}`, 'spam=100000', `sleep=${long}`];
  for (const leaveDescendants of isolated ? [false] : [false, true]) {
    const run = runInJail({ ...base, args, maxBufferBytes: 10, leaveDescendants });
    await t.rejects(run, { code: 'ERR_MAX_BUFFER' });
    const areGone = await isOver();
    t.ok(areGone);
    if (!areGone) await endAll();
  }
});

t.test(
  'disposal also ends what a program has left that had ended by itself',
  { skip: skipIsolated },
  async (t) => {
    for (const leaveDescendants of [false, true]) {
      const child = await act([`fork=${long}`, 'exit=0'], { stdio: 'pipe', leaveDescendants });
      await child.exited;
      t.equal(processesOf(uid).length, 1);
      await child[Symbol.asyncDispose]();
      if (leaveDescendants) {
        await sleep(50);
        t.equal(processesOf(uid).length, 1, 'unless it may go on');
      } else {
        t.ok(await isOver());
      }
      await endAll();
    }
  },
);

t.test(
  'what is left when the program has ended by itself is killed, unless it is to be left',
  { skip: skipIsolated },
  async (t) => {
    const child = await act([`fork=${long}`, 'exit=3']);
    t.strictSame(await once(child, 'close'), [3, null]);
    t.ok(await isOver());

    const leaving = await act([`fork=${long}`], { leaveDescendants: true });
    await once(leaving, 'close');
    await sleep(50);
    t.equal(processesOf(uid).length, 1);
    await endAll();

    const sharing = await act([`fork=${long}`], { newGroup: false });
    await once(sharing, 'close');
    await sleep(50);
    t.equal(processesOf(uid).length, 1, 'nor is a group that is not its own');
    await endAll();
  },
);

t.test('a daemon has left the group', { skip: skipIsolated }, async (t) => {
  const child = await act([`daemon=${long}`]);
  await once(child, 'close');
  await sleep(50);
  t.equal(processesOf(uid).length, 1);
  await endAll();
});

t.test('what still writes into a pipe is waited for', { skip: skipIsolated }, async (t) => {
  const { stdout, exitCode } = await runInJail({ ...base, args: ['fork=150', 'out=early'] });
  t.match({ stdout, exitCode }, { stdout: 'early', exitCode: 0 });
  // a process closes its descriptors a moment before it has ended
  t.ok(await isOver());
  const child = await act([`fork=${long}`, 'exit=0'], { stdio: 'pipe' });
  const closed = once(child, 'close');
  await child.exited;
  t.equal(processesOf(uid).length, 1);
  await endAll();
  await closed;
});

t.test(
  'the pid is not free before the group has been signalled, and then no zombie is left',
  { skip: skipIsolated },
  async (t) => {
    const child = await act([`fork=${long}`, 'exit=0'], { stdio: ['ignore', 'pipe', 'ignore'] });
    const closed = once(child, 'close');
    await child.exited;
    t.ok(childrenOf(process.pid).includes(child.pid));
    t.equal(child.kill(), false);
    await endAll();
    await closed;
    t.strictSame(childrenOf(process.pid), []);
  },
);

t.test('kill() is for the program alone', { skip: skipIsolated }, async (t) => {
  const child = await act([`fork=${long}`, `sleep=${long}`], { leaveDescendants: true });
  t.ok(await eventually(() => processesOf(uid).length === 2));
  child.kill('SIGKILL');
  t.match(await child.exited, { signal: 'SIGKILL' });
  await sleep(50);
  t.equal(processesOf(uid).length, 1);
  await endAll();
});
