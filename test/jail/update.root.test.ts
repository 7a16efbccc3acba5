import {
  appendFileSync,
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';

import t, { type Test } from 'tap';

import { buildJail, updateJail } from '../../lib/jail/building.ts';
import { makeDirectory } from '../support/directory.ts';
import {
  describeTree,
  everythingIn,
  faultsOf,
  makeNextVersion,
  makeSystem,
  runIn,
  sha256,
} from '../support/builder.ts';
import { start } from '../support/launch.ts';
import { unlessRoot } from '../support/root.ts';

const needs = (...tools: string[]) => ({ skip: unlessRoot('ldd', ...tools) });
const asRoot = needs();

interface Place {
  readonly jail: string;
  /** The system that the jail was built from. */
  readonly root: string;
}

/** A jail of bash and ls, built from a system in a directory. */
async function makePlace(t: Test): Promise<Place> {
  const base = makeDirectory(t);
  const root = `${base}/root`;
  makeSystem(root, '/usr/bin/bash', '/usr/bin/ls');
  mkdirSync(`${root}/etc`, { recursive: true });
  writeFileSync(`${root}/etc/conf`, 'first\n');
  writeFileSync(`${root}/etc/other`, 'first\n');
  const jail = `${base}/jail`;
  await buildJail({
    directory: jail,
    from: root,
    programs: ['/usr/bin/bash', '/usr/bin/ls'],
    copies: ['/etc/conf', '/etc/other'],
  });
  return { jail, root };
}

/** Inode numbers of all files. */
function inodes(directory: string): ReadonlyMap<string, number> {
  return new Map(
    everythingIn(directory)
      .map((name) => [name, lstatSync(`${directory}/${name}`)] as const)
      .filter(([, status]) => status.isFile())
      .map(([name, { ino }]) => [name, ino]),
  );
}

t.test('without news nothing is replaced', asRoot, async (t) => {
  const { jail } = await makePlace(t);
  const before = { inodes: inodes(jail), tree: describeTree(jail) };
  const report = await updateJail({ directory: jail });
  t.match(report, { changes: [], packages: [], warnings: [], extra: [] });
  t.same(inodes(jail), before.inodes, 'not even the manifest is written again');
  t.same(describeTree(jail), before.tree);
});

t.test(
  'changed files alone are replaced, by rename, so that a running program keeps its file',
  asRoot,
  async (t) => {
    const { jail, root } = await makePlace(t);
    const before = inodes(jail);
    const old = readFileSync(`${jail}/usr/bin/bash`);
    const running = openSync(`${jail}/usr/bin/bash`, 'r');
    t.teardown(() => closeSync(running));
    appendFileSync(`${root}/usr/bin/bash`, 'next');
    const { changes, warnings } = await updateJail({ directory: jail });
    t.match(changes, [{ kind: 'changed', path: '/usr/bin/bash' }]);
    t.equal(changes.length, 1);
    t.same(warnings, []);
    t.ok(readFileSync(running).equals(old), 'who has it open reads the old one');
    t.equal(sha256(`${jail}/usr/bin/bash`), sha256(`${root}/usr/bin/bash`));
    for (const [name, ino] of inodes(jail)) {
      if (name.startsWith('.uchroot/')) continue;
      if (name === 'usr/bin/bash') t.not(ino, before.get(name), name);
      else t.equal(ino, before.get(name), name);
    }
    t.equal(runIn(jail, '/usr/bin/bash', '-c', 'echo fine'), 'fine\n');
    t.same(faultsOf(jail), []);
  },
);

t.test('a new dependency comes along, and what is needed no longer goes', asRoot, async (t) => {
  const { jail, root } = await makePlace(t);
  makeSystem(root, '/usr/bin/grep', '/usr/bin/cat');
  // a program that needs libselinux becomes one that needs libpcre2, and the other way round
  renameSync(`${root}/usr/bin/grep`, `${root}/usr/bin/bash`);
  renameSync(`${root}/usr/bin/cat`, `${root}/usr/bin/ls`);
  const libraries = () => everythingIn(jail).filter((name) => /\.so[.0-9]*$/.test(name));
  const before = libraries();
  const { changes } = await updateJail({ directory: jail });
  const removed = changes.filter(({ kind }) => kind === 'removed').map(({ path }) => path);
  t.ok(
    removed.some((path) => /libtinfo/.test(path)),
    `removed: ${removed.join(' ')}`,
  );
  for (const path of removed) t.notOk(existsSync(`${jail}${path}`), path);
  t.same(
    libraries().filter((name) => removed.includes(`/${name}`)),
    [],
  );
  t.not(libraries().length, before.length);
  t.match(runIn(jail, '/usr/bin/bash', '--version'), /grep/);
  t.same(faultsOf(jail), []);
  makeSystem(`${root}.again`, '/usr/bin/bash', '/usr/bin/ls');
  renameSync(root, `${root}.old`);
  renameSync(`${root}.again`, root);
  mkdirSync(`${root}/etc`, { recursive: true });
  for (const name of ['conf', 'other']) writeFileSync(`${root}/etc/${name}`, 'first\n');
  const back = await updateJail({ directory: jail });
  const added = back.changes.filter(({ kind }) => kind === 'added').map(({ path }) => path);
  t.ok(
    added.some((path) => /libtinfo/.test(path)),
    `added: ${added.join(' ')}`,
  );
  t.same(libraries(), before);
  t.equal(runIn(jail, '/usr/bin/bash', '-c', 'echo fine'), 'fine\n');
});

t.test('a file of /etc that was edited in the jail stays, and is listed', asRoot, async (t) => {
  const { jail, root } = await makePlace(t);
  writeFileSync(`${jail}/etc/conf`, 'edited\n');
  const same = await updateJail({ directory: jail });
  t.match(same.left, [{ path: '/etc/conf', because: 'changed', isOutdated: false }]);
  writeFileSync(`${root}/etc/conf`, 'second\n');
  writeFileSync(`${root}/etc/other`, 'second\n');
  for (const time of ['first', 'second']) {
    const { left } = await updateJail({ directory: jail });
    t.match(left, [{ path: '/etc/conf', because: 'changed', isOutdated: true }], `the ${time} time`);
    t.equal(left.length, 1);
  }
  t.equal(readFileSync(`${jail}/etc/conf`, 'utf8'), 'edited\n');
  t.equal(readFileSync(`${jail}/etc/other`, 'utf8'), 'second\n');
  writeFileSync(`${jail}/etc/conf`, 'second\n');
  t.same((await updateJail({ directory: jail })).left, [], 'until it is as that of the host again');
});

t.test('accounts that were edited in the jail stay when a user is added', asRoot, async (t) => {
  const { jail } = await makePlace(t);
  appendFileSync(`${jail}/etc/passwd`, 'own:x:7000:7000::/:/bin/sh\n');
  const { left } = await buildJail({ directory: jail, users: ['nobody'] });
  t.match(left, [{ path: '/etc/passwd', because: 'changed', isOutdated: true }]);
  t.match(readFileSync(`${jail}/etc/passwd`, 'utf8'), /own:x:7000/);
});

t.test(
  'a program that was changed in the jail stays, and is made anew when it is named',
  asRoot,
  async (t) => {
    const { jail, root } = await makePlace(t);
    appendFileSync(`${jail}/usr/bin/bash`, 'patched');
    const patched = sha256(`${jail}/usr/bin/bash`);
    const first = await updateJail({ directory: jail });
    t.match(first.left, [
      {
        path: '/usr/bin/bash',
        because: 'changed',
        isOutdated: false,
        jail: { sha256: patched },
        host: { sha256: sha256(`${root}/usr/bin/bash`) },
      },
    ]);
    t.equal(sha256(`${jail}/usr/bin/bash`), patched);
    t.match(await updateJail({ directory: jail, replace: ['/usr/bin/bash'] }), { left: [] });
    rmSync(`${jail}/usr/bin/bash`);
    symlinkSync('/tmp/evil', `${jail}/usr/bin/bash`);
    await t.rejects(updateJail({ directory: jail }), {
      code: 'ERR_MISSING',
      hint: /^left as they are in the jail: \/usr\/bin\/bash; --replace PATH/,
    });
    const second = await updateJail({ directory: jail, replace: ['/usr/bin'] });
    t.match(second, { left: [], warnings: [] });
    t.same(faultsOf(jail), []);
  },
);

t.test('a program that was removed in the jail is put there again', asRoot, async (t) => {
  const { jail } = await makePlace(t);
  rmSync(`${jail}/usr/bin/ls`);
  const { warnings } = await updateJail({ directory: jail });
  t.same(warnings, ['/usr/bin/ls had been removed in the jail: it is put there again']);
  t.same(faultsOf(jail), []);
  t.same((await updateJail({ directory: jail })).warnings, []);
});

t.test('mode and owner that were changed in the jail stay, unless they are named', asRoot, async (t) => {
  const { jail } = await makePlace(t);
  chmodSync(`${jail}/usr/bin/bash`, 0o555);
  chownSync(`${jail}/usr/bin/ls`, 65534, 65534);
  chmodSync(`${jail}/etc`, 0o751);
  const { left } = await updateJail({ directory: jail });
  t.match(
    left.toSorted((a, b) => (a.path < b.path ? -1 : 1)),
    [
      { path: '/etc', because: 'changed', jail: { mode: '0751' }, host: { mode: '0755' } },
      { path: '/usr/bin/bash', because: 'changed', jail: { mode: '0555' }, host: { mode: '0755' } },
      { path: '/usr/bin/ls', because: 'writable', jail: { uid: 65534 }, host: { uid: 0 } },
    ],
  );
  t.equal(left.length, 3);
  await updateJail({ directory: jail, replace: ['/usr/bin', '/etc'] });
  t.same(faultsOf(jail), []);
});

t.test('a hard link to a file of the host is replaced by a copy', asRoot, async (t) => {
  const { jail, root } = await makePlace(t);
  const twin = `${root}/usr/bin/twin`;
  rmSync(`${jail}/usr/bin/bash`);
  linkSync(`${root}/usr/bin/bash`, `${jail}/usr/bin/bash`);
  linkSync(`${root}/usr/bin/bash`, twin);
  const before = statSync(twin, { bigint: true });
  await updateJail({ directory: jail });
  t.not(statSync(`${jail}/usr/bin/bash`).ino, statSync(twin).ino);
  t.equal(statSync(twin, { bigint: true }).mtimeNs, before.mtimeNs);
  t.same(faultsOf(jail), []);
});

t.test('a file that the builder has not made is reported and left', asRoot, async (t) => {
  const { jail } = await makePlace(t);
  writeFileSync(`${jail}/usr/bin/own`, 'mine');
  mkdirSync(`${jail}/srv/data/deep`, { recursive: true });
  writeFileSync(`${jail}/tmp/passing`, '');
  symlinkSync('/etc/passwd', `${jail}/etc/a\nb`);
  const { extra, changes } = await updateJail({ directory: jail });
  t.same(extra, ['/etc/a\nb', '/srv', '/usr/bin/own']);
  t.same(changes, []);
  for (const path of ['usr/bin/own', 'srv/data/deep', 'tmp/passing']) t.ok(existsSync(`${jail}/${path}`));
});

t.test('a directory that is needed no longer stays while something lies in it', asRoot, async (t) => {
  const { jail, root } = await makePlace(t);
  mkdirSync(`${root}/opt/app`, { recursive: true });
  writeFileSync(`${root}/opt/app/one`, '1');
  writeFileSync(`${root}/opt/app/two`, '2');
  await buildJail({ directory: jail, copies: ['/opt/app'] });
  rmSync(`${root}/opt/app/one`);
  writeFileSync(`${jail}/opt/app/own`, 'mine');
  const { changes } = await updateJail({ directory: jail });
  t.match(changes, [{ kind: 'removed', path: '/opt/app/one' }]);
  t.same(everythingIn(`${jail}/opt`), ['app', 'app/own', 'app/two']);
});

t.test('a file that is needed no longer, but was changed in the jail, stays', asRoot, async (t) => {
  const { jail, root } = await makePlace(t);
  mkdirSync(`${root}/opt/app`, { recursive: true });
  writeFileSync(`${root}/opt/app/one`, '1');
  await buildJail({ directory: jail, copies: ['/opt/app'] });
  rmSync(`${root}/opt/app/one`);
  writeFileSync(`${jail}/opt/app/one`, 'mine');
  const { changes, left } = await updateJail({ directory: jail });
  t.match(left, [{ path: '/opt/app/one', because: 'unneeded', isOutdated: false }]);
  t.same(changes, [], 'what was left is not told to be removed');
  t.equal(readFileSync(`${jail}/opt/app/one`, 'utf8'), 'mine');
});

t.test(
  'a file becomes a link and a link a file, as a library does from one version to the next',
  asRoot,
  async (t) => {
    const { jail, root } = await makePlace(t);
    const name = everythingIn(jail).find((path) => path.endsWith('/libtinfo.so.6')) ?? '';
    t.ok(lstatSync(`${root}/${name}`).isSymbolicLink());
    const real = `${root}/${name}.real`;
    renameSync(`${root}/usr/bin/ls`, `${root}/usr/bin/ls-2`);
    symlinkSync('ls-2', `${root}/usr/bin/ls`);
    writeFileSync(real, readFileSync(`${root}/${name}`));
    renameSync(real, `${root}/${name}`);
    const { warnings } = await updateJail({ directory: jail });
    t.same(warnings, []);
    t.ok(lstatSync(`${jail}/usr/bin/ls`).isSymbolicLink());
    t.ok(lstatSync(`${jail}/${name}`).isFile());
    t.match(runIn(jail, '/usr/bin/ls', '/'), /^dev\n/);
    t.equal(runIn(jail, '/usr/bin/bash', '-c', 'echo fine'), 'fine\n');
    t.same(faultsOf(jail), []);
  },
);

t.test('a plan tells everything and changes nothing', asRoot, async (t) => {
  const { jail, root } = await makePlace(t);
  makeNextVersion(root, `${root}.next`);
  rmSync(root, { recursive: true });
  renameSync(`${root}.next`, root);
  writeFileSync(`${jail}/etc/conf`, 'edited\n');
  appendFileSync(`${jail}/usr/bin/ls`, 'evil');
  writeFileSync(`${jail}/usr/bin/own`, 'mine');
  const before = describeTree(jail);
  const planned = await updateJail({ directory: jail, plan: true });
  t.same(describeTree(jail), before);
  t.ok(planned.changes.length > 3);
  t.match(planned.left.map(({ path }) => path).toSorted(), ['/etc/conf', '/usr/bin/ls']);
  const done = await updateJail({ directory: jail });
  t.same(done, planned);
  t.same(done.extra, ['/usr/bin/own']);
});

t.test('a disk that is full half-way leaves the jail as it was', needs('mount'), async (t) => {
  const base = makeDirectory(t);
  const root = `${base}/root`;
  makeSystem(root, '/usr/bin/bash', '/usr/bin/ls');
  mkdirSync(`${base}/small`);
  const mount = (options: string) => start(['mount', '-t', 'tmpfs', '-o', options, 'tmpfs', `${base}/small`]);
  t.equal(mount('size=9m,mode=755').status, 0);
  t.teardown(() => start(['umount', `${base}/small`]));
  const jail = `${base}/small/jail`;
  await buildJail({ directory: jail, from: root, programs: ['/usr/bin/bash', '/usr/bin/ls'] });
  makeNextVersion(root, `${root}.next`);
  rmSync(root, { recursive: true });
  renameSync(`${root}.next`, root);
  mkdirSync(`${root}/opt/deep`, { recursive: true });
  writeFileSync(`${root}/opt/deep/large`, Buffer.alloc(8 << 20, 'x'));
  const before = describeTree(jail, { directoryTimes: false });
  // a path of the jail alone could be one of the host
  const message = new RegExp(`^${jail}: /`);
  const full = { name: 'JailError', code: 'ENOSPC', message, hint: /make room/ };
  const added = { directory: jail, copies: ['/opt'] };
  await t.rejects(buildJail(added), full);
  t.same(describeTree(jail, { directoryTimes: false }), before);
  appendFileSync(`${root}/usr/bin/bash`, Buffer.alloc(8 << 20));
  await t.rejects(updateJail({ directory: jail }), full);
  t.same(describeTree(jail, { directoryTimes: false }), before);
  t.equal(runIn(jail, '/usr/bin/bash', '-c', 'echo fine'), 'fine\n');
  t.equal(mount('remount,size=64m').status, 0);
  await buildJail(added);
  t.same(faultsOf(jail), []);
});

t.test('a jail without a manifest, or none at all, is not updated', asRoot, async (t) => {
  const base = makeDirectory(t);
  mkdirSync(`${base}/usr`);
  const refused = (directory: string, code: string, message: RegExp) =>
    t.rejects(updateJail({ directory }), { name: 'JailError', code, message });
  await refused(base, 'ERR_NO_MANIFEST', /has no manifest/);
  await refused(`${base}/none`, 'ENOENT', /there is no such directory/);
  writeFileSync(`${base}/file`, '');
  await refused(`${base}/file`, 'ENOTDIR', /it is not a directory/);
  t.same(everythingIn(base), ['file', 'usr']);
});

t.test(
  'a program that the host no longer has stops the update, and the jail keeps its own',
  asRoot,
  async (t) => {
    const { jail, root } = await makePlace(t);
    rmSync(`${root}/usr/bin/ls`);
    const before = describeTree(jail);
    await t.rejects(updateJail({ directory: jail }), {
      code: 'ENOENT',
      message: /^\/usr\/bin\/ls, which was asked for, is not on the host/,
    });
    t.same(describeTree(jail), before);
    rmSync(root, { recursive: true });
    await t.rejects(updateJail({ directory: jail }), { code: 'ENOENT', message: /to build the jail from/ });
    t.same(describeTree(jail), before);
  },
);

t.test('versions of packages are told, old and new', asRoot, async (t) => {
  const { jail, root } = await makePlace(t);
  const database = `${root}/var/lib/dpkg`;
  mkdirSync(`${database}/info`, { recursive: true });
  writeFileSync(`${database}/info/bash.list`, '/.\n/usr\n/usr/bin\n/usr/bin/bash\n');
  const setVersion = (version: string) =>
    writeFileSync(
      `${database}/status`,
      `Package: bash\nStatus: install ok installed\nArchitecture: amd64\nVersion: ${version}\nDescription: shell\n\n`,
    );
  setVersion('1.0-1');
  t.match((await updateJail({ directory: jail })).packages, [
    { package: 'bash', from: undefined, to: '1.0-1' },
  ]);
  setVersion('1.0-2');
  appendFileSync(`${root}/usr/bin/bash`, 'next');
  const { packages, changes } = await updateJail({ directory: jail });
  t.same(packages, [{ package: 'bash', from: '1.0-1', to: '1.0-2' }]);
  t.match(changes, [{ kind: 'changed', path: '/usr/bin/bash', package: 'bash' }]);
});
