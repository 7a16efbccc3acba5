import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';

import t from 'tap';

import { cloneJail } from '../../lib/jail/clone.ts';
import { filesIn } from '../support/builder.ts';
import { makeDirectory } from '../support/directory.ts';
import { patientMs } from '../support/patience.ts';
import { unlessRoot } from '../support/root.ts';
import { countOf, fdsFallTo, settledFds } from '../support/service.ts';
import {
  listTree,
  makeMemory,
  makeTemplate,
  mount,
  namesIn,
  runScript,
  sh,
  startScript,
  textOf,
} from '../support/jail/scene.ts';

const asRoot = { skip: unlessRoot() };
const needs = (...tools: string[]) => ({ skip: unlessRoot(...tools) });

t.test('a clone has what the template has, manifest and metadata included', asRoot, async (t) => {
  const base = makeDirectory(t);
  const template = makeTemplate(`${base}/template`);
  writeFileSync(`${template}/etc/own`, 'x'.repeat(300_000), { mode: 0o640 });
  chownSync(`${template}/etc/own`, 61_001, 61_002);
  symlinkSync('../nowhere', `${template}/etc/link`);
  mkdirSync(`${template}/etc/d/e/f`, { recursive: true });
  chownSync(`${template}/etc/d/e`, 61_001, 61_001);
  sh('mkfifo -m 0620 "$0/tmp/fifo"; mknod -m 0666 "$0/etc/null" c 1 3', template);
  writeFileSync(`${template}/tmp/a name\nwith \x1b[31m\\ in it`, '');
  writeFileSync(Buffer.from(`${template}/tmp/latin\xe9`, 'latin1'), 'é');
  for (const path of ['etc/own', 'etc/d/e', 'etc', ''])
    utimesSync(`${template}/${path}`, 1e9, 1_000_000_001.5);
  chmodSync(template, 0o751);
  const old = process.umask(0o077);
  const report = await cloneJail({ template, directory: `${base}/jail` });
  process.umask(old);
  t.same(listTree(`${base}/jail`), listTree(template));
  t.ok(readFileSync(`${base}/jail/etc/own`).equals(readFileSync(`${template}/etc/own`)));
  t.match(report, {
    files: 5,
    directories: 6,
    links: 1,
    nodes: 2,
    skipped: [],
  });
  t.equal(report.sizeBytes, 300_000 + 9 + 2 + statSync(`${template}/.uchroot/manifest.json.gz`).size);
  t.same(namesIn(base), ['jail', 'template']);
});

t.test('extended attributes and access control lists come along', needs('setfacl', 'setfattr'), async (t) => {
  const base = makeDirectory(t);
  const template = makeTemplate(`${base}/template`);
  mkdirSync(`${template}/d`);
  sh(
    `setfacl -m u:61001:rw,g:61002:r "$0/etc/name"; setfacl -d -m u:61001:rwx "$0/d"; setfacl -m u:61003:x "$0/d"
    setfattr -n user.note -v "two words" "$0/etc/name"; setfattr -n trusted.note -v there "$0/d"
    ln -s name "$0/etc/link"; setfattr -h -n trusted.link -v l "$0/etc/link"`,
    template,
  );
  // a list of the directory that the jail is made in is not the jail's
  mkdirSync(`${base}/jails`);
  sh('setfacl -d -m u:61009:rwx "$0/jails"', base);
  await cloneJail({ template, directory: `${base}/jails/a` });
  const dump = (directory: string) =>
    sh('cd "$0"; getfacl -R -n . 2>/dev/null; getfattr -R -h -d -m - . 2>/dev/null', directory);
  t.equal(dump(`${base}/jails/a`), dump(template));
  t.match(dump(template), 'trusted.link');
});

t.test('without its access control list a file gives its group nothing', needs('setfacl'), async (t) => {
  const base = makeDirectory(t);
  const template = makeTemplate(`${base}/template`);
  chmodSync(`${template}/etc/name`, 0o600);
  sh('setfacl -m u:61001:rw "$0/etc/name"', template);
  t.equal(statSync(`${template}/etc/name`).mode & 0o777, 0o660, 'the group bits are the mask of the list');
  mount(t, '-t', 'ramfs', '-o', 'mode=755', 'ramfs', `${base}/without`);
  const { skipped } = await cloneJail({ template, directory: `${base}/without/jail` });
  t.same(skipped, ['not all extended attributes could be copied: /etc/name']);
  t.equal(statSync(`${base}/without/jail/etc/name`).mode & 0o777, 0o600);
});

t.test('hard links stay hard links, and never to the template or the host', asRoot, async (t) => {
  const base = makeDirectory(t);
  const template = makeTemplate(`${base}/template`);
  writeFileSync(`${base}/host`, 'a file of the host');
  linkSync(`${base}/host`, `${template}/tmp/host`);
  mkdirSync(`${template}/a`);
  mkdirSync(`${template}/z`);
  writeFileSync(`${template}/a/one`, 'linked');
  for (const name of ['a/two', 'z/three', 'tmp/four']) linkSync(`${template}/a/one`, `${template}/${name}`);
  sh('ln -s x "$0/a/link"; ln "$0/a/link" "$0/z/link"', template);
  const report = await cloneJail({ template, directory: `${base}/jail` });
  const jail = `${base}/jail`;
  const [one, ...others] = ['a/one', 'a/two', 'z/three', 'tmp/four'].map((name) =>
    lstatSync(`${jail}/${name}`),
  );
  t.same(
    others.map(({ ino }) => ino),
    [one?.ino, one?.ino, one?.ino],
  );
  t.equal(one?.nlink, 4);
  t.equal(lstatSync(`${jail}/a/link`).ino, lstatSync(`${jail}/z/link`).ino);
  t.not(one?.ino, lstatSync(`${template}/a/one`).ino);
  t.equal(lstatSync(`${jail}/tmp/host`).nlink, 1);
  t.equal(lstatSync(`${template}/a/one`).nlink, 4, 'the template has as many as before');
  t.equal(lstatSync(`${base}/host`).nlink, 2);
  t.match(report, { files: 7, links: 2 });
  t.same(namesIn(jail), ['.uchroot', 'a', 'etc', 'tmp', 'z']);
});

t.test(
  'set-user-ID, set-group-ID and capabilities are dropped unless asked for',
  needs('setcap'),
  async (t) => {
    const base = makeDirectory(t);
    const names = ['suid', 'sgid', 'capable', 'kept', 'first', 'second', 'built'];
    const template = makeTemplate(`${base}/template`, { keepPrivileges: ['/built' as never] });
    for (const name of names) writeFileSync(`${template}/${name}`, name);
    rmSync(`${template}/second`);
    for (const name of ['suid', 'kept', 'first', 'built']) chmodSync(`${template}/${name}`, 0o4755);
    chmodSync(`${template}/sgid`, 0o2755);
    mkdirSync(`${template}/shared`);
    chmodSync(`${template}/shared`, 0o2775);
    linkSync(`${template}/first`, `${template}/second`);
    sh('setcap cap_net_raw=ep "$0/capable"; setcap cap_net_raw=ep "$0/kept"', template);
    const report = await cloneJail({
      template,
      directory: `${base}/jail`,
      keepPrivileges: ['/kept', '/./second'],
    });
    const modes = [...names, 'shared'].map((name) => [name, statSync(`${base}/jail/${name}`).mode & 0o7777]);
    t.same(Object.fromEntries(modes), {
      suid: 0o755,
      sgid: 0o755,
      capable: 0o644,
      kept: 0o4755,
      first: 0o4755, // another name of second
      second: 0o4755,
      built: 0o4755,
      shared: 0o775,
    });
    t.match(sh('getcap -r "$0"', `${base}/jail`), /^\S*\/kept cap_net_raw=ep\n$/);
    const [line = '', ...others] = report.skipped;
    const [words, paths = ''] = line.split(': ');
    t.equal(words, 'set-user-ID, set-group-ID or file capabilities were not copied');
    const dropped = paths.split(', ').filter((path) => path !== '/first');
    t.same([dropped.toSorted(), others], [['/capable', '/sgid', '/shared', '/suid'], []]);
  },
);

t.test('a link, a fifo and a socket in the template lead nowhere and hold nothing up', asRoot, async (t) => {
  const base = makeDirectory(t);
  const template = makeTemplate(`${base}/template`);
  mkdirSync(`${base}/outside`);
  writeFileSync(`${base}/outside/secret`, 'secret');
  symlinkSync(`${base}/outside`, `${template}/tmp/directory`);
  symlinkSync('../../outside/secret', `${template}/tmp/file`);
  symlinkSync('/proc/self/root', `${template}/tmp/magic`);
  sh('mkfifo "$0/tmp/fifo"', template);
  const server = createServer().listen(`${template}/tmp/socket`);
  t.teardown(() => server.close());
  const { skipped } = await cloneJail({ template, directory: `${base}/jail` });
  t.same(skipped, ['sockets are left out: /tmp/socket']);
  for (const name of ['directory', 'file', 'magic'])
    t.ok(lstatSync(`${base}/jail/tmp/${name}`).isSymbolicLink(), name);
  t.ok(lstatSync(`${base}/jail/tmp/fifo`).isFIFO());
});

// In turn a directory is itself or a link out, a file itself, a link, a fifo or not there: as fast as can be.
const racer = `
  import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync, linkSync } from 'node:fs';
  import { execFileSync } from 'node:child_process';
  const [tmp, outside] = process.argv.slice(1);
  process.chdir(tmp);
  mkdirSync('kept/deep/deeper', { recursive: true });
  for (let i = 0; i < 50; i++) writeFileSync('kept/deep/f' + i, 'harmless');
  writeFileSync('file', 'harmless');
  execFileSync('mkfifo', ['fifo']);
  symlinkSync(outside + '/secret', 'to-file');
  symlinkSync(outside, 'to-directory');
  console.log('ready');
  const swap = (a, b) => { try { renameSync(a, 'x'); renameSync(b, a); renameSync('x', b); } catch {} };
  for (const end = Date.now() + 60_000; Date.now() < end;) {
    swap('kept', 'to-directory');
    swap('file', 'to-file');
    swap('file', 'fifo');
    try { renameSync('kept/deep/deeper', 'moved'); renameSync('moved', 'kept/deep/deeper'); } catch {}
    try { rmSync('kept/deep/f7'); writeFileSync('kept/deep/f7', 'harmless'); } catch {}
    try { linkSync('file', 'linked'); rmSync('linked'); } catch {}
  }`;

t.test(
  'a user who exchanges files during a clone gets nothing from outside into it',
  needs('mount'),
  async (t) => {
    const base = makeMemory(t);
    const template = makeTemplate(`${base}/template`);
    mkdirSync(`${base}/outside/deep/deeper`, { recursive: true });
    for (const name of ['secret', 'deep/secret'])
      writeFileSync(`${base}/outside/${name}`, 'SECRET', { mode: 0o600 });
    await startScript(t, racer, `${template}/tmp`, `${base}/outside`);
    const said = new Set<string>();
    for (let i = 0; i < 200; i++) {
      const { skipped } = await cloneJail({ template, directory: `${base}/jail` });
      for (const line of skipped) said.add(line);
      for (const path of filesIn(`${base}/jail`))
        if (path.endsWith('/secret') || textOf(`${base}/jail/${path}`) === 'SECRET')
          t.fail(`${path} in round ${i}`);
      if (textOf(`${base}/jail/etc/name`) !== 'template\n') t.fail('what nobody touched is not there');
      rmSync(`${base}/jail`, { recursive: true });
    }
    t.match([...said].join(), /it changed while|vanished while/, 'and there were such moments');
    t.same(namesIn(`${base}/outside`), ['deep', 'secret']);
    t.same(namesIn(base), ['outside', 'template']);
  },
);

// 600 levels of the longest names: paths of 150 KB, which no system call takes.
function makeDeep(root: string, levels: number, nameLength = 250): void {
  const old = process.cwd();
  process.chdir(root);
  for (let level = 0; level < levels; level++) {
    mkdirSync('d'.repeat(nameLength));
    writeFileSync('f', String(level));
    process.chdir('d'.repeat(nameLength));
  }
  process.chdir(old);
}

t.test('a tree deeper than a path can be long is copied with few descriptors', asRoot, async (t) => {
  const base = makeDirectory(t);
  const template = makeTemplate(`${base}/template`);
  makeDeep(`${template}/tmp`, 600);
  const before = await settledFds();
  let most = 0;
  const timer = setInterval(() => (most = Math.max(most, countOf(process.pid).fds)), 1);
  const report = await cloneJail({ template, directory: `${base}/jail` });
  clearInterval(timer);
  t.match(report, { files: 602, directories: 603, skipped: [] });
  t.ok(most - before < 100, `${most - before} more descriptors`);
  t.ok(await fdsFallTo(before));
  const find = (directory: string) => sh('find "$0" -printf "%d %m %U %G %T@ %s\\n" | sort', directory);
  t.equal(find(`${base}/jail`), find(template));
});

t.test(
  'deep directories that are moved away are left out, and nothing else is',
  needs('mount'),
  async (t) => {
    const base = makeMemory(t);
    const template = makeTemplate(`${base}/template`);
    makeDeep(`${template}/tmp`, 60, 1);
    mkdirSync(`${base}/elsewhere`);
    for (const name of ['y', 'z']) {
      mkdirSync(`${template}/${name}`);
      writeFileSync(`${template}/${name}/f`, name);
    }
    const far = `${template}/tmp/${'d/'.repeat(39)}d`;
    await startScript(
      t,
      `    const [far, away] = process.argv.slice(1);
    console.log('ready');
    for (const end = Date.now() + 60_000; Date.now() < end;) { try { renameSync(far, away); renameSync(away, far); } catch {} }`,
      far,
      `${base}/elsewhere/d`,
    );
    const missing: string[] = [];
    for (let i = 0; i < 100; i++) {
      const directory = `${base}/jail`;
      await cloneJail({ template, directory });
      for (const path of ['y/f', 'z/f', `tmp/${'d/'.repeat(38)}f`])
        if (!existsSync(`${directory}/${path}`)) missing.push(`${path} in round ${i}`);
      rmSync(directory, { recursive: true });
    }
    t.same(missing, []);
  },
);

t.test('a hole of 100 GB takes neither time nor room', asRoot, async (t) => {
  const base = makeDirectory(t);
  const template = makeTemplate(`${base}/template`);
  writeFileSync(`${template}/tmp/sparse`, 'begin');
  truncateSync(`${template}/tmp/sparse`, 100e9);
  sh('printf end | dd of="$0" bs=1 seek=50000000000 conv=notrunc 2>/dev/null', `${template}/tmp/sparse`);
  mount(t, '-t', 'tmpfs', '-o', 'size=16m,mode=755', 'tmpfs', `${base}/memory`);
  for (const directory of [`${base}/jail`, `${base}/memory/jail`]) {
    const start = performance.now();
    await cloneJail({ template, directory });
    t.ok(performance.now() - start < patientMs(10_000));
    const { size, blocks } = statSync(`${directory}/tmp/sparse`);
    t.equal(size, 100e9);
    t.ok(blocks < 1000);
    t.equal(sh('dd if="$0" bs=1 skip=50000000000 count=4 2>/dev/null', `${directory}/tmp/sparse`), 'end\0');
    t.match(sh('head -c 6 "$0"', `${directory}/tmp/sparse`), 'begin\0');
  }
});

t.test('a mount in the template stays out, and its place is made', needs('mount'), async (t) => {
  const base = makeDirectory(t);
  const template = makeTemplate(`${base}/template`);
  mount(t, '-t', 'proc', 'proc', `${template}/proc`);
  writeFileSync(`${template}/etc/bound`, '');
  sh('mount --bind /etc/passwd "$0"', `${template}/etc/bound`);
  t.teardown(() => sh('umount "$0"', `${template}/etc/bound`));
  const { skipped } = await cloneJail({ template, directory: `${base}/jail` });
  t.same(namesIn(`${base}/jail/proc`), []);
  t.equal(statSync(`${base}/jail/proc`).mode & 0o7777, 0o755);
  t.notOk(existsSync(`${base}/jail/etc/bound`));
  t.match(skipped, [/^mounts in the template are left out: \S+, \S+$/]);
  for (const path of ['/proc', '/etc/bound']) t.match(skipped[0], path);
});

t.test('a file that may not be made here is told: a device without CAP_MKNOD', needs('capsh'), async (t) => {
  const base = makeDirectory(t);
  const template = makeTemplate(`${base}/template`);
  sh('mknod "$0/tmp/null" c 1 3; mkfifo "$0/tmp/fifo"', template);
  const script = `import { cloneJail } from '${import.meta.dirname}/../../lib/jail/clone.js';
    const report = await cloneJail({ template: '${template}', directory: '${base}/jail' });
    console.log(JSON.stringify(report.skipped));`;
  const by = ['capsh', '--drop=cap_mknod', '--', '-c', 'exec "$0" "$@"'];
  const stdout = runScript(by, script);
  t.same(JSON.parse(stdout), ['not made, because mknod is not permitted here: /tmp/null']);
  t.same(namesIn(`${base}/jail/tmp`), ['fifo']);
});

t.test('a full disk half-way leaves nothing', needs('mount'), async (t) => {
  const base = makeDirectory(t);
  const template = makeTemplate(`${base}/template`);
  for (let i = 0; i < 8; i++) writeFileSync(`${template}/etc/f${i}`, Buffer.alloc(300_000, 7));
  mount(t, '-t', 'tmpfs', '-o', 'size=1m,mode=755', 'tmpfs', `${base}/small`);
  await t.rejects(cloneJail({ template, directory: `${base}/small/new/jail` }), {
    name: 'JailError',
    code: 'ENOSPC',
    message: /^\/tmp\/\S+\/small\/new\/jail\/etc\/f\d: no space left on device/,
    hint: /make room/,
  });
  t.same(namesIn(`${base}/small`), []);
  mount(t, '-t', 'tmpfs', '-o', 'nr_inodes=6,mode=755', 'tmpfs', `${base}/few`);
  await t.rejects(cloneJail({ template, directory: `${base}/few/jail` }), { code: 'ENOSPC' });
  t.same(namesIn(`${base}/few`), []);
});
