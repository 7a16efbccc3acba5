import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';

import t, { type Test } from 'tap';

import {
  closePidPlace,
  openPidPlace,
  type PidPlace,
  writePidFile,
} from '../../../lib/launch/start/pidfile.ts';
import { native } from '../../../lib/native.ts';
import { sam } from '../../support/launch/view.ts';

function open(t: Test, path: string): PidPlace {
  const place = openPidPlace(path, sam, true);
  t.teardown(() => closePidPlace(place));
  return place;
}

function write(t: Test, path: string, pid: number): void {
  native.closeDescriptor(writePidFile(open(t, path), pid).fileFd);
}

t.test('a pid file holds the pid and a newline, and leaves nothing beside it', async (t) => {
  const directory = t.testdir();
  const path = join(directory, 'service.pid');
  write(t, path, 4711);
  t.equal(readFileSync(path, 'utf8'), '4711\n');
  t.equal(statSync(path).mode & 0o022, 0, 'nobody else can write it');
  t.strictSame(readdirSync(directory), ['service.pid']);
  write(t, path, 4712);
  t.equal(readFileSync(path, 'utf8'), '4712\n', 'an old one is replaced');
});

t.test('a symbolic link in its place is replaced, not followed', async (t) => {
  const directory = t.testdir({ victim: 'precious' });
  const path = join(directory, 'service.pid');
  symlinkSync(join(directory, 'victim'), path);
  write(t, path, 5);
  t.equal(readFileSync(join(directory, 'victim'), 'utf8'), 'precious');
  t.equal(readFileSync(path, 'utf8'), '5\n');
});

t.test('a stale new file, left by a process that was killed, is no obstacle', async (t) => {
  const directory = t.testdir({ victim: 'precious' });
  const path = join(directory, 'service.pid');
  const stale = join(directory, '.uchroot.6');
  writeFileSync(stale, '');
  write(t, path, 6);
  symlinkSync(join(directory, 'victim'), stale);
  write(t, path, 6);
  t.equal(readFileSync(path, 'utf8'), '6\n');
  t.equal(readFileSync(join(directory, 'victim'), 'utf8'), 'precious', 'a link there is not followed');
  t.strictSame(readdirSync(directory).toSorted(), ['service.pid', 'victim']);
});

t.test('its name can be as long as a name can be', async (t) => {
  const name = 'x'.repeat(255);
  const directory = t.testdir();
  write(t, join(directory, name), 5);
  t.strictSame(readdirSync(directory), [name]);
});

t.test('a directory that becomes a link once it was judged leads nowhere else', async (t) => {
  const directory = t.testdir({ run: {}, elsewhere: {} });
  const place = open(t, join(directory, 'run/service.pid'));
  renameSync(join(directory, 'run'), join(directory, 'moved'));
  symlinkSync('elsewhere', join(directory, 'run'));
  native.closeDescriptor(writePidFile(place, 5).fileFd);
  t.strictSame(readdirSync(join(directory, 'elsewhere')), []);
  t.equal(readFileSync(join(directory, 'moved/service.pid'), 'utf8'), '5\n');
});

t.test('a directory that the user can write is refused, unless the risk is accepted', async (t) => {
  const directory = t.testdir({ open: {} });
  chmodSync(join(directory, 'open'), 0o777);
  const path = join(directory, 'open/service.pid');
  t.throws(() => openPidPlace(path, sam, false), {
    name: 'LaunchError',
    step: 'pid_file',
    code: 'ERR_INSECURE_PATH',
    message:
      /^pid file: \S+, above the pid file, can be written by everybody \(mode 0777\), who could replace what is in it$/,
    exitStatus: 125,
  });
  chmodSync(join(directory, 'open'), 0o1777);
  t.strictSame(readdirSync(join(directory, 'open')), []);
});

t.test('a directory that is missing or in its place is a LaunchError with the path', async (t) => {
  const directory = t.testdir();
  const absent = join(directory, 'absent/service.pid');
  t.throws(() => openPidPlace(absent, sam, true), {
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
  t.throws(() => write(t, inTheWay, 5), { name: 'LaunchError', code: 'EISDIR' });
  t.strictSame(readdirSync(directory), ['directory'], 'and nothing is left beside it');
  // as /dev/stdout is, which the host would have lost
  const device = join(directory, 'stdout');
  symlinkSync('/proc/self/fd/1', device);
  t.throws(() => write(t, device, 5), { name: 'LaunchError', code: 'EINVAL', hint: /link/ });
  t.equal(readlinkSync(device), '/proc/self/fd/1', 'a link to a device stays');
});

t.test('no descriptor stays open', async (t) => {
  const directory = t.testdir({ open: {} });
  chmodSync(join(directory, 'open'), 0o777);
  const opened = (): number =>
    readdirSync('/proc/self/fd').filter((fd) => {
      try {
        return readlinkSync(`/proc/self/fd/${fd}`).startsWith(directory);
      } catch {
        return false;
      }
    }).length;
  t.throws(() => openPidPlace(join(directory, 'open/x'), sam, false));
  const place = openPidPlace(join(directory, 'x'), sam, true);
  t.equal(opened(), 1);
  native.closeDescriptor(writePidFile(place, 5).fileFd);
  closePidPlace(place);
  t.equal(opened(), 0);
});
