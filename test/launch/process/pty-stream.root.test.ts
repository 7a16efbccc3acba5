// pty of the library: one stream for what a program writes and reads in a terminal of its own.
import { once } from 'node:events';
import { mkdirSync, readdirSync } from 'node:fs';

import t, { type Test } from 'tap';

import { openJail, runInJail, spawnInJail, type JailedProcess } from '../../../lib/index.ts';
import { uchrootJail } from '../../support/builder.ts';
import { temporaryDirectory } from '../../support/launch.ts';
import { patientMs } from '../../support/patience.ts';
import { unlessRoot } from '../../support/root.ts';
import { eventually, processesOf, runs, fdsBecome, settledFds, startService } from '../../support/service.ts';

const skip = unlessRoot();
const uid = 61_272;
const user = `+${uid}:+${uid}`;
const jail = skip === false ? `${temporaryDirectory()}/jail` : '/';
const program = '/bin/bash';
const own = { isolate: true, view: [{ dev: '/dev' }, { proc: '/proc' }] } as const;
const ways = [{}, own];

t.before(() => {
  if (skip !== false) return;
  const built = uchrootJail(['build', jail, 'bash', 'stty', 'tty', 'cat', 'head', 'sleep', 'wc', 'ls']);
  if (built.status !== 0) throw new Error(built.stderr);
  mkdirSync(`${jail}/proc`, { recursive: true });
});

// Each test leaves no process and no pseudo-terminal.
function test(name: string, body: (t: Test) => Promise<void>): void {
  t.test(name, { skip }, async (t) => {
    const terminals = readdirSync('/dev/pts').length;
    await body(t);
    t.ok(await eventually(() => processesOf(uid).length === 0), 'no process is left');
    t.ok(await eventually(() => readdirSync('/dev/pts').length <= terminals), 'no pseudo-terminal is left');
  });
}

class Session {
  shown = '';
  readonly child: JailedProcess<'pty'>;
  #changed = (): void => {};

  constructor(child: JailedProcess<'pty'>) {
    this.child = child;
    child.pty.setEncoding('latin1').on('data', (text: string) => {
      this.shown += text;
      this.#changed();
    });
  }

  async shows(text: string): Promise<void> {
    const end = performance.now() + patientMs(15_000);
    while (!this.shown.includes(text)) {
      const left = end - performance.now();
      if (left <= 0) throw new Error(`no ${text}: ${JSON.stringify(this.shown.slice(-300))}`);
      await new Promise<void>((resolve) => {
        // a timer that stays would hold the process
        const timer = setTimeout(resolve, left);
        this.#changed = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    this.shown = this.shown.slice(this.shown.indexOf(text) + text.length);
  }
}

async function session(script: string, special: object = {}): Promise<Session> {
  const request = { user, jail, program, args: ['-c', script], pty: { cols: 111, rows: 33 }, ...special };
  return new Session(await spawnInJail(request));
}

test('a program has a terminal of this size, which can change', async (t) => {
  for (const way of ways) {
    const shell = await session(
      "trap 'stty size' WINCH; stty size; tty; until read -r -t 0.1 x; do :; done; exit 5",
      way,
    );
    const { child } = shell;
    await shell.shows('33 111\r\n');
    await shell.shows('view' in way ? '/dev/pts/0\r\n' : 'not a tty\r\n');
    t.ok(child.resize(50, 20));
    await shell.shows('20 50\r\n');
    t.throws(() => child.resize(0, 1), { name: 'UsageError', message: /cols/ });
    t.same([child.stdin, child.stdout, child.stderr], [null, null, null]);
    child.pty.write('end\n');
    t.match(await child.exited, { exitCode: 5 });
    t.notOk(child.resize(1, 1));
  }
});

test('keys are typed: Ctrl-C ends the program, and the end of the stream the input', async (t) => {
  for (const way of ways) {
    const sleeping = await session('echo ready; sleep 1000', way);
    await sleeping.shows('ready');
    sleeping.child.pty.write('\u0003');
    t.match(await sleeping.child.exited, { signal: 'SIGINT' });
    const reading = await session('cat; cat; echo done', way);
    reading.child.pty.end('no end of the line');
    await reading.shows('done\r\n');
    t.match(await reading.child.exited, { exitCode: 0 });
  }
});

test('all input and output arrives', async (t) => {
  for (const way of ways) {
    const counting = await session('stty -echo; echo ready; wc -c', way);
    await counting.shows('ready\r\n');
    for (let line = 0; line < 200; line++) counting.child.pty.write(`${'x'.repeat(1023)}\n`);
    counting.child.pty.end();
    await counting.shows('204800\r\n');
    const writing = await session('stty -opost; head -c 10000000 /dev/zero', way);
    await once(writing.child, 'close');
    t.equal(writing.shown.length, 10_000_000);
  }
});

test('output waits for a reader, and what nobody has read is there after the end', async (t) => {
  const child = await spawnInJail({ user, jail, program, args: ['-c', 'echo one; echo two'], pty: true });
  t.same(await once(child, 'close'), [0, null], 'nobody has read');
  let shown = '';
  for await (const chunk of child.pty) shown += String(chunk);
  t.equal(shown, 'one\r\ntwo\r\n');
  t.ok(child.pty.destroyed);
});

test('to destroy the stream hangs up', async (t) => {
  const fds = await settledFds();
  for (const way of ways) {
    const sleeping = await session('echo ready; sleep 1000', way);
    await sleeping.shows('ready');
    sleeping.child.pty.destroy();
    t.match(await sleeping.child.exited, { signal: 'SIGHUP' });
  }
  t.ok(await fdsBecome(fds), 'no descriptor is left');
});

test('what is written after the end is lost without an error', async (t) => {
  const { child } = await session('exit 2');
  t.match(await child.exited, { exitCode: 2 });
  child.pty.write('too late\n');
  child.pty.end();
  if (!child.pty.closed) await once(child.pty, 'close');
  t.equal(child.pty.errored, null);
});

test('an open jail starts programs with a terminal too', async (t) => {
  await using open = await openJail(jail, { user, ...own });
  const both = await Promise.all(
    [1, 2].map(
      async () =>
        new Session(await open.spawn({ program, args: ['-c', 'tty; ls /dev/pts; cat'], pty: true })),
    ),
  );
  for (const one of both) await one.shows('ptmx');
  for (const { child } of both) child.pty.end();
  for (const { child } of both) t.match(await child.exited, { exitCode: 0 });
});

test('a terminal and stdio exclude each other, and runInJail has none', async (t) => {
  const request = { user, jail, program, pty: true } as const;
  await t.rejects(spawnInJail({ ...request, stdio: 'ignore' }), {
    message: /^stdio and pty are given at once/,
  });
  await t.rejects(runInJail(request), { name: 'UsageError', message: /^pty is for spawnInJail/ });
  const child = await spawnInJail({ user, jail, program, args: ['-c', 'exit'], stdio: 'ignore' });
  t.equal(child.pty, null);
  t.throws(() => child.resize(80, 24), { name: 'UsageError', message: /no pty/ });
  await child.exited;
});

test('nothing is left of a service that is killed', async (t) => {
  for (const way of ways) {
    const service = startService('terminal', {
      user,
      jail,
      program,
      args: ['-c', 'echo ready; sleep 1000'],
      ...way,
    });
    const [line] = (await once(service.stdout ?? process.stdin, 'data')) as [Buffer];
    const pid = Number(String(line));
    t.ok(runs(pid));
    service.kill('SIGKILL');
    t.ok(await eventually(() => processesOf(uid).length === 0));
  }
});
