// Lines to a reader that is slow, or goes away for a time.
import { spawnSync } from 'node:child_process';
import { closeSync, constants, openSync, readSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';

import t, { type Test } from 'tap';

import { LineWriter } from '../../../lib/inetd/report/inetd-log.ts';
import { makeDirectory } from '../../support/directory.ts';

/** A pipe, and a reader of it. */
function openPipe(t: Test): { writer: LineWriter; path: string; reader: number } {
  const path = `${makeDirectory(t)}/pipe`;
  spawnSync('mkfifo', [path]);
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const fd = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
  t.teardown(() => closeSync(fd));
  return { writer: new LineWriter(fd), path, reader };
}

/** What waits in the pipe. */
function readAll(fd: number): string {
  const chunks: Buffer[] = [];
  try {
    for (;;) {
      const chunk = Buffer.alloc(65_536);
      const size = readSync(fd, chunk);
      if (size === 0) break;
      chunks.push(chunk.subarray(0, size));
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
  }
  return Buffer.concat(chunks).toString();
}

t.test('lines that a slow reader misses are counted, and the others are whole', async (t) => {
  const { writer, reader } = openPipe(t);
  const line = 'x'.repeat(1023);
  for (let i = 0; i < 1100; i++) writer.write(line);
  let text = '';
  for (let i = 0; i < 200 && !text.includes('dropped'); i++) {
    await setTimeout(10);
    text += readAll(reader);
  }
  closeSync(reader);
  const lines = text.split('\n');
  t.equal(lines.pop(), '');
  const told = Number(/^uchroot-inetd: ([0-9]+) lines were dropped$/.exec(lines.pop() ?? '')?.[1]);
  t.equal(lines.length + told, 1100);
  t.ok(lines.every((one) => one === line));
});

t.test(
  'after a line that was cut, the next one begins on its own, and says how many are missing',
  async (t) => {
    const { writer, path, reader } = openPipe(t);
    const long = 'x'.repeat(100_000);
    writer.write(long);
    writer.flush();
    closeSync(reader);
    writer.write('lost');
    writer.flush();
    writer.write('lost too');
    writer.flush();
    const later = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    t.teardown(() => closeSync(later));
    const [cut = '', ...others] = readAll(later).split('\n');
    t.match(long, cut);
    t.same(others, []);
    writer.write('there');
    writer.flush();
    t.equal(readAll(later), '\nuchroot-inetd: 3 lines were dropped\nthere\n');
  },
);
