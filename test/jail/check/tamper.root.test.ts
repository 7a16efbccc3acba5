import { randomInt } from 'node:crypto';
import {
  appendFileSync,
  chmodSync,
  chownSync,
  closeSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  readlinkSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';

import t, { type Test } from 'tap';

import { buildJail, updateJail } from '../../../lib/jail/building.ts';
import { checkJail } from '../../../lib/jail/check/jail-check.ts';
import { makeDirectory } from '../../support/directory.ts';
import { faultsOf, makeSystem, manifestOf, sha256 } from '../../support/builder.ts';
import { unlessRoot } from '../../support/root.ts';
import { must } from '../../support/template.ts';

const options = { skip: unlessRoot('ldd', 'bash') };

/** A jail from a system of its own, which a test may change. */
async function makeJail(t: Test): Promise<{ readonly system: string; readonly jail: string }> {
  const base = makeDirectory(t);
  const [system, jail] = [`${base}/system`, `${base}/jail`];
  makeSystem(system, '/usr/bin/bash', '/usr/bin/ls');
  await buildJail({ directory: jail, from: system, programs: ['/usr/bin/bash', '/usr/bin/ls'] });
  return { system, jail };
}

function flip(path: string, offset: number, mask: number): void {
  const { atime, mtime } = statSync(path);
  const fd = openSync(path, 'r+');
  const byte = Buffer.alloc(1);
  readSync(fd, byte, 0, 1, offset);
  byte[0] = (byte[0] ?? 0) ^ mask;
  writeSync(fd, byte, 0, 1, offset);
  closeSync(fd);
  utimesSync(path, atime, mtime);
}

t.test('one flipped byte is found, wherever it is', options, async (t) => {
  const { jail } = await makeJail(t);
  const files = manifestOf(jail).entries.filter(
    ({ kind, sizeBytes = 0 }) => kind === 'file' && sizeBytes > 0,
  );
  let found = 0;
  // five files at a time, 300 bytes in all
  for (let turn = 0; turn < 60; turn++) {
    const flips = Array.from({ length: 5 }, (_, i) => {
      const { path, sizeBytes = 1 } = files[(turn + i) % files.length] ?? { path: '' };
      // both ends of a file, and of what is read of it at once, are where one is missed
      const offset = [0, sizeBytes - 1, randomInt(sizeBytes)][randomInt(3)] ?? 0;
      return { path, offset, mask: 1 << randomInt(8) };
    });
    for (const { path, offset, mask } of flips) flip(`${jail}${path}`, offset, mask);
    const { findings } = await checkJail({ directory: jail });
    const told = new Set(findings.map(({ path }) => path));
    for (const { path, offset, mask } of flips) {
      if (told.has(path)) found++;
      else t.fail(`byte ${offset} of ${path}`);
      flip(`${jail}${path}`, offset, mask);
    }
  }
  t.equal(found, 300);
  t.same((await checkJail({ directory: jail })).findings, []);
});

t.test('a large file is read to its end', options, async (t) => {
  const base = makeDirectory(t);
  const jail = `${base}/jail`;
  writeFileSync(`${base}/large`, Buffer.alloc((9 << 20) + 1, 'large'));
  await buildJail({
    directory: jail,
    programs: ['/usr/bin/bash'],
    copies: [{ from: `${base}/large`, to: '/usr/large' }],
  });
  t.same((await checkJail({ directory: jail })).findings, []);
  for (const offset of [0, (2 << 20) - 1, 2 << 20, (4 << 20) + 17, 9 << 20]) {
    flip(`${jail}/usr/large`, offset, 1);
    t.match(
      (await checkJail({ directory: jail })).findings,
      [{ rule: 'changed', path: '/usr/large' }],
      `byte ${offset}`,
    );
    flip(`${jail}/usr/large`, offset, 1);
  }
});

t.test('a file that was changed in the jail is restored only by name', options, async (t) => {
  const { jail } = await makeJail(t);
  flip(`${jail}/usr/bin/ls`, 100, 1);
  chownSync(`${jail}/usr/bin/bash`, 65534, 0);
  const patched = sha256(`${jail}/usr/bin/ls`);
  const { findings } = await checkJail({ directory: jail, fix: true });
  t.ok(findings.length > 0);
  t.ok(findings.every(({ fixed }) => fixed !== true));
  t.match(
    findings.filter(({ rule }) => rule === 'changed'),
    [{ path: '/usr/bin/ls', remedy: `uchroot-jail update ${jail} --replace /usr/bin/ls` }],
  );
  t.equal(sha256(`${jail}/usr/bin/ls`), patched);
  t.equal(statSync(`${jail}/usr/bin/bash`).uid, 65534);
  await checkJail({ directory: jail, fix: true, replace: ['/usr/bin/ls'] });
  t.not(sha256(`${jail}/usr/bin/ls`), patched);
  t.equal(statSync(`${jail}/usr/bin/bash`).uid, 65534, 'and no other');
  await t.rejects(checkJail({ directory: jail, replace: ['/usr'] }), { name: 'UsageError' });
});

t.test('a restored file keeps the one that it replaces', options, async (t) => {
  const { jail } = await makeJail(t);
  flip(`${jail}/usr/bin/ls`, 100, 1);
  const broken = sha256(`${jail}/usr/bin/ls`);
  const { findings } = await checkJail({ directory: jail, fix: true, replace: ['/'] });
  const remedy = `uchroot-jail update ${jail} --replace /usr/bin/ls`;
  t.match(findings, [{ rule: 'changed', path: '/usr/bin/ls', fixed: true, remedy }]);
  t.equal(sha256(`${jail}/.uchroot/replaced/1-ls`), broken);
  t.equal(statSync(`${jail}/.uchroot/replaced`).mode & 0o777, 0o700);
  t.same((await checkJail({ directory: jail })).findings, []);
  rmSync(`${jail}/.uchroot/replaced`, { recursive: true });
  t.same(faultsOf(jail), []);
  await updateJail({ directory: jail });
});

t.test('a restored path has no more privileges than it was built with', options, async (t) => {
  const base = makeDirectory(t);
  const [system, jail] = [`${base}/system`, `${base}/jail`];
  makeSystem(system, '/usr/bin/bash');
  mkdirSync(`${system}/opt/app`, { recursive: true });
  writeFileSync(`${system}/opt/app/suid`, 'x');
  chownSync(`${system}/opt/app/suid`, 65534, 65534);
  chmodSync(`${system}/opt/app/suid`, 0o6640);
  const request = { directory: jail, from: system, copies: ['/opt/app'], users: ['nobody'] };
  await buildJail({ ...request, programs: ['/usr/bin/bash'] });
  const attributes = () =>
    ['/opt/app', '/opt/app/suid'].map((path) => {
      const { mode, uid, gid } = lstatSync(`${jail}${path}`);
      return [mode, uid, gid];
    });
  const built = attributes();
  rmSync(`${jail}/opt/app`, { recursive: true });
  const { findings } = await checkJail({ directory: jail, fix: true });
  t.ok(findings.length === 2 && findings.every(({ fixed }) => fixed === true));
  t.same(attributes(), built);
});

t.test('a link and a pipe that are replaced are kept as well', options, async (t) => {
  const { jail } = await makeJail(t);
  rmSync(`${jail}/usr/bin/ls`);
  symlinkSync('/tmp/mine', `${jail}/usr/bin/ls`);
  rmSync(`${jail}/usr/bin/bash`);
  must(['mkfifo', `${jail}/usr/bin/bash`]);
  const { findings, counts } = await checkJail({ directory: jail, fix: true, replace: ['/'] });
  t.ok(findings.every(({ fixed }) => fixed === true));
  t.match(counts, { error: 0, warning: 0, note: 0, fixed: findings.length });
  t.equal(readlinkSync(`${jail}/.uchroot/replaced/1-ls`), '/tmp/mine');
  t.ok(lstatSync(`${jail}/.uchroot/replaced/1-bash`).isFIFO());
  t.same((await checkJail({ directory: jail })).findings, []);
});

t.test('one remedy is the end of several findings', options, async (t) => {
  const { jail } = await makeJail(t);
  flip(`${jail}/usr/bin/ls`, 100, 1);
  chmodSync(`${jail}/usr/bin/ls`, 0o777);
  chownSync(`${jail}/usr/bin/ls`, 65534, 0);
  rmSync(`${jail}/usr/bin/bash`);
  const before = await checkJail({ directory: jail });
  t.same(
    ['changed', 'missing', 'writable-code'].filter((id) => before.findings.every(({ rule }) => rule !== id)),
    [],
  );
  const { counts } = await checkJail({ directory: jail, fix: true, replace: ['/'] });
  t.match(counts, { error: 0, warning: 0, note: 0 });
  t.same((await checkJail({ directory: jail })).findings, []);
});

t.test('a file that somebody else has written does not become set-user-ID root', options, async (t) => {
  const base = makeDirectory(t);
  const [system, jail] = [`${base}/system`, `${base}/jail`];
  makeSystem(system, '/usr/bin/su');
  chmodSync(`${system}/usr/bin/su`, 0o4755);
  const programs = ['/usr/bin/su'];
  await buildJail({ directory: jail, from: system, programs, keepPrivileges: programs });
  t.same((await checkJail({ directory: jail })).findings, []);
  const isOurs = () => {
    const { mode, uid } = statSync(`${jail}/usr/bin/su`);
    return uid === 0 && (mode & 0o4000) !== 0;
  };
  t.ok(isOurs(), 'it was built so');
  // the source is another one by now, so that nothing can be restored
  appendFileSync(`${system}/usr/bin/su`, 'next');
  writeFileSync(`${jail}/usr/bin/su`, '#!/bin/sh\necho mine\n');
  chownSync(`${jail}/usr/bin/su`, 65534, 0);
  chmodSync(`${jail}/usr/bin/su`, 0o4777);
  await checkJail({ directory: jail, fix: true, replace: ['/'] });
  t.notOk(isOurs());
});

t.test('nothing is restored from a source that is another one by now', options, async (t) => {
  const { system, jail } = await makeJail(t);
  flip(`${jail}/usr/bin/ls`, 100, 1);
  appendFileSync(`${system}/usr/bin/ls`, 'next');
  const broken = sha256(`${jail}/usr/bin/ls`);
  const { findings, counts } = await checkJail({ directory: jail, fix: true, replace: ['/'] });
  t.match(findings, [{ rule: 'changed', path: '/usr/bin/ls', fixed: false }]);
  t.match(counts, { error: 1, fixed: 0 });
  t.equal(sha256(`${jail}/usr/bin/ls`), broken);
});

t.test('a directory that is gone comes back with what was in it', options, async (t) => {
  const { jail } = await makeJail(t);
  rmSync(`${jail}/usr`, { recursive: true });
  const { findings } = await checkJail({ directory: jail, fix: true, replace: ['/'] });
  t.ok(findings.filter(({ rule }) => rule === 'missing').every(({ fixed }) => fixed === true));
  t.same((await checkJail({ directory: jail })).findings, []);
  t.same(faultsOf(jail), []);
});

t.test('a directory in the place of a file stays', options, async (t) => {
  const { jail } = await makeJail(t);
  writeFileSync(`${jail}/tmp/mine`, 'mine');
  rmSync(`${jail}/usr/bin/ls`);
  renameSync(`${jail}/tmp`, `${jail}/usr/bin/ls`);
  await checkJail({ directory: jail, fix: true, replace: ['/'] });
  t.equal(readFileSync(`${jail}/usr/bin/ls/mine`, 'utf8'), 'mine');
});

t.test('a file that has a name outside is not changed from inside', options, async (t) => {
  const { jail } = await makeJail(t);
  const outside = `${jail}-host`;
  writeFileSync(outside, '#!/bin/sh\n');
  linkSync(outside, `${jail}/tmp/x`);
  for (const mode of [0o4755, 0o666]) {
    chmodSync(outside, mode);
    const { findings } = await checkJail({ directory: jail, fix: true, replace: ['/'] });
    t.ok(findings.some(({ rule, fixed }) => rule !== 'outside-link' && fixed === false));
    t.equal(statSync(outside).mode & 0o7777, mode);
  }
});

t.test('a file where anybody can put something is not opened to anybody', options, async (t) => {
  const base = makeDirectory(t);
  const jail = `${base}/jail`;
  writeFileSync(`${base}/x`, 'x');
  await buildJail({ directory: jail, programs: ['bash'], copies: [{ from: `${base}/x`, to: '/tmp/x' }] });
  chmodSync(`${jail}/tmp/x`, 0o600);
  const { findings } = await checkJail({ directory: jail, fix: true, replace: ['/'] });
  t.match(findings, [{ rule: 'mode', path: '/tmp/x' }]);
  t.notHas(findings[0], { fixed: true });
  t.equal(statSync(`${jail}/tmp/x`).mode & 0o777, 0o600);
});

t.test('a jail whose source is gone is checked nevertheless', options, async (t) => {
  const { system, jail } = await makeJail(t);
  rmSync(system, { recursive: true });
  flip(`${jail}/usr/bin/ls`, 100, 1);
  const { findings } = await checkJail({ directory: jail, fix: true, replace: ['/'] });
  t.match(findings, [
    { rule: 'changed', path: '/usr/bin/ls', fixed: false },
    { rule: 'outdated', path: '/', message: /is not there any more$/ },
  ]);
});
