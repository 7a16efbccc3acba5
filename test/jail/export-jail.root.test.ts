// A jail leaves the host: what is in the file, as other readers see it, and when there is none.
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { gunzipSync, gzipSync } from 'node:zlib';

import t from 'tap';

import { buildJail } from '../../lib/jail/building.ts';
import { cloneJail } from '../../lib/jail/clone.ts';
import { exportJail } from '../../lib/jail/export-jail.ts';
import type { Progress } from '../../lib/jail/work/steps.ts';
import { describeTree, makeSystem, uchrootJail } from '../support/builder.ts';
import { makeDirectory } from '../support/directory.ts';
import { start } from '../support/launch.ts';
import { unlessRoot } from '../support/root.ts';

const skip = unlessRoot('ldd', 'setcap', 'python3');
const withReaders = { skip: unlessRoot('ldd', 'setcap', 'skopeo', 'umoci') };
const withSquashfs = { skip: unlessRoot('ldd', 'setcap', 'sqfstar', 'unsquashfs') };
const long = `${'n'.repeat(99)}/${'m'.repeat(120)}`;

// With long names and bytes that are not UTF-8, and file capabilities.
async function makeJail(base: string): Promise<string> {
  const from = `${base}/root`;
  makeSystem(from, '/bin/bash', '/bin/cat');
  mkdirSync(`${from}/srv/app/${long}`, { recursive: true });
  writeFileSync(Buffer.from(`${from}/srv/app/latin\xe9`, 'latin1'), 'x'.repeat(3_000_000));
  writeFileSync(`${from}/srv/app/${long}/file`, 'long');
  writeFileSync(`${from}/srv/app/empty`, '');
  chmodSync(`${from}/srv/app/empty`, 0o640);
  mkdirSync(`${from}/etc`, { recursive: true });
  writeFileSync(`${from}/etc/own.conf`, 'one\n');
  start(['setcap', 'cap_net_raw+ep', `${from}/bin/cat`]);
  const directory = `${base}/jail`;
  const copies = ['/srv/app', '/etc/own.conf'];
  await buildJail({
    directory,
    from,
    programs: ['/bin/bash', '/bin/cat'],
    copies,
    keepPrivileges: ['/bin/cat'],
  });
  return directory;
}

// Python's own reader: name, type, mode, owner, size, target and attributes of each entry, a line each.
const reader = `
import sys, tarfile
for e in tarfile.open(sys.argv[1], encoding='latin1', errors='strict'):
    print(e.name, e.type.decode(), oct(e.mode), e.uid, e.gid, e.size, e.linkname, e.mtime, *(k for k in e.pax_headers if 'xattr' in k))
`;
const listed = (file: string): readonly string[] =>
  execFileSync('python3', ['-c', reader, file], { encoding: 'latin1', env: { PYTHONIOENCODING: 'latin1' } })
    .trimEnd()
    .split('\n');

t.test('an archive has what the manifest says', { skip }, async (t) => {
  const base = makeDirectory(t);
  const directory = await makeJail(base);
  writeFileSync(`${directory}/tmp/made-by-a-program`, '');
  writeFileSync(`${directory}/etc/own.conf`, 'edited by an administrator\n');
  const file = `${base}/jail.tar`;
  const asked = { directory, file, format: 'tar' } as const;
  let last: Progress | undefined;
  const onProgress = (progress: Progress) => (last = progress);
  const [report] = await Promise.all([exportJail({ ...asked, onProgress }), exportJail(asked)]);
  const { files, sizeBytes } = report;
  // files of /etc count as they were built
  t.match(last, { phase: 'copy', files, totalFiles: files, sizeBytes, totalSizeBytes: sizeBytes - 23 });
  t.equal(statSync(file).mode & 0o777, 0o600, 'it has files that not everybody may read');
  t.equal(report.digest, undefined);
  const lines = listed(file);
  const lineOf = (name: string) => lines.filter((line) => line.startsWith(`${name} `));
  t.match(lineOf('srv/app/empty'), [/ 0 0o640 0 0 0 {2}0$/]);
  t.match(lineOf(`srv/app/${long}/file`), [/ 0 0o\d+ 0 0 4 {2}0$/]);
  t.match(lineOf('srv/app/latin\xe9'), [/ 3000000 /]);
  t.match(lineOf('usr/bin/cat').concat(lineOf('bin/cat')).join(), 'SCHILY.xattr.security.capability');
  t.match(lineOf('etc/own.conf'), [/ 27 /]);
  t.match(lineOf('dev/null'), [/ 3 0o666 0 0 0/]);
  t.match(lineOf('.uchroot'), [/ 5 0o700 0 0/]);
  t.equal(
    lines.some((line) => line.includes('made-by-a-program')),
    false,
  );
  // GNU tar and the file system as another reader
  mkdirSync(`${base}/out`);
  execFileSync('tar', ['--xattrs', '--xattrs-include=*', '-xpf', file, '-C', `${base}/out`]);
  const added = /^\/?(\.uchroot|tmp\/made-by|var(\/lib(\/dpkg(\/status\.d)?)?)?( |\/))/;
  const treeOf = (root: string) =>
    describeTree(root)
      .slice(1)
      .filter((line) => !added.test(line))
      // without the time
      .map((line) => line.replace(/^(.*? \d+ \d+ \d+) \d+ /, '$1 '));
  t.ok(treeOf(directory).length > 20);
  t.same(treeOf(`${base}/out`), treeOf(directory));
  t.match(start(['getcap', `${base}/out/bin/cat`]).stdout, 'cap_net_raw=ep');
  t.ok(
    readFileSync(Buffer.from(`${base}/out/srv/app/latin\xe9`, 'latin1')).equals(Buffer.alloc(3_000_000, 'x')),
  );
});

// As the lines of doc/uchroot-jail.md and doc/images.md: built, exported, and copied by skopeo.
t.test('the same jail gives the same image, and other tools read it', withReaders, async (t) => {
  const base = makeDirectory(t);
  const directory = await makeJail(base);
  await cloneJail({ template: directory, directory: `${base}/twin` });
  const file = `${base}/one.tar`;
  const one = await exportJail({ directory, file, tag: 'own/shell:1.0' });
  const two = await exportJail({ directory: `${base}/twin`, file: `${base}/two.tar`, tag: 'own/shell:1.0' });
  t.same(two, one);
  t.ok(readFileSync(file).equals(readFileSync(`${base}/two.tar`)));
  for (const form of ['oci-archive', 'docker-archive']) {
    const { stdout, stderr } = start(['skopeo', 'inspect', '--config', `${form}:${file}`]);
    t.match(
      JSON.parse(stdout || '{}'),
      { os: 'linux', rootfs: { diff_ids: one.diffIds } },
      `${form} ${stderr}`,
    );
  }
  // umoci compares each hash while it unpacks
  const copied = start([
    'skopeo',
    'copy',
    '--insecure-policy',
    `oci-archive:${file}`,
    `oci:${base}/layout:one`,
  ]);
  t.equal(copied.status, 0, copied.stderr);
  const unpacked = start(['umoci', 'unpack', '--image', `${base}/layout:one`, `${base}/bundle`]);
  t.equal(unpacked.status, 0, unpacked.stderr);
  const root = `${base}/bundle/rootfs`;
  t.equal(start(['chroot', root, '/bin/bash', '-c', 'echo $((6 * 7))']).stdout, '42\n');
  t.match(start(['getcap', `${root}/bin/cat`]).stdout, 'cap_net_raw=ep');
  t.same(
    readdirSync(`${root}/dev`).filter((name) => name === 'null'),
    [],
    'a runtime has its own devices',
  );
});

t.test('layers of packages become one tree, and change little by an update', withReaders, (t) => {
  const base = makeDirectory(t);
  const jail = `${base}/jail`;
  t.equal(uchrootJail(['build', jail, '/bin/sh']).status, 0);
  const layersIn = (name: string, ...words: readonly string[]) => {
    const { status, stderr } = uchrootJail(['export', jail, `${base}/${name}.tar`, ...words]);
    t.equal(status, 0, stderr);
    const layout = `oci:${base}/${name}:1`;
    const copied = start(['skopeo', 'copy', '--insecure-policy', `oci-archive:${base}/${name}.tar`, layout]);
    t.equal(copied.status, 0, copied.stderr);
    const [digest] = start(['skopeo', 'inspect', '--format', '{{.Digest}}', layout])
      .stdout.trim()
      .split('\n');
    const { layers } = JSON.parse(
      readFileSync(`${base}/${name}/blobs/sha256/${digest?.slice('sha256:'.length)}`, 'utf8'),
    );
    return layers.map((layer: { readonly digest: string }) => layer.digest);
  };
  const before = layersIn('three', '--layers', '3');
  t.equal(before.length, 3, 'glibc, the shell, and what belongs to no package');
  t.match(uchrootJail(['diff', jail, `${base}/three.tar`]), { status: 0, stdout: '' });
  layersIn('one');
  for (const name of ['one', 'three']) {
    const unpacked = start(['umoci', 'unpack', '--image', `${base}/${name}:1`, `${base}/of-${name}`]);
    t.equal(unpacked.status, 0, unpacked.stderr);
  }
  const treeOf = (name: string) =>
    describeTree(`${base}/of-${name}/rootfs`, { directoryTimes: false }).slice(1);
  t.same(treeOf('three'), treeOf('one'));
  writeFileSync(`${jail}/etc/passwd`, 'root:x:0:0::/:\n# edited\n');
  const after = layersIn('edited', '--layers', '3');
  t.same(after.slice(0, 2), before.slice(0, 2));
  t.not(after[2], before[2]);
  t.end();
});

t.test('a file system has the same files, each time the same', withSquashfs, async (t) => {
  const base = makeDirectory(t);
  const directory = await makeJail(base);
  const unit = `${base}/shell@.service`;
  writeFileSync(unit, '[Service]\nExecStart=/bin/bash\n');
  const asked = { directory, format: 'squashfs', units: [unit] } as const;
  const [one, two] = [`${base}/shell.raw`, `${base}/shell_2.raw`];
  await exportJail({ ...asked, file: one });
  await exportJail({ ...asked, file: two });
  t.ok(readFileSync(one).equals(readFileSync(two)));
  await exportJail({ ...asked, format: 'tar', file: `${base}/shell.tar` });
  for (const root of ['from-tar', 'from-raw']) mkdirSync(`${base}/${root}`);
  execFileSync('tar', [
    '--xattrs',
    '--xattrs-include=*',
    '-xpf',
    `${base}/shell.tar`,
    '-C',
    `${base}/from-tar`,
  ]);
  execFileSync('unsquashfs', ['-quiet', '-no-progress', '-force', '-d', `${base}/from-raw`, one]);
  t.same(describeTree(`${base}/from-raw`).slice(1), describeTree(`${base}/from-tar`).slice(1));
  t.equal(statSync(`${base}/from-raw`).mode & 0o7777, 0o755);
  t.match(start(['getcap', `${base}/from-raw/bin/cat`]).stdout, 'cap_net_raw=ep');
  for (const name of ['usr/lib/systemd/system/shell@.service', 'etc/machine-id', 'etc/resolv.conf'])
    t.ok(statSync(`${base}/from-raw/${name}`).isFile(), name);
  const none = uchrootJail(['export', directory, `${base}/none.raw`, '--format', 'squashfs'], {
    env: { PATH: base },
  });
  t.match(none.stderr, /sqfstar, which makes a squashfs.*\nhint: apt-get install squashfs-tools/);
});

t.test('nothing is written for a jail that is not fit', { skip }, async (t) => {
  const base = makeDirectory(t);
  const directory = `${base}/jail`;
  makeSystem(`${base}/root`, '/bin/bash');
  await buildJail({ directory, from: `${base}/root`, programs: ['/bin/bash'] });
  const file = `${base}/jail.tar`;
  const names = readdirSync(base);
  const refused = async (
    over: object,
    error: { readonly code: string; readonly path?: string } | { readonly name: string },
  ) => {
    await t.rejects(exportJail({ directory, file, ...over }), error);
    t.same(readdirSync(base), names);
  };
  await refused({ file: base }, { code: 'EEXIST' });
  await refused({ file: `${base}/none/jail.tar` }, { code: 'ENOENT' });
  await refused({ format: 'zip' }, { name: 'UsageError' });
  await refused({ tag: 'No Name' }, { name: 'UsageError' });
  await refused({ format: 'tar', tag: 'a:1' }, { name: 'UsageError' });
  await refused({ format: 'squashfs', layers: 2 }, { name: 'UsageError' });
  await refused({ layers: 0 }, { name: 'UsageError' });
  await refused({ newestS: -1 }, { name: 'UsageError' });
  for (const [format, unit, name] of [
    ['oci', 'web.service', 'web.raw'],
    ['squashfs', 'web.service', 'other.raw'],
    ['squashfs', 'webby.service', 'web.raw'],
    ['squashfs', 'web.service', 'web'],
    ['tar', 'web.mount', 'web.tar'],
  ])
    await refused({ format, units: [`/etc/${unit}`], file: `${base}/${name}` }, { name: 'UsageError' });
  await refused({ format: 'tar', units: [`${base}/none.service`] }, { code: 'ENOENT' });
  await refused({ signal: AbortSignal.abort() }, { name: 'AbortError' });
  await refused({ directory: `${base}/root` }, { code: 'ERR_NO_MANIFEST' });
  const hiding = `${base}/jail-with-whiteout`;
  mkdirSync(`${base}/root/srv`);
  writeFileSync(`${base}/root/srv/.wh.bash`, '');
  await buildJail({
    directory: hiding,
    from: `${base}/root`,
    programs: ['/bin/bash'],
    copies: [{ from: '/srv/.wh.bash', to: '/bin/.wh.bash' }],
  });
  names.push('jail-with-whiteout');
  names.sort();
  await refused({ directory: hiding, layers: 3 }, { code: 'ERR_CHECK', path: '/bin/.wh.bash' });
  const keys = `${base}/jail-with-key`;
  mkdirSync(`${base}/root/etc`, { recursive: true });
  writeFileSync(`${base}/root/etc/own.p12`, 'key');
  await buildJail({
    directory: keys,
    from: `${base}/root`,
    programs: ['/bin/bash'],
    copies: ['/etc/own.p12'],
  });
  names.push('jail-with-key');
  names.sort();
  await refused({ directory: keys }, { code: 'ERR_CHECK', path: '/etc/own.p12' });
  // of the same size: only the hash tells
  const program = `${directory}/bin/bash`;
  const good = readFileSync(program);
  const bad = Buffer.from(good);
  bad[good.length - 1] = (bad.at(-1) ?? 0) ^ 1;
  writeFileSync(program, bad);
  await refused({ ignore: ['changed'] }, { code: 'ERR_CHECK' });
  writeFileSync(program, good);
  const manifest = `${directory}/.uchroot/manifest.json.gz`;
  const made = readFileSync(manifest);
  const forged = JSON.parse(gunzipSync(made).toString());
  forged.packages['../../../../x'] = '1';
  writeFileSync(manifest, gzipSync(JSON.stringify(forged)));
  await refused({}, { code: 'ERR_MANIFEST' });
  writeFileSync(manifest, made);
  await buildJail({ directory, users: ['nobody'] });
  const accounts = `${directory}/etc/passwd`;
  writeFileSync(accounts, readFileSync(accounts, 'utf8').replace(/^nobody.*\n/m, ''));
  // otherwise the image would start as root
  await refused({}, { code: 'ERR_CHECK', path: '/etc/passwd' });
});

t.test('the command tells size and digest; times are bounded', { skip }, (t) => {
  const base = makeDirectory(t);
  t.equal(uchrootJail(['build', `${base}/jail`, '/bin/sh']).status, 0);
  const env = { SOURCE_DATE_EPOCH: '5' };
  const { status, stdout, stderr } = uchrootJail(['export', `${base}/jail`, `${base}/a.tar`], { env });
  t.equal(status, 0, stderr);
  t.match(stdout, /a\.tar: \d+ files, [\d.]+ MB\nsha256:[0-9a-f]{64}\n$/);
  t.equal(uchrootJail(['export', '--format', 'tar', `${base}/jail`, `${base}/b.tar`], { env }).status, 0);
  t.same(
    listed(`${base}/b.tar`).filter((line) => !/ [0-5](?: SCHILY\S*)?$/.test(line)),
    [],
  );
  const wrong = uchrootJail(['export', `${base}/jail`, `${base}/c.tar`], {
    env: { SOURCE_DATE_EPOCH: 'now' },
  });
  t.equal(wrong.status, 1);
  t.match(
    wrong.stderr,
    /SOURCE_DATE_EPOCH=now is no number of seconds since 1970\nhint: SOURCE_DATE_EPOCH=\$\(date \+%s\)/,
  );
  t.match(uchrootJail(['export', `${base}/jail`, `${base}/none/c.tar`]), {
    status: 1,
    stderr:
      /^uchroot-jail: \S+\/none: no such file or directory, stat\nhint: name a directory that exists\n$/,
  });
  const host = uchrootJail(['build', '--from-host', `${base}/host`]);
  t.equal(host.status, 0, host.stderr);
  t.match(
    uchrootJail(['export', `${base}/host`, `${base}/c.tar`]).stderr,
    /has no files of its own in \/usr: launches mount/,
  );
  t.end();
});
