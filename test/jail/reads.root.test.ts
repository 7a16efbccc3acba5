// How much is read for a jail: counted, since a time says nothing on a busy machine.

import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';

import t, { type Test } from 'tap';

import { makeDirectory } from '../support/directory.ts';
import { makeSystem, uchrootJail } from '../support/builder.ts';
import { unlessRoot } from '../support/root.ts';
import { sanitized } from '../support/sanitizer.ts';

const withStrace = {
  skip: unlessRoot('ldd', 'strace') || (sanitized && 'too slow under strace'),
};
const DATA_BYTES = 3_000_000;

/** The system calls of all threads of the command, by name, for a jail of bash and a file of data. */
function trace(t: Test, calls: string, ...options: readonly string[]): readonly string[] {
  const base = makeDirectory(t);
  const from = `${base}/root`;
  makeSystem(from, '/bin/bash');
  writeFileSync(`${from}/data`, Buffer.alloc(DATA_BYTES, 'x'));
  const args = ['build', `${base}/jail`, '--from', from, '/bin/bash', '--copy', '/data', ...options];
  const by = ['strace', '-ff', '-qq', '-y', '-o', `${base}/trace`, '-e', `trace=${calls}`];
  t.match(uchrootJail(args, { by }), { status: 0, stderr: '' });
  t.equal(existsSync(`${base}/jail`), options.length === 0);
  const traces = readdirSync(base).filter((name) => name.startsWith('trace.'));
  return traces.flatMap((name) => readFileSync(`${base}/${name}`, 'utf8').split('\n'));
}

t.test('a copy is hashed by the descriptor that it was written to', withStrace, (t) => {
  const opened = trace(t, 'openat,openat2').filter((line) => /"\/?(?:\.uchroot\/new\/)?\d+"/.test(line));
  const created = opened.filter((line) => line.includes('O_CREAT'));
  t.ok(created.length > 3, `${created.length} files were staged`);
  // a file that is put in place is looked at once more (O_PATH), and not read
  const again = opened.filter((line) => !/O_CREAT|O_PATH|O_DIRECTORY/.test(line));
  t.same(again, []);
  t.end();
});

t.test('a plan of a new jail reads no file of data', withStrace, (t) => {
  const reads = trace(t, 'pread64', '--plan').filter((line) => line.includes('/data>'));
  const bytes = reads.reduce((sum, line) => sum + Number(/= (\d+)$/.exec(line)?.[1] ?? 0), 0);
  t.ok(bytes < 10_000, `${bytes} of ${DATA_BYTES} bytes were read`);
  t.end();
});
