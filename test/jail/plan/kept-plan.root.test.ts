// The plan that an update keeps for the next one: what changes on the host is noticed all the same.
import { createHash } from 'node:crypto';
import {
  appendFileSync,
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { setTimeout } from 'node:timers/promises';

import t, { type Test } from 'tap';

import { buildJail, updateJail } from '../../../lib/jail/building.ts';
import { removeJail } from '../../../lib/jail/remove.ts';
import { makeDirectory } from '../../support/directory.ts';
import { makeSystem } from '../../support/builder.ts';
import { patientMs } from '../../support/patience.ts';
import { unlessRoot } from '../../support/root.ts';

const asRoot = { skip: unlessRoot('ldd') };
/** A plan is kept if nothing that it depends on has changed in the second before it was made. */
const QUIET_MS = 1100;

interface Place {
  readonly jail: string;
  readonly root: string;
  readonly kept: string;
}

/** A jail, built from a system in a directory; its plan is kept. */
async function makePlace(t: Test): Promise<Place> {
  const base = makeDirectory(t);
  const [root, jail] = [`${base}/root`, `${base}/jail`];
  makeSystem(root, '/usr/bin/ls');
  for (const directory of ['etc', 'data/deep', 'data/empty'])
    mkdirSync(`${root}/${directory}`, { recursive: true });
  writeFileSync(`${root}/etc/conf`, 'first\n');
  writeFileSync(`${root}/data/deep/file`, 'first\n');
  symlinkSync('deep/file', `${root}/data/link`);
  await buildJail({ directory: jail, from: root, programs: ['/usr/bin/ls'], copies: ['/etc/conf', '/data'] });
  const kept = `/var/cache/uchroot/${createHash('sha256').update(jail).digest('hex')}`;
  t.teardown(() => rmSync(kept, { force: true }));
  t.notOk(existsSync(kept), 'a jail that is never updated leaves nothing there');
  await setTimeout(QUIET_MS);
  t.ok(await keepsPlan(jail, kept), 'the first update keeps its plan');
  return { root, jail, kept };
}

/** Updates the jail until its plan is kept anew. No plan is kept while the mount table changes: other tests mount. */
async function keepsPlan(jail: string, kept: string): Promise<boolean> {
  const before = inodeOf(kept);
  for (const end = performance.now() + patientMs(30_000); performance.now() < end;) {
    // one after the other: each may be the last
    await updateJail({ directory: jail });
    if (inodeOf(kept) !== before) return true;
  }
  return false;
}

function inodeOf(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.ino;
}

t.test('the next update uses the plan, and keeps no other', asRoot, async (t) => {
  const { jail, kept } = await makePlace(t);
  const { ino, mode, uid } = statSync(kept);
  t.same({ mode: mode & 0o777, uid }, { mode: 0o600, uid: 0 });
  t.match(await updateJail({ directory: jail }), { changes: [], left: [], warnings: [], extra: [] });
  t.equal(statSync(kept).ino, ino);
  rmSync(`${jail}/data/deep/file`);
  await updateJail({ directory: jail });
  t.ok(existsSync(`${jail}/data/deep/file`), 'a file that the jail lacks is put there again');
  t.equal(statSync(kept).ino, ino);
});

// Each change keeps size and modification time where it can.
const CHANGES: readonly (readonly [what: string, change: (root: string) => void, changed: string])[] = [
  ['the content of a file', (root) => rewrite(`${root}/etc/conf`, 'other\n'), '/etc/conf'],
  ['a file that another one replaces', (root) => replace(`${root}/data/deep/file`), '/data/deep/file'],
  ['the mode of a file', (root) => chmodSync(`${root}/data/deep/file`, 0o700), '/data/deep/file'],
  ['the mode of a directory', (root) => chmodSync(`${root}/data/deep`, 0o700), '/data/deep'],
  ['a new file', (root) => writeFileSync(`${root}/data/empty/new`, ''), '/data/empty/new'],
  ['a file that is gone', (root) => rmSync(`${root}/data/deep/file`), '/data/deep/file'],
  ['the target of a link', (root) => relink(`${root}/data/link`, 'empty'), '/data/link'],
  ['a library', (root) => replace(libraryIn(root)), libraryIn('')],
  [
    'a directory that another one replaces',
    (root) => {
      mkdirSync(`${root}/other`);
      cpSync(`${root}/data/deep`, `${root}/other/deep`, { recursive: true, preserveTimestamps: true });
      writeFileSync(`${root}/other/deep/more`, '');
      renameSync(`${root}/data`, `${root}/old`);
      renameSync(`${root}/other`, `${root}/data`);
    },
    '/data/deep/more',
  ],
];

function rewrite(path: string, text: string): void {
  const { atime, mtime } = statSync(path);
  writeFileSync(path, text);
  utimesSync(path, atime, mtime);
}

function replace(path: string): void {
  const { atime, mtime } = statSync(path);
  const data = readFileSync(path);
  data[data.length - 1] = 0x20;
  writeFileSync(`${path}.new`, data, { mode: statSync(path).mode });
  utimesSync(`${path}.new`, atime, mtime);
  renameSync(`${path}.new`, path);
}

function relink(path: string, target: string): void {
  rmSync(path);
  symlinkSync(target, path);
}

function libraryIn(root: string): string {
  const paths = ['x86_64', 'aarch64'].map((machine) => `${root}/usr/lib/${machine}-linux-gnu/libc.so.6`);
  return paths.find((path) => existsSync(path)) ?? '';
}

for (const [what, change, changed] of CHANGES)
  t.test(`an update notices: ${what}`, asRoot, async (t) => {
    const { jail, root } = await makePlace(t);
    change(root);
    const { changes } = await updateJail({ directory: jail });
    t.ok(
      changes.some(({ path }) => path === changed),
      JSON.stringify(changes),
    );
    const seen = await updateJail({ directory: jail });
    t.same(seen.changes, [], 'and does it once');
  });

t.test('a plan is not kept if something had just changed', asRoot, async (t) => {
  const { jail, root, kept } = await makePlace(t);
  const { ino } = statSync(kept);
  // The clock stands still: on a busy machine more than a second may pass until the plan is made.
  const nowMs = Date.now();
  appendFileSync(`${root}/etc/conf`, 'more\n');
  const clock = t.intercept(Date, 'now', { value: () => nowMs });
  await updateJail({ directory: jail });
  clock.restore();
  t.equal(statSync(kept).ino, ino, 'the old one stays, which fits no more');
  appendFileSync(`${root}/etc/conf`, 'more\n');
  t.match(await updateJail({ directory: jail }), { changes: [{ path: '/etc/conf' }] });
});

t.test(
  'a kept plan that is damaged, or that another user may have written, is not used',
  asRoot,
  async (t) => {
    const { jail, kept } = await makePlace(t);
    const damaged = `${kept}.damaged`;
    writeFileSync(damaged, readFileSync(kept).subarray(0, 999));
    renameSync(damaged, kept);
    t.match(await updateJail({ directory: jail }), { changes: [] });
    t.ok(statSync(kept).size > 999 || (await keepsPlan(jail, kept)), 'another one is kept');
    const { ino } = statSync(kept);
    const directory = '/var/cache/uchroot';
    chownSync(directory, 65534, 65534);
    t.teardown(() => chownSync(directory, 0, 0));
    t.match(await updateJail({ directory: jail }), { changes: [] });
    t.equal(statSync(kept).ino, ino, 'none is written there');
  },
);

t.test('a jail that is removed leaves no plan', asRoot, async (t) => {
  const { jail, kept } = await makePlace(t);
  await removeJail({ directory: jail });
  t.notOk(existsSync(kept));
});
