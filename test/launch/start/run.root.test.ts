import t from 'tap';

import { unlessBare } from '../../support/isolation.ts';
import { patientMs } from '../../support/patience.ts';
import {
  AbortError,
  ExitError,
  LaunchError,
  runInJail,
  spawnInJail,
  UsageError,
  type Encoding,
  type RunRequest,
  type RunResult,
} from '../../support/public-api.ts';
import { makeJail } from '../../support/programs.ts';
import { unlessRoot } from '../../support/root.ts';
import { eventually, processesOf, text } from '../../support/service.ts';

const skip = unlessRoot();
const skipIsolated = skip || unlessBare('nothing outlives the program');
const uid = 61_102;
const jail = skip === false ? makeJail(t, 'actor') : '';
const base = { user: `${uid}:${uid}`, jail, program: '/actor' };

function act(words: readonly string[], more: Partial<RunRequest<Encoding>> = {}): Promise<RunResult> {
  return runInJail({ ...base, args: words, ...more });
}

// In this time a program begins and does all but sleep.
const enoughMs = (): number => patientMs(500);

function wrong(more: object): Promise<unknown> {
  return runInJail({ ...base, ...more });
}

async function failure(
  words: readonly string[],
  more: Partial<RunRequest<Encoding>> = {},
): Promise<ExitError> {
  try {
    await act(words, more);
  } catch (error) {
    if (error instanceof ExitError) return error;
    throw error;
  }
  throw new Error('it should have been rejected');
}

t.test('the result has these keys and no others', { skip }, async (t) => {
  const result = await act(['out=wörds', 'err=warning']);
  t.strictSame(Object.keys(result).toSorted(), [
    'account',
    'durationMs',
    'exitCode',
    'isCanceled',
    'pid',
    'signal',
    'stderr',
    'stdout',
    'timedOut',
    'usage',
  ]);
  t.match(result, { exitCode: 0, signal: null, stdout: 'wörds', stderr: 'warning', pid: Number });
  t.ok(result.durationMs > 0 && result.durationMs < patientMs(5000));
  t.ok(result.usage.userCpuMs >= 0 && result.usage.minorFaults > 0);
});

t.test('env: process.env is a process warning, once', { skip }, async (t) => {
  const codes: unknown[] = [];
  const onWarning = ({ code }: NodeJS.ErrnoException): void => void codes.push(code);
  process.on('warning', onWarning);
  t.teardown(() => process.off('warning', onWarning));
  await act([], { env: { ...process.env, UCHROOT_TEST: '1' } });
  await act([], { env: { ...process.env } });
  t.same(codes, ['UCHROOT_ENV']);
});

t.test('another exit status than 0 rejects with the fields of a result', { skip }, async (t) => {
  const error = await failure(['out=some', 'err=bad', 'exit=7']);
  t.match(error, {
    name: 'ExitError',
    code: 'ERR_EXIT',
    exitCode: 7,
    signal: null,
    stdout: 'some',
    stderr: 'bad',
    pid: Number,
    durationMs: Number,
    timedOut: false,
  });
  t.equal(error.message, '/actor out=some err=bad exit=7: exited with status 7\nbad');
  t.ok(error.usage.minorFaults > 0);
  t.ok(error instanceof Error);
});

t.test(
  'the message of a failure has the arguments and the end of stderr, both bounded',
  { skip },
  async (t) => {
    const lines = Array.from({ length: 40 }, (_, i) => `line ${i}`);
    const { message } = await failure([`err=${lines.join('\n')}\n\u001b[2J`, 'exit=1']);
    const [, ...told] = message.split('\n');
    t.strictSame(told, [...lines.slice(-9), '\\x1b[2J'], 'the last lines, and nothing that a terminal obeys');

    const long = await failure([...Array.from({ length: 100 }, (_, i) => `ignore=${i % 15}`), 'exit=1']);
    t.match(long.message, /^\/actor ignore=0 ignore=1 .{200,300} …: exited with status 1$/);
    const odd = await failure(['out=', 'exit=1', 'out=a b'], { encoding: 'buffer' });
    t.equal(odd.message, "/actor out= exit=1 'out=a b': exited with status 1");
    const huge = await failure([`err=${'x'.repeat(100_000)}`, 'exit=1']);
    t.ok(huge.message.length < 1000);
  },
);

t.test('so does a signal', { skip }, async (t) => {
  t.match(await failure(['kill=9']), { code: 'ERR_SIGNAL', exitCode: null, signal: 'SIGKILL' });
});

t.test('reject: false makes a result of both', { skip }, async (t) => {
  t.match(await act(['exit=7'], { reject: false }), { exitCode: 7, signal: null });
  t.match(await act(['kill=15'], { reject: false }), { exitCode: null, signal: 'SIGTERM' });
});

t.test('a step that fails rejects with LaunchError, whatever reject says', { skip }, async (t) => {
  await t.rejects(runInJail({ ...base, program: '/absent', reject: false }), {
    name: 'LaunchError',
    step: 'execve',
    call: 'execve',
    code: 'ENOENT',
    errno: 2,
    path: '/absent',
    exitStatus: 127,
    place: Number,
  });
  await t.rejects(runInJail({ ...base, cwd: '/absent' }), {
    name: 'LaunchError',
    step: 'chdir',
    code: 'ENOENT',
  });
  await t.rejects(runInJail({ ...base, user: 'no-such-user' }), {
    name: 'LaunchError',
    step: 'account',
    code: 'ERR_UNKNOWN_USER',
    exitStatus: 2,
  });
  await t.rejects(runInJail({ ...base, jail: `${jail}/absent` }), LaunchError);
});

t.test(
  'a request that is wrong rejects with UsageError, and names the key that was meant',
  { skip },
  async (t) => {
    await t.rejects(wrong({ timeoutMS: 5 }), {
      name: 'UsageError',
      code: 'ERR_USAGE',
      hint: "did you mean 'timeoutMs'?",
    });
    await t.rejects(wrong({ preserveFDs: [] }), { name: 'UsageError', hint: "did you mean 'preserveFds'?" });
    for (const more of [
      { timeoutMs: -1 },
      { timeoutMs: 2 ** 31 - 0.5 }, // setTimeout() uses 1 instead
      { forceKillAfterMs: 2 ** 31 - 0.5 },
      { timeoutMs: Number.NaN },
      { timeoutMs: 2 ** 31 },
      { timeoutMs: '5' },
      { maxBufferBytes: -1 },
      { maxBufferBytes: Number.NaN },
      { encoding: 'utf-9' },
      { reject: 1 },
      { input: 5 },
      { input: 'x', stdio: 'ignore' },
      { signal: {} },
      { killSignal: 'SIGNONE' },
      { stdio: ['pipe', 'pipe', 'pipe', 'pipe'] },
      { stdio: ['pipes'] },
      { stdio: -1 },
      { args: '-l' },
      { args: ['a\0b'] },
      { program: 'a\0b' },
      { program: '' },
      { jail: 'relative' },
      { user: -1 },
      { user: 4_294_967_295 },
      { user: 1.5 },
      { preserveFds: [2] },
      { umask: 0o1000 },
      { env: { 'A=B': 'x' } },
    ]) {
      await t.rejects(wrong(more), UsageError, JSON.stringify(more));
    }
    await t.rejects(runInJail(null as unknown as RunRequest), UsageError);
  },
);

t.test('encoding buffer gives Buffers, others give text in that encoding', { skip }, async (t) => {
  const bytes = Buffer.from([0xff, 0xfe, 0x41]);
  t.strictSame((await act(['cat'], { input: bytes, encoding: 'buffer' })).stdout, bytes);
  t.equal((await act(['cat'], { input: bytes, encoding: 'hex' })).stdout, 'fffe41');
  t.equal((await act(['cat'], { input: bytes, encoding: 'latin1' })).stdout, 'ÿþA');
});

t.test('arguments reach the program byte for byte', { skip }, async (t) => {
  const word = Buffer.concat([Buffer.from('out='), Buffer.from([0xff, 0x80, 0x0a, 0x20, 0xc3])]);
  const { stdout } = await runInJail({ ...base, args: [word], encoding: 'buffer' });
  t.strictSame(stdout, word.subarray(4));
});

t.test('a large input goes in and comes out, and an empty one ends at once', { skip }, async (t) => {
  const input = Buffer.alloc(8 * 2 ** 20, 'uchroot ');
  const { stdout } = await act(['cat'], { input, encoding: 'buffer' });
  t.ok(input.equals(stdout as Buffer));
  t.equal((await act(['cat'], { input: '' })).stdout, '');
});

t.test('a program need not read its input', { skip }, async (t) => {
  t.match(await act(['exit=0'], { input: Buffer.alloc(2 ** 20) }), { exitCode: 0 });
});

t.test('without input, standard input is /dev/null', { skip }, async (t) => {
  t.equal((await act(['cat', 'out=end'])).stdout, 'end');
});

// 7 of 120 were ended by SIGKILL: the program ran already, and this process had not heard of it.
t.test('a program whose time is over just as it begins gets killSignal', { skip }, async (t) => {
  for (let i = 0; i < 120; i++) {
    const timeoutMs = 1 + (i % 60) / 10;
    const running = act(['sleep=60000'], { timeoutMs, killSignal: 'SIGINT', isolate: i % 2 === 0 });
    const error = await running.then(
      () => undefined,
      (error: unknown) => error,
    );
    if (!(error instanceof LaunchError))
      t.match(error, { code: 'ETIMEDOUT', signal: 'SIGINT' }, `${timeoutMs}`);
    else t.equal(error.code, 'ETIMEDOUT');
  }
});

t.test('timeoutMs stops the program with killSignal', { skip }, async (t) => {
  const started = performance.now();
  const timeoutMs = enoughMs();
  t.match(await failure(['out=begun', 'sleep=60000'], { timeoutMs }), {
    code: 'ETIMEDOUT',
    signal: 'SIGTERM',
    stdout: 'begun',
    timedOut: true,
    message: `/actor out=begun sleep=60000: it took longer than ${timeoutMs} ms and was stopped (ended by SIGTERM)`,
  });
  t.ok(performance.now() - started < patientMs(20_000));
  t.match(await failure(['sleep=60000'], { timeoutMs: enoughMs(), killSignal: 'SIGKILL' }), {
    signal: 'SIGKILL',
  });
  t.match(await act(['sleep=60000'], { timeoutMs: enoughMs(), reject: false }), {
    stopped: 'ETIMEDOUT',
    timedOut: true,
    exitCode: null,
  });
  t.match(await act([], { timeoutMs: 0 }), { exitCode: 0 }, '0 is no timeout');
  t.match(await act(['sleep=20'], { timeoutMs: 20_000 }), { exitCode: 0 });
});

t.test('forceKillAfterMs ends one that ignores the signal', { skip }, async (t) => {
  t.match(
    await failure(['ignore=15', 'out=deaf', 'sleep=60000'], { timeoutMs: enoughMs(), forceKillAfterMs: 50 }),
    {
      code: 'ETIMEDOUT',
      signal: 'SIGKILL',
      stdout: 'deaf',
    },
  );
});

t.test('a timeout of 1 ms ends a launch that is still on its way', { skip }, async (t) => {
  for (let i = 0; i < 20; i++) {
    try {
      const ended = await act(['sleep=60000'], { timeoutMs: 1, reject: false });
      t.match(ended, { exitCode: null, stopped: 'ETIMEDOUT' });
    } catch (error) {
      t.match(error, { name: 'LaunchError', step: 'launch', code: 'ETIMEDOUT' }, 'it had not begun');
    }
  }
});

t.test('a grandchild that holds stdout does not outlast the timeout', { skip: skipIsolated }, async (t) => {
  const started = performance.now();
  t.match(await failure(['fork=60000', 'out=begun', 'sleep=60000'], { timeoutMs: enoughMs() }), {
    code: 'ETIMEDOUT',
    stdout: 'begun',
  });
  t.match(
    await failure(['fork=60000', 'out=ended'], { timeoutMs: enoughMs() }),
    { code: 'ETIMEDOUT', stdout: 'ended', exitCode: 0 },
    'also when the program itself has ended in time',
  );
  const controller = new AbortController();
  setTimeout(() => controller.abort(), enoughMs());
  await t.rejects(act(['fork=60000', 'out=ended'], { signal: controller.signal }), {
    name: 'AbortError',
    ended: { exitCode: 0, stdout: 'ended' },
  });
  t.ok(performance.now() - started < patientMs(20_000));
});

t.test('without a timeout the output of a grandchild is waited for', { skip: skipIsolated }, async (t) => {
  const result = await act(['fork=200', 'out=x']);
  t.ok(result.durationMs >= 190);
});

t.test('an AbortSignal that is aborted before starts nothing', { skip }, async (t) => {
  const signal = AbortSignal.abort(new Error('not any more'));
  await t.rejects(act(['touch=/tmp/aborted'], { signal }), {
    name: 'AbortError',
    code: 'ABORT_ERR',
    cause: { message: 'not any more' },
  });
  const controller = new AbortController();
  const launched = act(['touch=/tmp/aborted'], { signal: controller.signal });
  controller.abort();
  await t.rejects(launched, { code: 'ABORT_ERR' });
});

t.test('one that is aborted later stops the program, and its reason is the cause', { skip }, async (t) => {
  const controller = new AbortController();
  const reason = new Error('the client has gone');
  setTimeout(() => controller.abort(reason), 500);
  const launched = act(['sleep=60000'], { signal: controller.signal });
  const error = await launched.then(
    () => t.fail('it should have been rejected'),
    (thrown: unknown) => thrown as AbortError,
  );
  if (!(error instanceof AbortError)) throw error;
  t.match(error, { name: 'AbortError', code: 'ABORT_ERR', ended: { signal: 'SIGTERM' } });
  t.match(error.message, /^\/actor sleep=60000: it was aborted \(ended by SIGTERM\)$/);
  t.equal(error.cause, reason);
  const spawned = new AbortController();
  const child = await spawnInJail({ ...base, args: ['sleep=60000'], signal: spawned.signal });
  spawned.abort();
  t.match(await child.exited, { signal: 'SIGTERM' });
  t.equal(child.stopped, 'ABORT_ERR');
});

t.test('an abort after the end changes nothing', { skip }, async (t) => {
  const controller = new AbortController();
  t.match(await act([], { signal: controller.signal }), { exitCode: 0 });
  controller.abort();
});

t.test(
  'output beyond maxBufferBytes stops the program, and the first bytes are kept',
  { skip },
  async (t) => {
    const error = await failure(['spam=100000000'], { maxBufferBytes: 1000 });
    t.match(error, { code: 'ERR_MAX_BUFFER', signal: 'SIGKILL' });
    t.equal(error.stdout.length, 1000);
    t.match(await act(['spam=1000'], { maxBufferBytes: 1000 }), { exitCode: 0 }, 'exactly so many are fine');
    t.match(await failure(['out=x'], { maxBufferBytes: 0 }), { code: 'ERR_MAX_BUFFER', stdout: '' });
    t.equal((await act(['spam=20000000'], { maxBufferBytes: Infinity })).stdout.length, 20_000_000);
  },
);

t.test('stdout and stderr are null streams where stdio says so', { skip }, async (t) => {
  t.match(await act(['out=lost'], { stdio: 'ignore' }), { stdout: '', stderr: '' });
});

t.test('nothing of all this is left behind', { skip }, async (t) => {
  t.ok(await eventually(() => processesOf(uid).length === 0, 6000));
  const child = await spawnInJail({ ...base, args: ['out=the end'] });
  t.equal(await text(child.stdout), 'the end');
});
