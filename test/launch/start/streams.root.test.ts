// Lines, pipes, input, the queue of an open jail, and events.
import { spawnSync } from 'node:child_process';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { createReadStream, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { PassThrough, Readable, Writable } from 'node:stream';

import t, { type Test } from 'tap';

import {
  buildJail,
  openJail,
  runInJail,
  spawnInJail,
  type LaunchError,
  type LaunchEvents,
} from '../../../lib/index.ts';
import { makeJail } from '../../support/programs.ts';
import { unlessRoot } from '../../support/root.ts';
import { libraryUrl } from '../../support/child.ts';
import { patientMs } from '../../support/patience.ts';
import { eventually, plainEnv, processesOf } from '../../support/service.ts';

const skip = unlessRoot();
const uid = 61_127;
const user = `${uid}:${uid}`;
const jail = skip === false ? join(makeJail(t), 'jail') : '/';
const sh = (script: string) => ({ user, jail, program: '/bin/sh', args: ['-c', script] });

t.before(async () => {
  if (skip === false)
    await buildJail({ directory: jail, programs: ['/bin/sh', '/bin/cat', '/bin/sleep', '/usr/bin/sort'] });
});

t.test('a program is an iterable of its lines', { skip }, async (t) => {
  const child = await spawnInJail(sh("printf 'a\\n\\nb é\\nlast'"));
  const lines: string[] = [];
  for await (const line of child) lines.push(line);
  t.same(lines, ['a', '', 'b é', 'last']);
  t.match(await child.exited, { exitCode: 0 });
});

t.test('output goes to streams as it comes, and is in the result', { skip }, async (t) => {
  const [out, err] = [new PassThrough(), new PassThrough()];
  const first = once(out, 'data');
  const running = runInJail({
    ...sh('echo one; read -r x; echo $x; echo two >&2'),
    stdoutTo: out,
    stderrTo: err,
    input: hold(first),
  });
  t.equal(String((await first)[0]), 'one\n', 'before the program has ended');
  t.match(await running, { stdout: 'one\nthree\n', stderr: 'two\n', exitCode: 0 });
  t.equal(String(err.read()), 'two\n');
  t.notOk(out.writableEnded, 'its end is left to the caller');
  const both = new PassThrough();
  await runInJail({ ...sh('echo a; echo b >&2'), stdoutTo: both, stderrTo: both });
  t.same(String(both.read()).trim().split('\n').toSorted(), ['a', 'b']);
});

async function* hold(first: Promise<unknown>) {
  await first;
  yield 'three\n';
}

t.test('a slow stream slows the program down, and a closed one ends its output', { skip }, async (t) => {
  const slow = new PassThrough({ highWaterMark: 1000 });
  const endless = { ...sh('while :; do echo 0123456789; done'), reject: false, stdoutTo: slow };
  const stopped = await runInJail({ ...endless, timeoutMs: patientMs(300), killSignal: 'SIGKILL' as const });
  t.match(stopped, { timedOut: true, limit: 'time' });
  t.ok(stopped.stdout.length < 400_000, `${stopped.stdout.length} bytes: a pipe and what was read`);
  const closed = new PassThrough();
  closed.once('data', () => closed.destroy());
  t.match(await runInJail({ ...endless, stdoutTo: closed }), { signal: 'SIGPIPE' });
  const broken = new Writable({ write: (_chunk, _encoding, done) => done(new Error('full')) });
  t.match(await runInJail({ ...endless, stdoutTo: broken }), { signal: 'SIGPIPE' });
  t.equal(slow.listenerCount('drain') + slow.listenerCount('error'), 0);
  for (const wrong of [closed, process.stdin, 1, 'out'])
    await t.rejects(runInJail({ ...endless, stdoutTo: wrong as PassThrough }), {
      name: 'UsageError',
      key: 'stdoutTo',
      expected: 'a Writable that is open',
    });
});

t.test('a standard input that nobody ends is named when the time is over', { skip }, async (t) => {
  const cat = { user, jail, program: '/bin/cat' };
  await t.rejects(runInJail({ ...cat, stdio: 'pipe', timeoutMs: patientMs(200) }), {
    code: 'ETIMEDOUT',
    hint: "its standard input is a pipe that nobody ends: write input: '', or leave stdio[0] out",
  });
  t.equal((await runInJail({ ...cat, stdio: 'pipe', input: '' })).stdout, '');
  t.equal((await runInJail(cat)).stdout, '');
});

t.test('the lines of a program are read once', { skip }, async (t) => {
  const child = await spawnInJail(sh('echo a'));
  for await (const line of child) t.equal(line, 'a');
  const again = async (): Promise<void> => {
    for await (const line of child) t.fail(line);
  };
  const hint = 'keep the lines in an array, or use runInJail() with lines: true';
  await t.rejects(again(), { name: 'UsageError', message: /has been read already/, hint });
  t.same((await runInJail({ ...sh('echo a'), lines: true })).stdout, ['a']);
});

t.test('a line ends with \\n or \\r\\n, and a \\r alone is part of it', { skip }, async (t) => {
  const script = "printf 'a\\r\\nb\\rc\\n\\r\\nd\\r'; printf '\\nlast\\r'";
  const expected = ['a', 'b\rc', '', 'd', 'last\r'];
  t.same((await runInJail({ ...sh(script), lines: true })).stdout, expected);
  // with a pause between the two bytes of an end
  const child = await spawnInJail(sh(script.replace(';', '; sleep 0.2;')));
  const lines: string[] = [];
  for await (const line of child) lines.push(line);
  t.same(lines, expected);
});

t.test('a line without end neither fills the memory nor holds the event loop', { skip }, async (t) => {
  const MiB = 2 ** 20;
  writeFileSync(`${jail}/long`, Buffer.alloc(15 * MiB, 'x'));
  // in computing of this process: others may have the processor for a while
  let [last, worst] = [process.cpuUsage(), 0];
  const timer = setInterval(() => {
    const { user, system } = process.cpuUsage(last);
    worst = Math.max(worst, (user + system) / 1000);
    last = process.cpuUsage();
  }, 1);
  const whole = await spawnInJail(sh("cat /long; printf '\\nend'"));
  const lengths: number[] = [];
  for await (const line of whole) lengths.push(line.length);
  t.same(lengths, [15 * MiB, 3]);
  const endless = await spawnInJail(sh('while :; do cat /long; done'));
  const read = async (): Promise<void> => {
    for await (const line of endless) t.fail(`a line of ${line.length}`);
  };
  await t.rejects(read(), { name: 'ExitError', code: 'ERR_MAX_BUFFER', limit: 'output', signal: 'SIGKILL' });
  clearInterval(timer);
  t.ok(worst < 1000, `the event loop was held for ${worst} ms of computing`);
});

t.test('who leaves the loop closes the pipe', { skip }, async (t) => {
  const child = await spawnInJail(sh('while echo line; do :; done'));
  for await (const line of child) {
    t.equal(line, 'line');
    break;
  }
  t.match(await child.exited, { signal: 'SIGPIPE' });
});

t.test('without a pipe there are no lines, and the hint says what is needed', { skip }, async (t) => {
  const child = await spawnInJail({ ...sh('exit 0'), stdio: 'ignore' });
  t.throws(() => child[Symbol.asyncIterator](), { name: 'UsageError', hint: /stdio: / });
  await child.exited;
});

t.test('the output of a program is the input of another', { skip }, async (t) => {
  await using open = await openJail(jail, { user });
  const words = await open.spawn({ program: '/bin/sh', args: ['-c', 'echo b; echo a; echo c'] });
  const sorted = await open.spawn({ program: '/usr/bin/sort' });
  const lines: string[] = [];
  for await (const line of words.pipe(sorted)) lines.push(line);
  t.same(lines, ['a', 'b', 'c']);
  t.match(await Promise.all([words.exited, sorted.exited]), [{ exitCode: 0 }, { exitCode: 0 }]);
});

t.test('input is a stream, an iterable or an async iterable', { skip }, async (t) => {
  const file = join(makeJail(t), 'text');
  writeFileSync(file, 'of a file\n'.repeat(20_000));
  const cat = { user, jail, program: '/bin/cat' };
  t.equal((await runInJail({ ...cat, input: createReadStream(file) })).stdout.length, 200_000);
  t.match(await runInJail({ ...cat, input: ['one', Buffer.from('two')] }), { stdout: 'onetwo' });
  async function* slowly() {
    yield 'a';
    await new Promise((resolve) => setImmediate(resolve));
    yield 'b';
  }
  t.match(await runInJail({ ...cat, input: slowly() }), { stdout: 'ab' });
  t.match(
    await runInJail({ ...sh('exit 0'), input: createReadStream(file) }),
    { exitCode: 0 },
    'nobody reads it',
  );
  await t.rejects(runInJail({ ...cat, input: createReadStream(`${file}-none`) }), {
    name: 'UsageError',
    message: /could not be read/,
    cause: { code: 'ENOENT' },
  });
});

t.test('an input that fails ends the program', { skip }, async (t) => {
  const closed = new PassThrough();
  closed.write('a');
  const { body } = new Response('x');
  body?.getReader();
  for (const [input, code] of [
    [closed, 'ERR_STREAM_PREMATURE_CLOSE'],
    [Readable.from([{ a: 1 }]), 'ERR_INVALID_ARG_TYPE'],
    [body as unknown as Readable, 'ERR_INVALID_STATE'],
  ] as const) {
    const running = runInJail({ ...sh('cat; sleep 1000'), input });
    setTimeout(() => closed.destroy(), 50);
    const message = /could not be read/;
    await t.rejects(running, { name: 'UsageError', message, cause: { code } });
    await eventually(() => processesOf(uid).length === 0);
  }
});

t.test('a launch that fails, or is called off, closes the stream of its input', { skip }, async (t) => {
  await using open = await openJail(jail, { user, program: '/bin/cat', concurrency: 1 });
  await using busy = await open.spawn();
  t.equal(busy.exitCode, null, 'the others wait');
  const absent = { user, jail, program: '/absent' };
  const launches = [
    (input: Readable) => runInJail({ ...absent, input }),
    (input: Readable) => open.run({ signal: AbortSignal.timeout(20), input }),
    (input: Readable) => open.prepare().run({ signal: AbortSignal.timeout(20), input }),
  ];
  for (const launch of launches) {
    const input = createReadStream('/dev/null');
    await t.rejects(launch(input), { name: /^(?:Launch|Abort)Error$/ });
    t.ok(input.destroyed);
  }
});

t.test(
  'a server answers a request that its program did not read, or did not begin to',
  { skip },
  async (t) => {
    const requests = { '/absent': 'ENOENT', '/bin/sh': 'ERR_EXIT' };
    const server = createServer((request, response) => {
      const launch = { user, jail, program: request.url ?? '', args: ['-c', 'exit 3'], input: request };
      runInJail(launch).catch((error: unknown) => response.end((error as LaunchError).code));
    }).listen(0, '127.0.0.1');
    t.teardown(() => server.close());
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    for (const [url, code] of Object.entries(requests)) {
      const body = Buffer.alloc(2 ** 22);
      const answer = await fetch(`http://127.0.0.1:${port}${url}`, { method: 'POST', body });
      t.equal(await answer.text(), code);
    }
  },
);

t.test('the last newline is left out, and all is both outputs in their order', { skip }, async (t) => {
  const told = sh('echo a; echo b >&2');
  const result = await runInJail({ ...told, stripFinalNewline: true, all: true });
  t.match(result, { stdout: 'a', stderr: 'b' });
  t.same([...(result.all ?? '')].toSorted().join(''), '\nab');
  t.equal((await runInJail(told)).all, undefined);
  const failed = runInJail({ ...sh('echo a; echo b >&2; exit 3'), all: true });
  await t.rejects(failed, { name: 'ExitError', exitCode: 3, all: /a/ });
});

t.test('the last newline of text of two bytes a character is left out whole', { skip }, async (t) => {
  const strip = { encoding: 'utf16le', stripFinalNewline: true } as const;
  // U+0A00 ends in the byte of a newline
  for (const [written, left] of [
    ['a\\0\\n\\0', 'a'],
    ['a\\0\\r\\0\\n\\0', 'a'],
    ['a\\0\\0\\n', 'a\u0a00'],
  ] as const)
    t.equal((await runInJail({ ...sh(`printf '${written}'`), ...strip })).stdout, left);
});

t.test('who was aborted is canceled', { skip }, async (t) => {
  const controller = new AbortController();
  const running = runInJail({
    ...sh('echo x; exec cat'),
    input: slowEnd(controller),
    signal: controller.signal,
  });
  await t.rejects(running, { name: 'AbortError', ended: { isCanceled: true, timedOut: false } });
  t.match(await runInJail(sh('exit 0')), { isCanceled: false });
});

async function* slowEnd(controller: AbortController) {
  yield 'x';
  controller.abort();
  await new Promise((resolve) => controller.signal.addEventListener('abort', resolve));
}

t.test('concurrency is a queue: no more run at once, and none is refused', { skip }, async (t) => {
  await using open = await openJail(jail, { user, program: '/bin/sh', concurrency: 2 });
  let running = 0;
  let most = 0;
  const one = async (): Promise<void> => {
    const child = await open.spawn({ args: ['-c', 'read line'] });
    most = Math.max(most, ++running);
    // the others have every chance to start
    await new Promise((resolve) => setTimeout(resolve, 20));
    running--;
    child.stdin.end('\n');
    await child.exited;
  };
  await Promise.all(Array.from({ length: 6 }, one));
  t.equal(most, 2);
  const [first, second] = await Promise.all([
    open.spawn({ args: ['-c', 'read x'] }),
    open.spawn({ args: ['-c', 'read x'] }),
  ]);
  const controller = new AbortController();
  const waiting = open.run({ args: ['-c', ':'], signal: controller.signal });
  const late = open.run({ args: ['-c', ':'], signal: AbortSignal.timeout(20) });
  controller.abort();
  await t.rejects(waiting, { name: 'AbortError' });
  await t.rejects(late, { name: 'AbortError' });
  const waitedFrom = performance.now();
  const limited = open.run({ args: ['-c', 'exec sleep 1000'], timeoutMs: 500, reject: false });
  const quick = open.run({ args: ['-c', ':'] });
  await new Promise((resolve) => setTimeout(resolve, 600));
  first.stdin.end();
  second.stdin.end();
  t.match(await limited, { timedOut: true, limit: 'time' }, 'its time begins with its launch');
  const { durationMs, account } = await quick;
  // it has waited for longer than that
  const waitedMs = performance.now() - waitedFrom - 600;
  t.ok(durationMs <= waitedMs && account['time-wall'] * 1000 <= waitedMs, `${durationMs} of ${waitedMs}`);
  t.match(await open.run({ args: ['-c', ':'] }), { exitCode: 0 }, 'whoever went away has left the queue');
  for (const concurrency of [0, 1.5, '4', Number.NaN])
    await t.rejects(openJail(jail, { user, concurrency } as object), {
      name: 'UsageError',
      message: /concurrency/,
    });
});

t.test('a failed launch gives its place back', { skip }, async (t) => {
  await using open = await openJail(jail, { user, concurrency: 1 });
  await t.rejects(open.run({ program: '/bin/none' }), { code: 'ENOENT' });
  t.match(await open.run({ program: '/bin/sh', args: ['-c', ':'] }), { exitCode: 0 });
});

type Seen = LaunchEvents['launch'] & Partial<LaunchEvents['exit'] & LaunchEvents['denial']>;

/** The events from now on, with their names. */
function watchEvents(t: Test): readonly (readonly [string, Seen])[] {
  const seen: [string, Seen][] = [];
  const names = ['launch', 'start', 'exit', 'denial'];
  const listeners = names.map(
    (name) => [`uchroot:${name}`, (message: unknown) => seen.push([name, message as never])] as const,
  );
  for (const [name, listener] of listeners) subscribe(name, listener);
  t.teardown(() => listeners.forEach(([name, listener]) => unsubscribe(name, listener)));
  return seen;
}

t.test('launch, start, exit and denial are events with one name', { skip }, async (t) => {
  const seen = watchEvents(t);
  await runInJail(sh('exit 0'));
  await t.rejects(runInJail({ user, jail, program: '/bin/none' }));
  t.same(
    seen.map(([name]) => name),
    ['launch', 'start', 'exit', 'launch', 'denial'],
  );
  t.match(seen[0]?.[1], { launch: { user, jail, program: '/bin/sh' } });
  t.equal(seen[2]?.[1].launch, seen[0]?.[1].launch, 'the same object');
  t.match(seen[2]?.[1], { exitCode: 0, signal: null });
  t.match(seen[4]?.[1], { error: { name: 'LaunchError', code: 'ENOENT' } });
});

t.test('a launch is denied, or starts and exits, and never both', { skip }, async (t) => {
  const seen = watchEvents(t);
  await t.rejects(spawnInJail({ ...sh('exit 0'), statusFd: 999 }), { code: 'EBADF' });
  // written once the program runs, which is then killed
  await t.rejects(spawnInJail({ ...sh('exec sleep 60'), stdio: 'ignore', pidFile: '/proc/x.pid' }), {
    name: 'LaunchError',
    step: 'pid_file',
  });
  t.ok(await eventually(() => processesOf(uid).length === 0));
  // the next launch ends later
  await runInJail(sh('exit 0'));
  t.same(
    seen.map(([name]) => name),
    ['launch', 'denial', 'launch', 'denial', 'launch', 'start', 'exit'],
  );
});

t.test('NODE_DEBUG=uchroot prints them', { skip }, async (t) => {
  const library = libraryUrl('index.js');
  const script = `
    const { runInJail } = await import(${JSON.stringify(library)});
    await runInJail(${JSON.stringify(sh('exit 0'))});
    await runInJail(${JSON.stringify({ ...sh(''), program: '/bin/none' })}).catch(() => {});`;
  const told = (env: NodeJS.ProcessEnv): string =>
    spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8', env }).stderr;
  t.equal(told(plainEnv()), '');
  t.match(
    told({ ...plainEnv(), NODE_DEBUG: 'uchroot' }),
    /^UCHROOT \d+: launch: \/bin\/sh in \S+ as 61127:61127 [^]*: start: [^]*"pid":\d+[^]*: exit: [^]*"exitCode":0[^]*: denial: [^]*not found in the jail/,
  );
});
