// A mount in a jail may be the host's. The mounts are made in a namespace of the command alone.

import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';

import t, { type Test } from 'tap';

import { makeDirectory } from '../support/directory.ts';
import { describeTree, makeSystem, uchrootJail } from '../support/builder.ts';
import { unlessRoot } from '../support/root.ts';
import { listTree, runScript, sh } from '../support/jail/scene.ts';

const withMounts = { skip: unlessRoot('ldd', 'unshare', 'mount') };
const SCRIPT = 'mount --bind "$1" "$2"; shift 2; exec "$@"';

interface Place {
  readonly root: string;
  readonly jail: string;
  /** On the host, and the same as /srv/data of the jail. */
  readonly data: string;
  /** Runs the command while a directory of the host is mounted on a path of the jail. */
  readonly runWith: (
    mount: readonly [from: string, to: string],
    ...words: string[]
  ) => ReturnType<typeof uchrootJail>;
}

function makePlace(t: Test): Place {
  const base = makeDirectory(t);
  const [root, jail, data] = [`${base}/root`, `${base}/jail`, `${base}/data`];
  makeSystem(root, '/usr/bin/bash');
  mkdirSync(`${root}/srv/data/sub`, { recursive: true });
  for (const name of ['a', 'sub/b']) writeFileSync(`${root}/srv/data/${name}`, name);
  symlinkSync('a', `${root}/srv/data/link`);
  sh('cp -a "$0" "$1"; find "$1" -exec touch -hd 2001-02-03 {} +', `${root}/srv/data`, data);
  uchrootJail(['build', jail, '--from', root, '--copy', '/srv/data', '/usr/bin/bash']);
  const runWith: Place['runWith'] = ([from, to], ...words) =>
    uchrootJail(words, { by: ['unshare', '-m', 'sh', '-ec', SCRIPT, 'sh', from, `${jail}${to}`] });
  return { root, jail, data, runWith };
}

const refusal = (point: string, path: string) => ({
  status: 1,
  stderr: `uchroot-jail: something is mounted on ${point} in the jail, where ${path} would change\nhint: unmount it first\n`,
});

t.test('a file on a mount is never removed, and nothing on it gets another time', withMounts, async (t) => {
  const { jail, data, runWith } = makePlace(t);
  const mount = [data, '/srv/data'] as const;
  const before = listTree(data);
  t.match(runWith(mount, 'update', jail), { status: 0, stdout: /, up to date\n$/ });
  t.same(listTree(data), before, 'an update that changes nothing');
  const inJail = describeTree(jail, { directoryTimes: false });
  const without = ['build', jail, '--without', '/srv/data'];
  for (const words of [without, [...without, '--plan'], [...without, '--replace', '/srv/data']]) {
    t.match(runWith(mount, ...words), refusal('/srv/data', '/srv/data/sub/b'), words.join(' '));
    t.same(listTree(data), before, words.join(' '));
    t.same(describeTree(jail, { directoryTimes: false }), inJail, words.join(' '));
  }
  t.match(uchrootJail(without), { status: 0, stderr: '' });
  t.notOk(existsSync(`${jail}/srv/data`));
});

t.test('an update beside a mount changes the jail and not the mount', withMounts, async (t) => {
  const { root, jail, data, runWith } = makePlace(t);
  mkdirSync(`${jail}/mnt`);
  const before = listTree(data);
  rmSync(`${root}/srv/data/a`);
  writeFileSync(`${root}/srv/data/sub/b`, 'new');
  t.match(runWith([data, '/mnt'], 'update', jail), { status: 0, stderr: '' });
  t.same(readdirSync(`${jail}/srv/data`), ['link', 'sub']);
  t.equal(readFileSync(`${jail}/srv/data/sub/b`, 'utf8'), 'new');
  t.same(listTree(data), before);
});

t.test('a directory in which something is mounted is not replaced by a file', withMounts, async (t) => {
  const { root, jail, data, runWith } = makePlace(t);
  rmSync(`${root}/srv/data`, { recursive: true });
  writeFileSync(`${root}/srv/data`, 'a file now');
  rmSync(`${data}/sub/b`);
  const inJail = describeTree(jail, { directoryTimes: false });
  const mount = [`${data}/sub`, '/srv/data/sub'] as const;
  t.match(runWith(mount, 'update', jail), refusal('/srv/data/sub', '/srv/data'));
  t.same(describeTree(jail, { directoryTimes: false }), inJail);
  t.match(uchrootJail(['update', jail]), { status: 0, stderr: '' });
  t.equal(readFileSync(`${jail}/srv/data`, 'utf8'), 'a file now');
});

t.test('an interrupted change is not completed on a mount of later', withMounts, async (t) => {
  const { jail, data, runWith } = makePlace(t);
  const before = listTree(data);
  mkdirSync(`${jail}/.uchroot/new`, { mode: 0o700 });
  const list = { files: [], attributes: [], obsolete: [{ path: '/srv/data/a' }] };
  writeFileSync(`${jail}/.uchroot/new/commit`, JSON.stringify(list));
  t.match(runWith([data, '/srv/data'], 'update', jail), refusal('/srv/data', '/srv/data/a'));
  t.same(listTree(data), before);
  t.match(uchrootJail(['update', jail]), {
    status: 0,
    stderr: /\/srv\/data\/a had been removed in the jail/,
  });
});

// The second line: something can be mounted between the check and the change.
t.test('calls beneath a directory lose nothing on a mount in it', withMounts, async (t) => {
  const { jail, data } = makePlace(t);
  const before = listTree(data);
  const script = `import { openFileRoot } from '${import.meta.dirname}/../../lib/tree/root.js';
    import { native } from '${import.meta.dirname}/../../lib/native.js';
    const { fd } = openFileRoot('${jail}');
    const codeOf = (call) => { try { call(); } catch (error) { return error.code; } };
    console.log([
      () => native.inRootUnlink(fd, '/srv/data/a'),
      () => native.inRootRename(fd, '/srv/data/a', '/srv/data/c'),
      () => native.inRootExchange(fd, '/srv/data/a', '/srv/data/link'),
      () => native.renameAll(fd, [['/srv/data/a', '/srv/data/c']]),
      () => native.inRootSetTimes(fd, '/srv/data/a', 0),
      () => native.inRootMkdir(fd, '/srv/data/made', 0o755),
      () => native.inRootRmdir(fd, '/srv/data/made'),
    ].map(codeOf).join(' '));`;
  const by = ['unshare', '-m', 'sh', '-ec', SCRIPT, 'sh', data, `${jail}/srv/data`];
  t.equal(runScript(by, script), 'EXDEV EXDEV EXDEV EXDEV EXDEV  \n');
  t.same(listTree(data).slice(1), before.slice(1), 'only the directory itself has another time');
});
