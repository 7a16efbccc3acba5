import t, { type Test } from 'tap';

import { megabytes, openProgress, type ProgressView } from '../../lib/bin/progress-bar.ts';
import type { Progress } from '../../lib/jail/work/steps.ts';

interface Watched {
  readonly view: ProgressView;
  readonly written: readonly string[];
  /** Lets time pass. */
  readonly later: (ms: number) => void;
}

/** A view on a stream that records its output, with its own clock. */
function watch(t: Test, isTTY: boolean): Watched {
  const written: string[] = [];
  let clock = 1000;
  t.intercept(performance, 'now', { value: () => clock });
  const stream = { isTTY, write: (text: string) => written.push(text) };
  return {
    view: openProgress(stream as unknown as NodeJS.WriteStream),
    written,
    later: (ms) => {
      clock += ms;
    },
  };
}

const copying = (files: number, sizeBytes: number): Progress => ({
  phase: 'copy',
  files,
  totalFiles: 8,
  sizeBytes,
  totalSizeBytes: 8_000_000,
});

t.test('on a terminal a bar is drawn over itself, and taken away', async (t) => {
  const { view, written, later } = watch(t, true);
  later(400);
  view.show(copying(2, 2_000_000));
  t.same(written, ['\r\x1b[K[######..................] copying 25 %, 2 of 8 files, 2.0 MB']);
  later(200);
  view.show(copying(8, 8_000_000));
  t.equal(written[1], `\r\x1b[K[${'#'.repeat(24)}] copying 100 %, 8 of 8 files, 8.0 MB`);
  view.clear();
  t.equal(written[2], '\r\x1b[K');
  view.clear();
  t.equal(written.length, 3, 'once');
});

t.test('elsewhere there is a line now and then, without control characters', async (t) => {
  const { view, written, later } = watch(t, false);
  for (let second = 0; second < 14; second++) {
    view.show(copying(1, second * 500_000));
    later(1000);
  }
  view.clear();
  t.same(written, [
    'uchroot-jail: copying 18 %, 1 of 8 files, 1.5 MB\n',
    'uchroot-jail: copying 50 %, 1 of 8 files, 4.0 MB\n',
    'uchroot-jail: copying 81 %, 1 of 8 files, 6.5 MB\n',
  ]);
});

t.test('work that is over at once needs no words', async (t) => {
  for (const isTTY of [true, false]) {
    const { view, written, later } = watch(t, isTTY);
    view.show(copying(0, 0));
    later(200);
    view.show(copying(8, 8_000_000));
    view.clear();
    t.same(written, []);
  }
});

t.test('a bar is not drawn more than ten times a second', async (t) => {
  const { view, written, later } = watch(t, true);
  later(1000);
  for (let i = 0; i < 100; i++) {
    view.show(copying(i, i));
    later(10);
  }
  t.equal(written.length, 10);
});

t.test('a phase whose end is not known has words and no bar', async (t) => {
  const { view, written, later } = watch(t, true);
  later(1000);
  view.show({ phase: 'plan', files: 0, totalFiles: 0, sizeBytes: 0, totalSizeBytes: 0 });
  t.same(written, ['\r\x1b[Klooking for what is needed']);
  later(1000);
  view.show({ phase: 'remove', files: 3, totalFiles: 0, sizeBytes: 0, totalSizeBytes: 0 });
  t.equal(written[1], '\r\x1b[Kremoving, 3 files');
});

t.test('more than was expected is no more than all', async (t) => {
  const { view, written, later } = watch(t, true);
  later(1000);
  view.show(copying(9, 12_000_000));
  t.match(written[0], /\] copying 100 %, /);
});

t.test('a size is told in units of a million bytes', async (t) => {
  t.same([0, 49_999, 1_000_000, 123_456_789, 1e11].map(megabytes), [
    '0.0 MB',
    '0.0 MB',
    '1.0 MB',
    '123.5 MB',
    '100000.0 MB',
  ]);
});

t.test('where no sizes are known, files make the bar', async (t) => {
  const { view, written, later } = watch(t, true);
  for (const [files, totalFiles, totalSizeBytes] of [
    [1, 4, 0],
    [9, 4, 0],
    [0, 1, 0],
    [1, 4, 1],
  ] as const) {
    later(1000);
    view.show({ phase: 'remove', files, totalFiles, sizeBytes: 0, totalSizeBytes });
  }
  const bar = (full: number) => `\r\x1b[K[${'#'.repeat(full)}${'.'.repeat(24 - full)}]`;
  t.same(written, [
    `${bar(6)} removing 25 %, 1 of 4 files`,
    `${bar(24)} removing 100 %, 9 of 4 files`,
    `${bar(0)} removing 0 %`,
    `${bar(0)} removing 0 %, 1 of 4 files`,
  ]);
});
