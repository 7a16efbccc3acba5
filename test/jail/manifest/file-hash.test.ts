import { createHash } from 'node:crypto';
import { closeSync, openSync, writeFileSync } from 'node:fs';

import t from 'tap';

import { hashBytes, hashFile } from '../../../lib/jail/manifest/file-hash.ts';

// One piece is 256 KiB.
const SIZES = [0, 1, 2 ** 18 - 1, 2 ** 18, 2 ** 18 + 1, 2 ** 23 + 5];

t.test('a file of any size has the hash of its bytes, also beside others', async (t) => {
  const directory = t.testdir({});
  const files = SIZES.map((size, index) => {
    const data = Buffer.alloc(size, `${index} and some text`);
    writeFileSync(`${directory}/${index}`, data);
    return { fd: openSync(`${directory}/${index}`, 'r'), data };
  });
  const found = await Promise.all(files.map(({ fd }) => hashFile(fd)));
  for (const { fd } of files) closeSync(fd);
  t.same(
    found,
    files.map(({ data }) => createHash('sha256').update(data).digest('hex')),
  );
  t.same(
    found,
    files.map(({ data }) => hashBytes(data)),
  );
});

t.test(
  'a file of /proc, which comes in pieces and says that it is empty, is hashed to its end',
  async (t) => {
    const fd = openSync('/proc/kallsyms', 'r');
    const found = await hashFile(fd);
    closeSync(fd);
    t.not(found, hashBytes(Buffer.alloc(0)));
  },
);

t.test('a thousand small files are hashed without a buffer for each', async (t) => {
  const file = `${t.testdir({})}/small`;
  writeFileSync(file, 'small');
  const fd = openSync(file, 'r');
  await hashFile(fd);
  const before = process.memoryUsage().arrayBuffers;
  let most = 0;
  for (let i = 0; i < 1000; i++) {
    await hashFile(fd);
    most = Math.max(most, process.memoryUsage().arrayBuffers - before);
  }
  closeSync(fd);
  t.ok(most < 2 ** 20, `${most} bytes`);
});
