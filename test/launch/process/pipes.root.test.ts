import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { PassThrough, type Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setImmediate as turn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

import t from 'tap';

import { spawnInJail, type JailedProcess, type SpawnRequest } from '../../support/public-api.ts';
import { makeJail } from '../../support/programs.ts';
import { unlessRoot } from '../../support/root.ts';
import { countOf, eventually, settledFds, text } from '../../support/service.ts';

const skip = unlessRoot();
const user = '61110:61110';
const jail = skip === false ? makeJail(t, 'actor') : '';

function act(words: readonly string[], more: Partial<SpawnRequest> = {}): Promise<JailedProcess> {
  return spawnInJail({ user, jail, program: '/actor', args: words, ...more });
}

function stdin(child: JailedProcess): NodeJS.WritableStream {
  if (child.stdin === null) throw new Error('no pipe');
  return child.stdin;
}

function stdout(child: JailedProcess): Readable {
  if (child.stdout === null) throw new Error('no pipe');
  return child.stdout;
}

t.test('one program is piped into another that was started later, 20 times of 20', { skip }, async (t) => {
  for (let i = 0; i < 20; i++) {
    const a = await act(['out=from a']);
    const b = await act(['cat']);
    const reading = text(b.stdout);
    await pipeline(stdout(a), stdin(b));
    t.equal(await reading, 'from a');
  }
});

t.test("one program's stream is another's standard input, 20 times of 20", { skip }, async (t) => {
  for (let i = 0; i < 20; i++) {
    const a = await act(['spam=50000', 'out=end']);
    if (i % 2 === 0) await once(a, 'close');
    const b = await act(['cat'], { stdio: [stdout(a), 'pipe', 'pipe'] });
    t.equal((await text(b.stdout)).length, 50_003);
    await Promise.all([a.exited, b.exited]);
    stdout(a).destroy();
  }
});

t.test(
  'whoever begins to read a stream in the turn in which it is handed on gets nothing',
  { skip },
  async (t) => {
    const begin: readonly ((stream: Readable) => void)[] = [
      (stream) => void stream.on('data', () => t.fail('it is read here')),
      (stream) => void stream.on('readable', () => {}),
      (stream) => void stream.resume(),
      (stream) => void stream.pipe(new PassThrough()),
    ];
    for (const reader of begin) {
      const a = await act(['sleep=50', 'out=whole']);
      reader(stdout(a));
      const b = await act(['cat'], { stdio: [stdout(a), 'pipe', 'pipe'] });
      t.equal(await text(b.stdout), 'whole');
      stdout(a).destroy();
    }
  },
);

t.test(
  'a stream that was handed on can be read here again, and does not hold the service up',
  { skip },
  async (t) => {
    const a = await act(['spam=65536', 'cat', 'out=end']);
    const handed = stdout(a);
    const missing = act([], { stdio: [handed, 'pipe', 'pipe'], program: '/missing' });
    await t.rejects(missing, { code: 'ENOENT' });
    // The pipe gets as much data as one read takes. The next read would block on a blocking descriptor, and the program would never end.
    let turns = 0;
    const ticking = setInterval(() => ++turns === 10 && stdin(a).end(), 30);
    t.equal((await text(handed)).length, 65_539);
    clearInterval(ticking);
    t.ok(turns >= 10);
  },
);

t.test('the output of one that wrote nothing is an input that ends at once', { skip }, async (t) => {
  const a = await act([]);
  await a.exited;
  await turn();
  const b = await act(['cat', 'out=end'], { stdio: [stdout(a), 'pipe', 'pipe'] });
  t.equal(await text(b.stdout), 'end');
  stdout(a).destroy();
});

t.test('one that is piped into a program that has ended gets SIGPIPE', { skip }, async (t) => {
  const actor = { user, jail, program: '/actor' };
  for (const ask of [stdin, (): void => {}]) {
    const b = await spawnInJail(actor);
    ask(b);
    await once(b, 'close');
    const a = await spawnInJail({ ...actor, args: ['spam=1000000'] });
    t.equal(a.pipe(b), b);
    t.match(await a.exited, { signal: 'SIGPIPE' });
  }
});

t.test('a stream that was handed on is not read, resumed or closed here', { skip }, async (t) => {
  const a = await act(['sleep=50', 'out=all of it']);
  const out = stdout(a);
  const b = await act(['sleep=150', 'cat'], { stdio: [out, 'pipe', 'pipe'] });
  const reading = text(b.stdout);
  await a.exited;
  await turn();
  t.match(out, { readableFlowing: null, readableLength: 0, destroyed: false });
  t.equal(await reading, 'all of it');
  // It can be handed on again: the next program continues where the last one stopped.
  const c = await act(['cat', 'out=nothing more'], { stdio: [out, 'pipe', 'pipe'] });
  t.equal(await text(c.stdout), 'nothing more');
  out.destroy();
});

t.test('a standard input that was handed on is not closed when its program ends', { skip }, async (t) => {
  const b = await act(['sleep=50']);
  const input = stdin(b);
  const a = await act(['sleep=60000'], { stdio: ['ignore', input as unknown as Readable, 'pipe'] });
  await b.exited;
  await turn();
  t.match(input, { destroyed: false });
  a.kill();
  await a.exited;
  (input as unknown as Readable).destroy();
});

t.test(
  'output is kept until it is read, whether or not its stream was asked for before',
  { skip },
  async (t) => {
    for (const ask of [(): void => {}, (child: JailedProcess): void => void child.stdio]) {
      const child = await act(['spam=60000', 'err=a warning', 'exit=3']);
      ask(child);
      t.strictSame(await once(child, 'close'), [3, null], 'nobody reads, and close comes all the same');
      for (let i = 0; i < 20; i++) await turn();
      t.equal((await text(child.stdout)).length, 60_000);
      t.equal(await text(child.stderr), 'a warning');
    }
  },
);

t.test('a late listener hears the end of output that there never was', { skip }, async (t) => {
  const child = await act([]);
  await once(child, 'close');
  await turn();
  stdout(child).resume();
  await once(stdout(child), 'end');
  t.equal(child.stdin?.destroyed, true);
});

t.test('close waits for a reader that comes right after exited', { skip }, async (t) => {
  const child = await act(['spam=60000']);
  const closed = once(child, 'close').then(() => 'closed');
  await child.exited;
  const reading = text(child.stdout).then(() => 'read');
  t.strictSame(await Promise.race([closed, reading]), 'read');
  await closed;
});

t.test('nothing is left open of a program that nobody knows any more', { skip }, async (t) => {
  setFlagsFromString('--expose_gc');
  const collect = runInNewContext('gc') as () => void;
  const before = await settledFds();
  const launch = async (): Promise<void> => {
    await once(await act(['out=unread', 'err=unread']), 'close');
    await once(await act([]), 'close');
    // The stream was created but not read, and the pipe is empty.
    await once(await act([]).then((asked) => asked.stdio && asked), 'close');
  };
  for (let i = 0; i < 10; i++) await launch();
  const closed = (): boolean => {
    collect();
    return countOf(process.pid).fds <= before;
  };
  t.ok(await eventually(closed), `${countOf(process.pid).fds} open, ${before} before`);
});

t.test(
  'pipes that nobody reads do not pile up until the process has no descriptor left',
  { skip },
  async (t) => {
    const before = await settledFds();
    const launches = 2500;
    const line = async (): Promise<void> => {
      for (let i = 0; i < launches / 5; i++) await (await act(['out=x', 'err=x'])).exited;
    };
    await Promise.all(Array.from({ length: 5 }, line));
    const open = countOf(process.pid).fds - before;
    t.ok(open < launches * 2 - 500, `${open} of ${launches * 2} are open`);
  },
);

t.test(
  'a socket that becomes standard input is not read here from then on, and not if it has been',
  { skip },
  async (t) => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
    const [accepted] = (await once(server, 'connection')) as [Socket];
    const launched = act(['sleep=50', 'cat'], { stdio: [accepted, accepted, 'ignore'] });
    client.end('for the program');
    const child = await launched;
    await child.exited;
    t.equal(accepted.readableLength, 0);
    accepted.destroy();
    t.equal(await text(client), 'for the program');

    const other = connect((server.address() as AddressInfo).port, '127.0.0.1');
    const [read] = (await once(server, 'connection')) as [Socket];
    other.write('too late');
    t.ok(await eventually(() => read.readableLength > 0));
    await t.rejects(act([], { stdio: [read, 'ignore', 'ignore'] }), {
      name: 'UsageError',
      message: /read 8 bytes of the stream/,
    });
    t.equal(String(read.read()), 'too late', 'nothing has happened to it');
    other.destroy();
    read.destroy();
    server.close();
  },
);
