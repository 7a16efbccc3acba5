import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, openSync, readFileSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';

import t from 'tap';

import { makeDirectory } from '../../support/directory.ts';
import { runInJail, spawnInJail } from '../../support/public-api.ts';
import { makeJail } from '../../support/programs.ts';
import { unlessInstalled, unlessRoot } from '../../support/root.ts';
import { eventually, plainEnv, fdsBecome, settledFds, text } from '../../support/service.ts';

const skip = unlessRoot();
const jail = skip === false ? makeJail(t, 'actor') : '';
const base = { user: '61112:61112', jail, program: '/actor', stdio: 'ignore' } as const;
const directory = makeDirectory(t);

interface Line {
  readonly event: string;
  readonly pid: number;
}

function parse(lines: string): Line[] {
  const whole = lines.split('\n');
  if (whole.pop() !== '') throw new Error('the last line has no end');
  return whole.map((line) => JSON.parse(line) as Line);
}

/** A pipe with a non-blocking read end and a blocking write end. */
class Pipe {
  readonly #readEnd: number;
  readonly writeEnd: number;
  #text = '';

  constructor(name: string) {
    const path = join(directory, name);
    execFileSync('mkfifo', [path]);
    this.#readEnd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    this.writeEnd = openSync(path, constants.O_WRONLY);
  }

  /** Fills it to the last byte. */
  fill(): void {
    const own = openSync(`/proc/self/fd/${this.writeEnd}`, constants.O_WRONLY | constants.O_NONBLOCK);
    try {
      for (;;) writeSync(own, '\n'.repeat(4096));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
    }
    closeSync(own);
  }

  /** Everything that was written until now, without the fill bytes. */
  read(): string {
    const chunk = Buffer.alloc(1000);
    try {
      for (let got = 1; got > 0; this.#text += chunk.toString('latin1', 0, got))
        got = readSync(this.#readEnd, chunk);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
    }
    return this.#text.replace(/^\n+/, '');
  }

  close(): void {
    closeSync(this.#readEnd);
    closeSync(this.writeEnd);
  }
}

t.test(
  'a status descriptor that the caller closes at once is not the next file of that number',
  { skip },
  async (t) => {
    // A thread of the launch may take the number first, so this repeats until the next file has it.
    let isReused = false;
    for (let round = 0; round < 2 || (!isReused && round < 20); round++) {
      const [first, second] = [join(directory, `${round} 1`), join(directory, `${round} 2`)];
      const statusFd = openSync(first, 'w');
      const launched = spawnInJail({ ...base, args: ['sleep=20'], statusFd });
      closeSync(statusFd);
      const next = openSync(second, 'w');
      isReused ||= next === statusFd;
      const child = await launched;
      await child.exited;
      closeSync(next);
      t.equal(readFileSync(second, 'utf8'), '');
      t.match(parse(readFileSync(first, 'utf8')), [
        { event: 'started', pid: child.pid },
        { event: 'exited', pid: child.pid, exitCode: 0, signal: null },
      ]);
    }
    t.ok(isReused);
  },
);

t.test('one that is not open for writing is an error, and nothing runs', { skip }, async (t) => {
  const readOnly = openSync('/dev/null', 'r');
  for (const statusFd of [901, readOnly]) {
    await t.rejects(runInJail({ ...base, args: ['touch=/tmp/ran'], statusFd }), {
      name: 'LaunchError',
      step: 'launch',
      code: 'EBADF',
      path: `descriptor ${statusFd}`,
      hint: 'statusFd must be open for writing',
    });
  }
  closeSync(readOnly);
  t.throws(() => readFileSync(join(jail, 'tmp/ran')), { code: 'ENOENT' });
});

t.test(
  'a terminal that nobody reads holds nothing up',
  { skip: skip || unlessInstalled('python3') },
  async (t) => {
    const script = `import os, select, sys
master, slave = os.openpty()
print(os.ttyname(slave), flush=True)
sys.stdin.read()
while select.select([master], [], [], 0.3)[0]: os.write(1, os.read(master, 65536))`;
    const master = spawn('python3', ['-c', script], { env: plainEnv(), stdio: ['pipe', 'pipe', 'inherit'] });
    const [path] = (await once(master.stdout, 'data')) as [Buffer];
    const statusFd = openSync(path.toString().trim(), constants.O_WRONLY | constants.O_NOCTTY);
    const program = `/${'x'.repeat(190)}`;
    // More than the pipe holds, in pieces, one of which only fits in part.
    for (let i = 0; i < 100; i++)
      await t.rejects(runInJail({ ...base, program, statusFd }), { code: 'ENOENT' }, 'and it is told here');
    closeSync(statusFd);
    const lines = text(master.stdout);
    master.stdin.end();
    t.match(await lines, /^\{"event":"failed",.*"code":"ENOENT".*\}\r\n/);
  },
);

t.test('a pipe that nobody reads holds nothing up, and its lines come later', { skip }, async (t) => {
  await runInJail(base);
  const before = await settledFds();
  const pipe = new Pipe('unread');
  pipe.fill();
  let turns = 0;
  const ticking = setInterval(() => turns++, 1);
  const child = await spawnInJail({ ...base, args: ['sleep=30'], statusFd: pipe.writeEnd });
  await child.exited;
  clearInterval(ticking);
  t.ok(turns > 0);
  // The flag would apply to all users of this open file.
  const flags = /^flags:\t([0-7]+)$/m.exec(readFileSync(`/proc/self/fdinfo/${pipe.writeEnd}`, 'utf8'))?.[1];
  t.equal(Number.parseInt(flags ?? '', 8) & constants.O_NONBLOCK, 0);
  const hasAll = (): boolean => /"exited".*\n/.test(pipe.read());
  t.ok(await eventually(hasAll));
  t.match(parse(pipe.read()), [
    { event: 'started', pid: child.pid },
    { event: 'exited', pid: child.pid },
  ]);
  pipe.close();
  t.ok(await fdsBecome(before));
});

t.test(
  'the lines of many launches on one full pipe are all there, each whole and in order',
  { skip },
  async (t) => {
    const pipe = new Pipe('shared');
    pipe.fill();
    const request = { ...base, statusFd: pipe.writeEnd };
    const children = await Promise.all(Array.from({ length: 40 }, () => spawnInJail(request)));
    await t.rejects(runInJail({ ...request, program: `/${'missing'.repeat(30)}` }), { code: 'ENOENT' });
    await Promise.all(children.map((child) => child.exited));
    t.ok(await eventually(() => pipe.read().split('\n').length === 82));
    const lines = parse(pipe.read());
    for (const { pid } of children) {
      t.strictSame(
        lines.filter((line) => line.pid === pid).map((line) => line.event),
        ['started', 'exited'],
      );
    }
    t.equal(lines.filter((line) => line.event === 'failed').length, 1);
    pipe.close();
  },
);

t.test('a reader that has gone away is no failure', { skip }, async (t) => {
  const pipe = new Pipe('broken');
  const child = await spawnInJail({ ...base, args: ['sleep=30'], statusFd: pipe.writeEnd });
  pipe.close();
  t.match(await child.exited, { exitCode: 0 });
});
