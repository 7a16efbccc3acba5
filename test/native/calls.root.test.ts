// Each call runs in its own process, because it changes that process permanently.
import { mkdirSync, writeFileSync } from 'node:fs';

import t from 'tap';

import { inChild } from '../support/child.ts';
import { unlessRoot } from '../support/root.ts';

const skip = unlessRoot();

const directory = t.testdir();
mkdirSync(`${directory}/inside`);
writeFileSync(`${directory}/mark`, '');

t.test('setgroups sets exactly these groups', { skip }, async (t) => {
  t.same(inChild(`native.setgroups([5, 4294967294, 7]); tell(ids('Groups'))`), [5, 7, 4294967294]);
});

t.test('setgroups of nothing leaves no group', { skip }, async (t) => {
  t.same(inChild(`native.setgroups([]); tell(ids('Groups'))`), []);
});

t.test('setgid sets real, effective, saved and fs gid, as setregid(2) does', { skip }, async (t) => {
  const mine = inChild(`native.setgid(1234); tell(ids('Gid'))`);
  t.same(mine, [1234, 1234, 1234, 1234]);
  t.same(mine, inChild(`posix.setregid(1234, 1234); tell(ids('Gid'))`));
});

t.test(
  'setuid sets real, effective, saved and fs uid, as setreuid(2) does, and leaves no way back',
  { skip },
  async (t) => {
    const mine = inChild(`native.setuid(1234); tell(ids('Uid'))`);
    t.same(mine, [1234, 1234, 1234, 1234]);
    t.same(mine, inChild(`posix.setreuid(1234, 1234); tell(ids('Uid'))`));
    t.match(inChild(`native.setuid(1234); tell(attempt(() => native.setuid(0)))`), { code: 'EPERM' });
  },
);

t.test('setgroups, setgid and setuid reach every thread', { skip }, async (t) => {
  const threads = inChild(`
    native.setgroups([7]); native.setgid(1234); native.setuid(1235);
    tell(readdirSync('/proc/self/task').map((id) => {
      const status = readFileSync('/proc/self/task/' + id + '/status', 'utf8');
      return ['Uid', 'Gid', 'Groups'].map((field) => new RegExp('^' + field + ':\\\\s*(\\\\d+)', 'm').exec(status)[1]);
    }))`) as readonly string[][];
  t.ok(threads.length > 1);
  t.same(new Set(threads.map((thread) => thread.join())), new Set(['1235,1234,7']));
});

t.test('chroot changes the root directory, as posix does it', { skip }, async (t) => {
  const list = `tell(readdirSync('/').sort())`;
  const jail = JSON.stringify(directory);
  t.same(inChild(`native.chroot(${jail}); ${list}`), ['inside', 'mark']);
  t.same(inChild(`posix.chroot(${jail}); ${list}`), ['inside', 'mark']);
});

t.test('chroot, unlike that of posix, leaves the working directory to chdir', { skip }, async (t) => {
  t.match(inChild(`native.chroot(${JSON.stringify(directory)}); tell(readdirSync('.'))`), /\bproc\b/);
  t.same(
    inChild(`native.chroot(${JSON.stringify(directory)}); native.chdir('/'); tell(readdirSync('.').sort())`),
    ['inside', 'mark'],
  );
});

t.test('chdir changes the working directory', { skip }, async (t) => {
  t.equal(
    inChild(`native.chdir(${JSON.stringify(directory)}); tell(readlinkSync('/proc/self/cwd'))`),
    directory,
  );
});

t.test('execv replaces the process and hands over the arguments byte for byte', { skip }, async (t) => {
  const script = JSON.stringify(String.raw`printf '"%s"' "$(printf %s "$1" | od -An -tx1)"`);
  const argument = 'Buffer.from([0xff, 0x20, 0x0a, 0xc3])';
  t.equal(inChild(`native.execv('/bin/sh', ['sh', '-c', ${script}, 'sh', ${argument}]);`), ' ff 20 0a c3');
});

t.test('execv keeps the pid', { skip }, async (t) => {
  const pids = inChild(`
    const { writeSync } = await import('node:fs');
    writeSync(1, '[' + process.pid);
    native.execv('/bin/sh', ['sh', '-c', 'echo ",$$]"']);`) as readonly number[];
  t.equal(pids[0], pids[1]);
});

t.test('what a call answers is thrown as Node throws it', { skip }, async (t) => {
  const missing = '/no/such/place';
  t.match(inChild(`tell(attempt(() => native.chroot('${missing}')))`), {
    name: 'Error',
    code: 'ENOENT',
    errno: -2,
    syscall: 'chroot',
    path: missing,
  });
  t.match(inChild(`tell(attempt(() => native.chdir('${directory}/mark')))`), {
    code: 'ENOTDIR',
    syscall: 'chdir',
  });
  t.match(inChild(`tell(attempt(() => native.execv('${missing}', ['x'])))`), {
    code: 'ENOENT',
    syscall: 'execv',
  });
  t.match(inChild(`tell(attempt(() => native.execv('${directory}', ['x'])))`), { code: 'EACCES' });
  t.match(inChild(`tell(attempt(() => native.setgroups(Array(65537).fill(1))))`), {
    code: 'EINVAL',
    syscall: 'setgroups',
  });
});

t.test('an id of -1 is refused by the kernel, and nothing changes', { skip }, async (t) => {
  t.match(inChild(`tell(attempt(() => native.setuid(4294967295)))`), { code: 'EINVAL' });
  t.match(inChild(`tell(attempt(() => native.setgid(4294967295)))`), { code: 'EINVAL' });
});

t.test('without root each call is refused', { skip }, async (t) => {
  t.same(
    inChild(`native.setuid(1234); tell([
      () => native.setgroups([]), () => native.setgid(1234), () => native.setuid(0), () => native.chroot('/'),
    ].map((call) => attempt(call).code))`),
    ['EPERM', 'EPERM', 'EPERM', 'EPERM'],
  );
});

t.test('wrong arguments are refused before the call', { skip }, async (t) => {
  const names = inChild(`tell([
    () => native.setgroups(5), () => native.setgroups('5'), () => native.setgroups({ length: 1, 0: 5 }),
    () => native.chroot(5), () => native.chroot('/\\0x'), () => native.chdir(), () => native.chdir('\\0'),
    () => native.execv('/bin/true'), () => native.execv('/bin/true', 'x'), () => native.execv('/bin/true', ['\\0']),
    () => native.setgroups([-1]), () => native.setgroups(['0']), () => native.setgid('0'), () => native.setuid(-1),
    () => native.setuid(1.5), () => native.setuid(),
  ].map((call) => attempt(call).name))`);
  t.same(names, [...Array<string>(10).fill('TypeError'), ...Array<string>(6).fill('RangeError')]);
});
