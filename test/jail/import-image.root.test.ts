// An image becomes a jail: its own export, images of others, and images that mean harm. Runs the commands of doc/uchroot-jail.md, IMAGES.
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  writeFileSync,
} from 'node:fs';

import t, { type Test } from 'tap';

import { buildJail, updateJail } from '../../lib/jail/building.ts';
import { cloneJail } from '../../lib/jail/clone.ts';
import { exportJail } from '../../lib/jail/export-jail.ts';
import { openJailedReader } from '../../lib/jail/image/jailed-reader.ts';
import { explainFile } from '../../lib/jail/listing.ts';
import { describeTree, makeSystem, manifestOf, uchrootJail } from '../support/builder.ts';
import { makeDirectory } from '../support/directory.ts';
import { archive, member, pax, sha256, writeLayout } from '../support/jail/images.ts';
import { done, ordinaryUser, ownersIn } from '../support/jail/own-jails.ts';
import { command, start } from '../support/launch.ts';
import { unlessRoot } from '../support/root.ts';

const skip = unlessRoot('setpriv');
const { own } = ordinaryUser(61_436);

// A system with a user, whose program prints what it was started with.
function makeImage(t: Test): { readonly base: string; readonly file: string; readonly jail: string } {
  const base = makeDirectory(t);
  return { base, file: `${base}/image.tar`, jail: `${base}/jail` };
}

t.test('what was exported comes back with each hash, mode, owner and reason', { skip }, async (t) => {
  const { base, file, jail } = makeImage(t);
  const from = `${base}/root`;
  makeSystem(from, '/bin/bash');
  mkdirSync(`${from}/srv/app`, { recursive: true });
  writeFileSync(Buffer.from(`${from}/srv/app/latin\xe9`, 'latin1'), 'x'.repeat(100_000));
  writeFileSync(`${from}/srv/app/closed`, '', { mode: 0o600 });
  await buildJail({ directory: jail, from, programs: ['/bin/bash'], copies: ['/srv/app'] });
  await exportJail({ directory: jail, file, tag: 'app:1', layers: 2 });
  const again = `${base}/again`;
  const { warnings } = await buildJail({ directory: again, image: `${file}:app:1` });
  t.same(warnings, []);
  t.match(uchrootJail(['diff', jail, again]), { status: 0, stdout: '', stderr: '' });
  const facts = (directory: string) =>
    manifestOf(directory)
      .entries.filter(({ kind }) => kind !== 'device')
      .map(({ path, kind, mode, uid, gid, sha256, target, reason, package: owner }) => {
        return { path, kind, mode, uid, gid, sha256, target, reason, owner };
      });
  const back = new Map(facts(again).map((one) => [one.path, one]));
  for (const one of facts(jail)) t.same(back.get(one.path), one, one.path);
  t.match(await explainFile({ directory: again, path: '/bin/bash' }), { reasons: ['asked for'] });
  t.match(uchrootJail(['check', again]), { status: 0 });
  t.match(
    start([...command, '-', again]),
    { status: 0, stdout: '' },
    'its program is bash, which reads nothing',
  );
  await cloneJail({ template: again, directory: `${base}/clone` });
  t.same(
    describeTree(`${base}/clone`, { directoryTimes: false }),
    describeTree(again, { directoryTimes: false }),
  );
  t.same((await updateJail({ directory: again, image: file })).changes, []);
  await t.rejects(updateJail({ directory: again }), { message: /which is not kept/ });
  await t.rejects(buildJail({ directory: again, programs: ['/bin/sh'] }), { code: 'ERR_USAGE' });
  await t.rejects(buildJail({ directory: jail, image: file }), { message: /has files of the host/ });
  // Neither what was unpacked nor a jail that was checked is held by this process: it would be in use.
  const held = readdirSync('/proc/self/fd').map((fd) => {
    return lstatSync(`/proc/self/fd/${fd}`, { throwIfNoEntry: false }) === undefined
      ? ''
      : readlinkSync(`/proc/self/fd/${fd}`);
  });
  t.same(
    held.filter((name) => name.startsWith(base)),
    [],
  );
  t.match(uchrootJail(['remove', again]), { status: 0 });
  t.same(readdirSync(base).toSorted(), ['clone', 'image.tar', 'jail', 'root'], 'nothing is left behind');
});

const script = '#!/usr/bin/bash\necho "$* $A $PWD $UID $GROUPS"\n';
const run = (name: string, content: string, mode = 0o755): Buffer => member({ name, content, mode });

t.test('the image says what a launch begins with, and a newer one updates the jail', { skip }, async (t) => {
  const { base, jail } = makeImage(t);
  const root = `${base}/root`;
  makeSystem(root, '/usr/bin/bash');
  const system = execFileSync('tar', ['-c', '-C', root, '.'], { maxBuffer: 1 << 28 });
  const layout = `${base}/layout`;
  const config = {
    User: 'worker:crew',
    Env: ['PATH=/opt:/usr/bin', 'A=b c'],
    Entrypoint: ['hello'],
    Cmd: ['one', ''],
    WorkingDir: '/srv/data',
  };
  const accounts = [
    run('etc/passwd', 'root:x:0:0::/:\nworker:x:61437:7::/:/bin/sh\n', 0o644),
    run('etc/group', 'crew:x:61438:\n', 0o644),
    member({ name: 'srv/data', type: '5', mode: 0o755 }),
  ];
  writeLayout(
    layout,
    [
      system,
      archive(run('opt/hello', script), run('opt/set', 'x', 0o4755), ...accounts, run('opt/old', 'old')),
    ],
    { config },
  );
  const { warnings } = await buildJail({ directory: jail, image: layout });
  t.match(warnings, [/without set-user-ID.*\/opt\/set/]);
  t.equal(statSync(`${jail}/opt/set`).mode & 0o7777, 0o755);
  t.match(start([...command, '-', jail]), { status: 0, stdout: 'one  b c /srv/data 61437 61438\n' });
  t.match(start([...command, '--setenv', 'A=z', '-', jail, '/opt/hello']), {
    stdout: ' z /srv/data 61437 61438\n',
  });
  const unit = start([...command, '--unit', 'systemd', '--setenv', 'A=z', '-', jail]);
  const started = `--setenv=PATH=/opt:/usr/bin --chdir=/srv/data --setenv=A=z 61437:61438 ${jail} /opt/hello one `;
  t.match(unit.stdout, `--unsetenv=NOTIFY_SOCKET ${started}`, 'a unit says what the image says now');
  writeFileSync(`${jail}/srv/data/mine`, 'data of the service');
  writeLayout(
    layout,
    [
      system,
      archive(run('opt/hello', script.replace('$*', 'new')), run('opt/set', 'x', 0o4755), ...accounts),
    ],
    { config },
  );
  const { changes } = await updateJail({ directory: jail, image: layout });
  t.same(changes.map(({ kind, path }) => `${kind} ${path}`).toSorted(), [
    'changed /opt/hello',
    'removed /opt/old',
  ]);
  t.match(start([...command, '-', jail]), { stdout: 'new b c /srv/data 61437 61438\n' });
  t.equal(readFileSync(`${jail}/srv/data/mine`, 'utf8'), 'data of the service');
  writeLayout(layout, [system], { config: { ...config, User: '1' } });
  await updateJail({ directory: jail, image: layout });
  t.match(start([...command, '-', jail, '/usr/bin/bash']), {
    status: 1,
    stderr: /the id 1, which is daemon's/,
  });
  writeLayout(layout, [system], { config: { ...config, User: '61437:1' } });
  await updateJail({ directory: jail, image: layout });
  t.match(start([...command, '-', jail, '/usr/bin/bash']), {
    status: 1,
    stderr: /the group of the image has the id 1, which is daemon's/,
  });
  t.match(start([...command, '-', root]), { status: 1, stderr: /was not made of one/ });
  const tool = `${base}/tool.tar`;
  const capabilities = Buffer.from('0000000200200000000000000000000000000000', 'hex');
  writeFileSync(
    tool,
    archive(pax({ 'SCHILY.xattr.security.capability': capabilities, mtime: '1e300' }), run('opt/tool', 'x')),
  );
  const asked = { directory: `${base}/tool`, image: tool, keepPrivileges: ['/opt/tool'] };
  const warned = [/^without file capabilities.*\/opt\/tool/];
  t.match((await buildJail(asked)).warnings, warned);
  const withoutOption = { directory: `${base}/tool2`, image: tool };
  t.match((await buildJail(withoutOption)).warnings, warned, 'no option is named that keeps them');
  t.match(start([...command, '-', `${base}/tool`]), {
    status: 1,
    stderr: /says no program\nhint: .*PROGRAM/,
  });
  t.match(start([...command, '-', `${base}/none`]), {
    status: 1,
    stderr: /^uchroot: [^\n]*no such file[^\n]*\nhint: /,
  });
});

t.test('no name leads out of the jail, and a refused image leaves nothing', { skip }, async (t) => {
  const { base, file, jail } = makeImage(t);
  const outside = `${base}/outside`;
  mkdirSync(outside);
  writeFileSync(`${outside}/file`, 'as it was');
  const before = describeTree(outside);
  const link = (name: string, target: string): Buffer => member({ name, type: '2', target });
  // Of what an image says of itself, only reasons and packages that can be such come into the jail.
  const own = { path: '/null', kind: 'device', mode: '0666', major: 1, minor: 3, how: 'asked' };
  const sameFile = { kind: 'file', mode: '0755', sizeBytes: 1, sha256: sha256(Buffer.from('x')) };
  const of = (path: string, name: string) => {
    return { ...sameFile, path, package: name, source: '/etc/shadow', how: 'asked' };
  };
  const forged = `{"format":1,"recipe":{"copies":[{"from":"/etc/shadow","to":"/x"}]},"packs":[],"packages":{"__proto__":"1"},"entries":${JSON.stringify(
    [own, of('/attributes', 'constructor'), of('/hard', '__proto__')],
  )}}`;
  const files = [
    link('l', outside),
    run('l/file', 'x'),
    link('m', `../../../../../..${outside}`),
    run('m/file', 'x'),
    run(`${outside}/file`.slice(1), 'x'),
    member({ name: 'hard', type: '1', target: 'l/file' }),
    run('m/.wh.file', ''),
    member({ name: 'disk', type: '4', major: 8 }),
    member({ name: 'mem', type: '3', major: 1, minor: 1 }),
    member({ name: 'fifo', type: '6' }),
    member({ name: 'null', type: '3', major: 1, minor: 3, mode: 0o666 }),
    run('.uchroot/manifest.json.gz', 'x'),
    run('.uchroot/manifest.json', forged),
    pax({ 'SCHILY.xattr.user.x': 'y', 'SCHILY.xattr.security.selinux': 'z', mtime: 'Infinity' }),
    run('attributes', 'x'),
  ];
  writeFileSync(file, archive(...files));
  const { warnings } = await buildJail({ directory: jail, image: file });
  t.match(warnings, [
    /only harmless devices.*\/disk, \/mem/,
    /neither file.*\/fifo/,
    /attributes.*\/attributes/,
  ]);
  t.same(describeTree(outside), before);
  const { recipe, packages, entries } = manifestOf(jail);
  t.same([recipe.copies, packages], [[], {}]);
  t.match(
    entries.find(({ path }) => path === '/attributes'),
    { reason: { how: 'asked' }, package: undefined, source: undefined },
  );
  t.same(readdirSync(jail).toSorted(), [
    '.uchroot',
    'attributes',
    'dev',
    'hard',
    'l',
    'm',
    'null',
    'proc',
    'run',
    'tmp',
  ]);
  for (const members of [
    [run('../outside/file', 'x')],
    [link('x', outside), member({ name: 'y', type: '1', target: 'x/../z' })],
    [member({ name: 'a', size: 99_999 })],
  ]) {
    writeFileSync(file, archive(run('first', 'x'), ...members));
    await t.rejects(buildJail({ directory: `${base}/other`, image: file }), { code: 'ERR_IMAGE' });
  }
  await t.rejects(buildJail({ directory: outside, image: file }), { code: 'ERR_IMAGE' });
  writeFileSync(file, archive(run('first', 'x')));
  await t.rejects(buildJail({ directory: outside, image: file }), { message: /is not empty/ });
  await t.rejects(buildJail({ directory: jail, image: file, programs: ['/bin/sh'] }), {
    message: /image and programs/,
  });
  t.same(describeTree(outside), before);
  t.same(readdirSync(base).toSorted(), ['image.tar', 'jail', 'outside']);
  t.notOk(existsSync(`${base}/other`));
});

t.test('a reader tells what ended it, and where it cannot work', { skip }, async (t) => {
  const { base, file } = makeImage(t);
  const controller = new AbortController();
  const reader = await openJailedReader(controller.signal);
  const pieces = async function* (): AsyncGenerator<Uint8Array> {
    yield await Promise.resolve(Buffer.alloc(512));
    controller.abort();
  };
  const layer = { pieces: pieces(), sizeBytes: 1024, diffId: undefined };
  await t.rejects(reader.read(layer, { entry: () => {}, data: () => {}, end: () => {} }), {
    name: 'AbortError',
  });
  await reader.close();
  writeFileSync(file, archive(run('a', 'x'), run('.uchroot/manifest.json', '{')));
  const sbom = (directory: string) => uchrootJail(['sbom', file], { env: { TMPDIR: directory } });
  const stderr = /\/image\.tar, where images are read: not a directory.*\nhint: .*TMPDIR=/;
  t.match(sbom(file), { status: 1, stderr });
  t.match(sbom(base).stderr, /image\.tar: the manifest .*damaged.*\nhint: export/);
});

t.test('an ordinary user makes a jail of an image', { skip }, async (t) => {
  const { home, jail, make, launch } = own(t);
  const root = makeDirectory(t);
  makeSystem(root, '/usr/bin/bash');
  const file = `${home}/image.tar`;
  execFileSync('tar', ['-c', '-z', '-f', file, '-C', root, '.']);
  chmodSync(file, 0o644);
  const built = make('build', jail, '--image', file);
  t.match(built, done, built.stderr);
  t.same(ownersIn(jail), ['61436:61436']);
  const ended = launch('-', jail, '/usr/bin/bash', '-c', 'echo $UID');
  t.match(ended, { ...done, stdout: '61184\n' }, ended.stderr);
});
