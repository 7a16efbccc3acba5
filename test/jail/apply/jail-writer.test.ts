import t from 'tap';

import { bytePath } from '../../../lib/tree/path.ts';
import { ORDINARY, rankOf, rankOfLink } from '../../../lib/jail/apply/jail-writer.ts';
import type { FileEntry, Reason } from '../../../lib/jail/manifest/planned-entry.ts';

function file(path: string, how: Reason['how']): number {
  const entry: FileEntry = {
    kind: 'file',
    path: bytePath(path),
    source: bytePath(path),
    sizeBytes: 1,
    mode: 0o755,
    reason: { how },
  };
  return rankOf(entry);
}

const link = (path: string): number => rankOfLink(bytePath(path));

t.test('the loader and the C library come first, and nothing between them', async (t) => {
  const ranks = [
    file('/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2', 'loader'),
    file('/usr/lib/x86_64-linux-gnu/libc.so.6', 'library'),
    file('/lib/ld-2.31.so', 'loader'),
    file('/lib/libc-2.31.so', 'library'),
    file('/lib/ld-musl-x86_64.so.1', 'loader'),
  ];
  t.same(new Set(ranks).size, 1);
  t.ok(Math.max(...ranks) < link('/lib/libc.so.6'));
  t.ok(link('/lib/libc.so.6') < file('/lib/libcap.so.2', 'library'));
});

t.test('a library is there before the link to it, and both before a program', async (t) => {
  const order = [file('/lib/libz.so.1.3', 'library'), link('/lib/libz.so.1'), file('/bin/p', 'asked')];
  t.same(
    order.toSorted((a, b) => a - b),
    order,
  );
  t.ok(file('/usr/lib/p/plugin.so', 'dlopen') < file('/bin/sh', 'interpreter'));
});

t.test('a link to anything else comes last', async (t) => {
  for (const rank of [file('/bin/p', 'asked'), file('/opt/app-2/data', 'copied'), ORDINARY])
    t.ok(rank < link('/opt/app'));
});
