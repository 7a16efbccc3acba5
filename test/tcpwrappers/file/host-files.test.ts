import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';

import { readFileText } from '../../../lib/tcpwrappers/file/host-files.ts';
import { MAX_FILE_BYTES } from '../../../lib/tcpwrappers/parse/logical-line.ts';
import { makeDirectory } from '../../support/directory.ts';

const directory = makeDirectory(t);

function path(name: string): string {
  return join(directory, name);
}

t.test('a file is read byte by byte', async (t) => {
  writeFileSync(path('text'), Buffer.from([0x61, 0xff, 0, 0x0a]));
  t.same(readFileText(path('text')), { kind: 'text', text: 'a\xff\0\n' });
  t.same(readFileText('/dev/null'), { kind: 'text', text: '' });
});

t.test('what is no file is told from one that is not there', async (t) => {
  mkdirSync(path('directory'));
  symlinkSync(path('loop'), path('loop'));
  t.same(readFileText(path('gone')), { kind: 'absent' });
  t.same(readFileText(path('directory')), { kind: 'directory' });
  t.same(readFileText(path('loop')), { kind: 'unreadable', code: 'ELOOP' });
  t.same(readFileText(path('text/x')), { kind: 'unreadable', code: 'ENOTDIR' });
});

t.test('a pipe keeps nobody waiting', async (t) => {
  execFileSync('sh', ['-c', 'mkfifo "$0"', path('pipe')]);
  t.same(readFileText(path('pipe')), { kind: 'special' });
});

t.test('what is too large, or a device, is not read', async (t) => {
  writeFileSync(path('large'), '');
  truncateSync(path('large'), MAX_FILE_BYTES + 1);
  t.same(readFileText(path('large')), { kind: 'large' });
  t.same(readFileText('/dev/zero'), { kind: 'special' });
  t.same(readFileText('/dev/null'), { kind: 'text', text: '' });
});
