import { spawn } from 'node:child_process';
import {
  chownSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';

import t, { type Test } from 'tap';

import { JailError, UsageError } from '../../lib/errors.ts';
import { buildJail, updateJail } from '../../lib/jail/building.ts';
import { checkJail } from '../../lib/jail/check/jail-check.ts';
import { explainFile, listJail } from '../../lib/jail/listing.ts';
import { makeDirectory } from '../support/directory.ts';
import {
  describeTree,
  everythingIn,
  faultsOf,
  makeNextVersion,
  makeSystem,
  manifestOf,
  runIn,
  sha256,
} from '../support/builder.ts';
import { start } from '../support/launch.ts';
import { unlessRoot } from '../support/root.ts';

const asRoot = { skip: unlessRoot() };
const withSystem = { skip: unlessRoot('ldd') };
const needs = (...tools: string[]) => ({ skip: unlessRoot('ldd', ...tools) });

interface Place {
  readonly base: string;
  readonly jail: string;
  /** A directory that nobody has to do with. */
  readonly outside: string;
  readonly unharmed: () => boolean;
}

function makePlace(t: Test): Place {
  const base = makeDirectory(t);
  const outside = `${base}/outside`;
  mkdirSync(`${outside}/bin/deep`, { recursive: true });
  for (const name of ['secret', 'bash', 'passwd', 'bin/bash', 'bin/deep/x'])
    writeFileSync(`${outside}/${name}`, 'secret');
  const before = JSON.stringify(describeTree(outside));
  return {
    base,
    outside,
    jail: `${base}/jail`,
    unharmed: () => JSON.stringify(describeTree(outside)) === before,
  };
}

t.test("a store that is not root's alone is neither believed nor used", asRoot, async (t) => {
  const { base, jail } = makePlace(t);
  await buildJail({ directory: jail, programs: ['bash'] });
  const refused = async (path: string, label: string) => {
    const wrong = { name: 'JailError', code: 'ERR_INSECURE_PATH' };
    const before = describeTree(jail);
    await t.rejects(buildJail({ directory: jail, programs: ['ls'] }), { ...wrong, path: '/.uchroot' }, label);
    await t.rejects(updateJail({ directory: jail }), wrong, label);
    await t.rejects(listJail({ directory: jail }), { ...wrong, path }, label);
    await t.rejects(explainFile({ directory: jail, path: '/bin/bash' }), wrong, label);
    t.same(describeTree(jail, { directoryTimes: false }), withoutTimes(before), label);
  };
  const manifest = '/.uchroot/manifest.json.gz';
  chownSync(`${jail}/.uchroot`, 65534, 65534);
  await refused(manifest, 'owned by another uid');
  chownSync(`${jail}/.uchroot`, 0, 0);
  start(['chmod', '770', `${jail}/.uchroot`]);
  await refused(manifest, 'others may write there');
  start(['chmod', '700', `${jail}/.uchroot`]);
  renameSync(`${jail}/.uchroot`, `${base}/store`);
  symlinkSync(`${base}/store`, `${jail}/.uchroot`);
  await t.rejects(listJail({ directory: jail }), { code: 'ERR_NO_MANIFEST' }, 'a link out of the jail');
  await t.rejects(buildJail({ directory: jail, programs: ['ls'] }), { code: 'ERR_INSECURE_PATH' });
  rmSync(`${jail}/.uchroot`);
  renameSync(`${base}/store`, `${jail}/etc/store`);
  symlinkSync('/etc/store', `${jail}/.uchroot`);
  await refused(manifest, 'a link in the jail');
  rmSync(`${jail}/.uchroot`);
  renameSync(`${jail}/etc/store`, `${jail}/.uchroot`);
  await updateJail({ directory: jail });
  t.same(faultsOf(jail), []);
});

function withoutTimes(lines: readonly string[]): readonly string[] {
  return lines.map((line) => line.replace(/^((?:\S* )4\d{4} \d+ \d+ )\d+ /, '$1 '));
}

t.test("a manifest that is not root's is none", asRoot, async (t) => {
  const { jail } = makePlace(t);
  await buildJail({ directory: jail, programs: ['bash'] });
  chownSync(`${jail}/.uchroot/manifest.json.gz`, 65534, 65534);
  await t.rejects(updateJail({ directory: jail }), { code: 'ERR_INSECURE_PATH' });
  await t.rejects(listJail({ directory: jail }), { code: 'ERR_INSECURE_PATH' });
  await buildJail({ directory: jail, programs: ['ls'] });
  t.same(
    manifestOf(jail).recipe.programs.map((path) => path.replace(/.*\//, '')),
    ['ls'],
  );
});

t.test('a damaged manifest is told, and nothing is changed', asRoot, async (t) => {
  const { jail } = makePlace(t);
  await buildJail({ directory: jail, programs: ['bash'] });
  const manifest = `${jail}/.uchroot/manifest.json.gz`;
  for (const data of [Buffer.alloc(0), Buffer.from('{}'), readFileSync(manifest).subarray(0, 100)]) {
    writeFileSync(manifest, data);
    const before = describeTree(jail);
    const wrong = {
      name: 'JailError',
      code: 'ERR_MANIFEST',
      message: /is damaged/,
      hint: /build the jail anew/,
    };
    await t.rejects(updateJail({ directory: jail }), wrong);
    await t.rejects(listJail({ directory: jail }), wrong);
    await t.rejects(buildJail({ directory: jail, programs: ['ls'] }), wrong);
    t.same(describeTree(jail), before);
  }
});

t.test('a link where anything of the jail goes leads nothing out', withSystem, async (t) => {
  const { base, jail, outside, unharmed } = makePlace(t);
  makeSystem(`${base}/root`, '/bin/bash');
  const request = { from: `${base}/root`, programs: ['/bin/bash'] };
  await buildJail({ ...request, directory: `${base}/whole` });
  const { entries } = manifestOf(`${base}/whole`);
  const whole = new Set(describeTree(`${base}/whole`, { directoryTimes: false }));
  let built = 0;
  for (const { path, kind } of entries) {
    for (const target of [outside, kind === 'directory' ? '../../../outside' : `${outside}/secret`]) {
      rmSync(jail, { recursive: true, force: true });
      mkdirSync(`${jail}${dirname(path)}`, { recursive: true });
      mkdirSync(`${jail}/usr`, { recursive: true });
      rmSync(`${jail}${path}`, { recursive: true, force: true });
      symlinkSync(target, `${jail}${path}`);
      try {
        await buildJail({ ...request, directory: jail });
        built++;
        // the link stays there, without a record: nothing is put into these, and launches mount on them
        const isMountPoint = path === '/proc' || path === '/run';
        if (isMountPoint) unlinkSync(`${jail}${path}`);
        const lines = describeTree(jail, { directoryTimes: false });
        t.same(
          lines.filter((line) => !whole.has(line) && !(isMountPoint && line.includes('/manifest.json.gz '))),
          [],
          `${path} -> ${target}: the jail is as it should be`,
        );
      } catch (error) {
        if (!(error instanceof JailError)) throw error;
        t.match(error, { code: 'EEXIST', path }, `${path} -> ${target}`);
        t.ok(kind === 'directory' || kind === 'device', 'only for what a file cannot take the place of');
        t.notOk(existsSync(`${jail}/.uchroot`), 'and nothing is left');
      }
      if (!unharmed()) throw new Error(`${path} -> ${target}: something was changed outside`);
    }
  }
  t.ok(built > entries.length / 2, `${built} times a jail was built`);
});

t.test(
  'a fifo, a socket or a device where a file goes is replaced, and not waited for',
  needs('mkfifo'),
  async (t) => {
    const { base, jail } = makePlace(t);
    makeSystem(`${base}/root`, '/bin/bash');
    for (const path of ['/usr/bin/bash', '/etc/passwd', '/etc/ld.so.conf', '/usr/lib/x']) {
      mkdirSync(`${jail}${dirname(path)}`, { recursive: true });
      start(['mkfifo', `${jail}${path}`]);
    }
    const request = { directory: jail, from: `${base}/root`, programs: ['/bin/bash'] };
    t.same((await buildJail(request)).warnings.toSorted(), [
      '/etc/passwd was a special file in the jail: it is replaced by that of the host',
      '/usr/bin/bash was a special file in the jail: it is replaced by that of the host',
    ]);
    t.same(faultsOf(jail), []);
    rmSync(`${jail}/usr/bin/bash`);
    start(['mkfifo', `${jail}/usr/bin/bash`]);
    rmSync(`${jail}/etc/passwd`);
    start(['mknod', `${jail}/etc/passwd`, 'c', '1', '5']);
    const replace = ['/usr/bin/bash', '/etc/passwd'];
    const { left } = await updateJail({ directory: jail, plan: true });
    t.same(left.map(({ path }) => path).toSorted(), replace.toSorted());
    const { extra } = await updateJail({ directory: jail, replace });
    t.same(extra, ['/etc/ld.so.conf', '/usr/lib/x']);
    t.same(faultsOf(jail), []);
    rmSync(`${jail}/.uchroot/manifest.json.gz`);
    start(['mkfifo', `${jail}/.uchroot/manifest.json.gz`]);
    await t.rejects(updateJail({ directory: jail }), { code: 'ERR_INSECURE_PATH' });
    await buildJail(request);
    t.same(faultsOf(jail), []);
  },
);

t.test('a hard link to a file outside is replaced, and the file stays as it is', asRoot, async (t) => {
  const { jail, outside, unharmed } = makePlace(t);
  mkdirSync(`${jail}/usr/bin`, { recursive: true });
  mkdirSync(`${jail}/etc`);
  const before = statSync(`${outside}/secret`, { bigint: true });
  linkSync(`${outside}/secret`, `${jail}/usr/bin/bash`);
  linkSync(`${outside}/passwd`, `${jail}/etc/passwd`);
  const replace = ['/usr/bin/bash'];
  const { left } = await buildJail({ directory: jail, programs: ['/usr/bin/bash'], replace });
  t.not(lstatSync(`${jail}/usr/bin/bash`).ino, statSync(`${outside}/secret`).ino);
  t.equal(statSync(`${outside}/secret`, { bigint: true }).mtimeNs, before.mtimeNs);
  t.match(left, [{ path: '/etc/passwd', because: 'unknown' }]);
  rmSync(`${jail}/etc/passwd`);
  t.ok(unharmed(), 'its time neither');
  t.equal(runIn(jail, '/bin/bash', '-c', 'echo fine'), 'fine\n');
});

t.test('a directory that the jailed user may write is not written into', asRoot, async (t) => {
  const { base, jail, unharmed } = makePlace(t);
  mkdirSync(`${jail}/usr`, { recursive: true });
  mkdirSync(`${jail}/srv`);
  chownSync(`${jail}/srv`, 65534, 65534);
  writeFileSync(`${base}/file`, 'x');
  const copies = [{ from: `${base}/file`, to: '/srv/app/file' }];
  await t.rejects(buildJail({ directory: jail, copies }), {
    code: 'ERR_INSECURE_PATH',
    path: '/srv',
    message: /is owned by uid 65534/,
  });
  t.same(everythingIn(jail), ['srv', 'usr']);
  t.ok(unharmed());
});

// The cause of CVE-2024-45310 of runc: a directory is exchanged for a link while a file is put there.
const SWAP = `
  const fs = require('node:fs');
  const [jail, outside] = process.argv.slice(1);
  const attempt = (action) => { try { action(); } catch {} };
  for (let i = 0; ; i++) {
    const name = ['/usr', '/usr/bin', '/usr/lib', '/etc', '/dev'][i % 5];
    attempt(() => fs.renameSync(jail + name, jail + '/kept'));
    attempt(() => fs.symlinkSync(i % 2 ? outside : '/etc', jail + name));
    attempt(() => fs.unlinkSync(jail + name));
    attempt(() => fs.renameSync(jail + '/kept', jail + name));
  }`;

t.test('nothing gets out while directories of the jail are exchanged for links', withSystem, async (t) => {
  const { base, jail, outside, unharmed } = makePlace(t);
  makeSystem(`${base}/1`, '/bin/bash');
  makeNextVersion(`${base}/1`, `${base}/2`);
  const etc = everythingIn('/etc').length;
  const passwd = sha256('/etc/passwd');
  const request = { directory: jail, programs: ['/bin/bash'] };
  await buildJail({ ...request, from: `${base}/1` });
  const swapper = spawn(process.execPath, ['-e', SWAP, jail, outside], { stdio: 'ignore' });
  const codes = new Map<string, number>();
  const count = (code: string) => codes.set(code, (codes.get(code) ?? 0) + 1);
  const end = performance.now() + 6000;
  let rounds = 0;
  for (; rounds <= 10 || (rounds < 150 && performance.now() < end); rounds++) {
    try {
      await buildJail({ ...request, from: `${base}/${(rounds % 2) + 1}` });
      count('built');
    } catch (error) {
      if (!(error instanceof JailError) && !(error instanceof UsageError)) throw error;
      count(error.code);
    }
  }
  swapper.kill('SIGKILL');
  await new Promise((resolve) => swapper.once('exit', resolve));
  t.ok(unharmed(), `${rounds} rounds: ${[...codes].map(([code, times]) => `${code} ${times}`).join(', ')}`);
  t.equal(everythingIn('/etc').length, etc);
  t.equal(sha256('/etc/passwd'), passwd);
  t.ok(rounds > 10);
});

t.test(
  'a part of the same file system that is mounted in the jail is told as well',
  needs('mount'),
  async (t) => {
    const { base, jail } = makePlace(t);
    makeSystem(`${base}/1`, '/bin/bash');
    makeNextVersion(`${base}/1`, `${base}/2`);
    await buildJail({ directory: jail, from: `${base}/1`, programs: ['/bin/bash'] });
    const bash = `${jail}/usr/bin/bash`;
    writeFileSync(`${base}/file`, 'outside');
    for (const [from, to] of [
      [`${base}/file`, bash],
      [dirname(bash), dirname(bash)],
    ] as const) {
      start(['mount', '--bind', from, to]);
      const before = describeTree(jail);
      try {
        // in bytes, as the command has it
        const directory = Buffer.from(jail);
        await t.rejects(buildJail({ directory, from: `${base}/2`, programs: ['/bin/bash'] }), {
          code: 'EXDEV',
          message: `something is mounted on ${to.slice(jail.length)} in the jail, where ${bash.slice(jail.length)} would change`,
        });
        t.same(describeTree(jail, { directoryTimes: false }), withoutTimes(before));
      } finally {
        start(['umount', to]);
      }
    }
    await buildJail({ directory: jail, from: `${base}/2`, programs: ['/bin/bash'] });
    t.same(faultsOf(jail), []);
  },
);

t.test('a mount in the jail is told before anything is changed', needs('mount'), async (t) => {
  const { base, jail } = makePlace(t);
  makeSystem(`${base}/1`, '/bin/bash');
  makeNextVersion(`${base}/1`, `${base}/2`);
  await buildJail({ directory: jail, from: `${base}/1`, programs: ['/bin/bash'] });
  const library = everythingIn(jail).find((name) => name.endsWith('/libc.so.6')) ?? '';
  const mounted = dirname(`${jail}/${library}`);
  start(['mount', '-t', 'tmpfs', '-o', 'mode=755', 'tmpfs', mounted]);
  const before = describeTree(jail);
  try {
    await t.rejects(buildJail({ directory: jail, from: `${base}/2`, programs: ['/bin/bash'] }), {
      name: 'JailError',
      code: 'EXDEV',
      message: /something is mounted on/,
    });
    t.same(describeTree(jail, { directoryTimes: false }), withoutTimes(before));
  } finally {
    start(['umount', mounted]);
  }
  await buildJail({ directory: jail, from: `${base}/2`, programs: ['/bin/bash'] });
  t.same(faultsOf(jail), []);
});

// "/.uchroot/new/commit: Is a directory, open" was all that the check told of a jail.
t.test(
  'the check does not end at things that root of the jail put in the place of an interrupted change',
  asRoot,
  async (t) => {
    const jail = `${makeDirectory(t)}/jail`;
    await buildJail({ directory: jail, programs: ['/bin/true'] });
    const commit = `${jail}/.uchroot/new/commit`;
    mkdirSync(dirname(commit), { mode: 0o700 });
    for (const put of [() => mkdirSync(commit), () => symlinkSync('/tmp', commit)]) {
      put();
      t.match(
        (await checkJail({ directory: jail })).findings.filter(({ rule }) => rule === 'manifest'),
        [{ severity: 'error', message: /an interrupted run has left, is damaged/ }],
      );
      await t.rejects(updateJail({ directory: jail }), { code: 'ERR_MANIFEST' });
      rmSync(commit, { recursive: true });
    }
  },
);
