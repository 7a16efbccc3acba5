import { constants } from 'node:os';

import t from 'tap';

import { bytePath } from '../../../lib/tree/path.ts';
import { toJailError, withJailErrors } from '../../../lib/jail/work/jail-error.ts';
import { lookOr } from '../../../lib/words/system-error.ts';

// What fsync of node:fs throws, and our own calls: libuv has no name for this number.
function quotaError(path?: string): Error {
  const number = -constants.errno.EDQUOT;
  const code = `Unknown system error ${number}`;
  return Object.assign(new Error(`${code}: ${code}, fsync`), { code, errno: number, syscall: 'fsync', path });
}

t.test('a quota that is used up is told in words, with what to do', async (t) => {
  const told = { name: 'JailError', code: 'EDQUOT', hint: 'make room; the jail is as it was' };
  t.has(toJailError(quotaError()), { ...told, message: 'quota exceeded, fsync' });
  t.has(toJailError(quotaError('/usr/bin/x')), { ...told, message: '/usr/bin/x: quota exceeded, fsync' });
  t.has(toJailError(quotaError(), bytePath('/usr/y')), { ...told, message: '/usr/y: quota exceeded, fsync' });
});

t.test('an error of a whole file system names the jail, and one of a file names the file', async (t) => {
  const failing = (path?: string) => () => {
    const error = new Error('EIO: Input/output error, syncfs');
    throw Object.assign(error, { code: 'EIO', errno: 5, syscall: 'syncfs', path });
  };
  const hint = 'its disk or file system fails: dmesg says more';
  const message = '/srv/jail: Input/output error, syncfs';
  await t.rejects(withJailErrors(failing(), bytePath('/srv/jail')), { message, code: 'EIO', hint });
  await t.rejects(withJailErrors(failing('/usr/x'), bytePath('/srv/jail')), { message: /^\/usr\/x: /, hint });
});

t.test('a file system that is mounted read-only has two remedies', async (t) => {
  const error = Object.assign(new Error("EROFS: read-only file system, mkdir '/mnt/x'"), {
    code: 'EROFS',
    path: '/mnt/x',
  });
  t.match(toJailError(error), {
    code: 'EROFS',
    hint: /^name a directory of another .*: mount -o remount,rw$/,
  });
});

t.test('a look that fails with a system error has another answer, and other errors are thrown', async (t) => {
  t.equal(
    lookOr('absent', () => 'there'),
    'there',
  );
  t.equal(
    lookOr('absent', () => {
      throw Object.assign(new Error('gone'), { code: 'ENOENT' });
    }),
    'absent',
  );
  t.throws(
    () =>
      lookOr('absent', () => {
        throw new TypeError('a mistake');
      }),
    { name: 'TypeError', message: 'a mistake' },
  );
});
