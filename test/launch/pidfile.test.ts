import {
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';

import t from 'tap';

import { writePidFile } from '../../lib/launch/pidfile.ts';

t.test('a pid file holds the pid and a newline, and leaves nothing beside it', async (t) => {
  const directory = t.testdir();
  const path = join(directory, 'service.pid');
  writePidFile(path, 4711).keep();
  t.equal(readFileSync(path, 'utf8'), '4711\n');
  t.equal(statSync(path).mode & 0o022, 0, 'nobody else can write it');
  t.strictSame(readdirSync(directory), ['service.pid']);
  writePidFile(path, 4712).keep();
  t.equal(readFileSync(path, 'utf8'), '4712\n', 'an old one is replaced');
});

t.test('a symbolic link in its place is replaced, not followed', async (t) => {
  const directory = t.testdir({ victim: 'precious' });
  const path = join(directory, 'service.pid');
  symlinkSync(join(directory, 'victim'), path);
  writePidFile(path, 5).keep();
  t.equal(readFileSync(join(directory, 'victim'), 'utf8'), 'precious');
  t.equal(readFileSync(path, 'utf8'), '5\n');
});

t.test('a file that lies where the new one is to be written is not touched', async (t) => {
  const directory = t.testdir();
  const path = join(directory, 'service.pid');
  writeFileSync(`${path}.${process.pid}.new`, 'precious');
  t.throws(() => writePidFile(path, 5), { name: 'LaunchError', step: 'pid_file', code: 'EEXIST' });
  t.equal(readFileSync(`${path}.${process.pid}.new`, 'utf8'), 'precious');
});

t.test('taken back, it is gone', async (t) => {
  const directory = t.testdir();
  const path = join(directory, 'service.pid');
  writePidFile(path, 5).takeBack();
  t.strictSame(readdirSync(directory), []);
});

t.test('what lies at the path by then is not taken away, as after chroot', async (t) => {
  const directory = t.testdir();
  const path = join(directory, 'service.pid');
  const pidFile = writePidFile(path, 5);
  renameSync(path, `${path}.moved`);
  writeFileSync(path, 'precious');
  pidFile.takeBack();
  t.equal(readFileSync(path, 'utf8'), 'precious');
  t.equal(readFileSync(`${path}.moved`, 'utf8'), '');
});

t.test('a directory that is missing or in its place is a LaunchError with the path', async (t) => {
  const directory = t.testdir();
  const absent = join(directory, 'absent/service.pid');
  t.throws(() => writePidFile(absent, 5), {
    name: 'LaunchError',
    step: 'pid_file',
    call: 'open',
    code: 'ENOENT',
    errno: 2,
    path: absent,
    hint: String,
    exitStatus: 125,
  });
  const inTheWay = join(directory, 'directory');
  mkdirSync(inTheWay);
  t.throws(() => writePidFile(inTheWay, 5), { name: 'LaunchError', code: 'EISDIR' });
  t.strictSame(readdirSync(directory), ['directory'], 'and nothing is left beside it');
});
