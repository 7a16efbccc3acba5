import t from 'tap';

import { findCommand } from '../../lib/binary/env.ts';
import { bytePath } from '../../lib/tree/path.ts';
import type { FileRoot } from '../../lib/tree/root.ts';
import { memoryRoot } from '../support/binary/image.ts';

const root = memoryRoot({
  '/usr/bin/perl': 'x',
  '/opt/perl': { link: '../usr/bin/perl' },
  '/opt/tool': 'x',
  '/usr/bin/gone': { link: '/nowhere' },
  '/usr/bin/dir/x': '',
});
const find = (name: string, path: string | undefined, directory = '/', on: FileRoot = root) =>
  findCommand(on, bytePath(name), {
    path: path === undefined ? undefined : bytePath(path),
    directory: bytePath(directory),
  });

t.test('the first executable file of the name is taken', async (t) => {
  t.match(find('perl', '/usr/local/bin:/usr/bin:/opt'), { kind: 'found', path: '/usr/bin/perl' });
  t.match(find('perl', '/opt:/usr/bin'), { kind: 'found', path: '/opt/perl' }, 'by a link');
});

t.test('relative and empty elements begin in the working directory', async (t) => {
  t.match(find('tool', '', '/opt'), { kind: 'found', path: '/opt/tool' });
  t.match(find('tool', '/bin::/x', '/opt'), { kind: 'found', path: '/opt/tool' });
  t.match(find('perl', 'bin', '/usr'), { kind: 'found', path: '/usr/bin/perl' });
  t.match(find('tool', ''), { kind: 'missing' });
});

t.test('without PATH the C library has one', async (t) => {
  t.match(find('perl', undefined), { kind: 'found', path: '/usr/bin/perl' });
  t.match(find('tool', undefined), { kind: 'missing' });
});

t.test('a name with a slash is not searched', async (t) => {
  t.match(find('./tool', '/usr/bin', '/opt'), { kind: 'found', path: '/opt/./tool' });
  t.match(find('/nope', '/usr/bin'), { kind: 'found', path: '/nope' });
});

t.test('a command that is not there says where it was looked for', async (t) => {
  t.match(find('python', '/usr/bin:/opt'), {
    kind: 'missing',
    reason: 'absent',
    message: 'it is in none of the directories of PATH (/usr/bin:/opt)',
  });
  t.match(find('perl -w', '/usr/bin'), { message: /only with -S$/ });
  t.match(find('gone', '/usr/bin'), { reason: 'absent' });
  t.match(find('', '/usr/bin'), { reason: 'absent' });
});

t.test('a file that may not be executed is passed over, and named if nothing else comes', async (t) => {
  const readOnly: FileRoot = {
    ...root,
    lstat: (path) => {
      const status = root.lstat(path);
      return status && path === '/usr/bin/perl' ? { ...status, mode: 0o644 } : status;
    },
  };
  t.match(find('perl', '/usr/bin', '/', readOnly), {
    reason: 'denied',
    message: /^\/usr\/bin\/perl may not/,
  });
  t.match(find('dir', '/usr/bin'), { reason: 'denied' });
  t.match(find('tool', '/usr/bin/dir:/opt', '/', readOnly), { path: '/opt/tool' });
});

t.test('a name that is too long is not there', async (t) => {
  const strict: FileRoot = {
    ...root,
    lstat: (path) => {
      if (path.length > 255) throw Object.assign(new Error('too long'), { code: 'ENAMETOOLONG' });
      return root.lstat(path);
    },
  };
  t.match(find('x'.repeat(300), '/usr/bin', '/', strict), { reason: 'absent' });
});
