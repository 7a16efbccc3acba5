// The things that a walk has met, and those of them that are left when the rules look.
import { linkSync, lstatSync, renameSync, rmSync, writeFileSync } from 'node:fs';

import t, { type Test } from 'tap';

import { bytePath } from '../../../../lib/tree/path.ts';
import { type CheckedJail, openChecked } from '../../../../lib/jail/check/checked-jail.ts';
import type { Entry } from '../../../../lib/jail/check/checked-entry.ts';
import { outsideContacts } from '../../../../lib/jail/check/rules/outside-contacts.ts';
import { makeDirectory } from '../../../support/directory.ts';

function open(t: Test, directory: string): CheckedJail {
  const jail = openChecked(bytePath(directory), []);
  t.teardown(() => jail.close());
  return jail;
}

/** The walk meets a file that has two names. */
function meet(jail: CheckedJail, path: string, inode: bigint, uid = 0): void {
  jail.seen.note({
    path: bytePath(path),
    kind: 'file',
    mode: 0o644,
    uid,
    gid: uid,
    nlink: 2,
    inode,
    sizeBytes: 0,
    major: 0,
    minor: 0,
    target: bytePath(''),
    hasCapabilities: false,
    hasAcl: false,
    hasLooseDefault: false,
    isMounted: false,
    isElf: false,
    isScript: false,
    isKey: false,
    error: 0,
    depth: 1,
    recorded: undefined,
    sha256: undefined,
    zone: 'user',
  } satisfies Entry);
}

const rule = outsideContacts.find(({ id }) => id === 'outside-link');
const pathsIn = (jail: CheckedJail) => [...(rule?.look?.(jail) ?? [])].map(({ path }) => path);

t.test('a file that has lost a name since the walk met it has none outside', async (t) => {
  const base = makeDirectory(t);
  const jail = open(t, base);
  writeFileSync(`${base}/f`, '');
  linkSync(`${base}/f`, `${base}/g`);
  meet(jail, '/f', lstatSync(`${base}/f`, { bigint: true }).ino);
  t.same(pathsIn(jail), ['/f']);
  rmSync(`${base}/g`);
  t.same(pathsIn(jail), [], 'the other name is gone');
  renameSync(`${base}/f`, `${base}/g`);
  t.same(pathsIn(jail), [], 'this name is gone');
  for (const name of ['f', 'h']) linkSync(`${base}/g`, `${base}/${name}`);
  t.same(pathsIn(jail), [], 'it has three names now');
});

t.test('a name that cannot be looked up any more still counts', async (t) => {
  const jail = open(t, makeDirectory(t));
  meet(jail, `/${'d'.repeat(300)}`, 1n);
  t.equal(pathsIn(jail).length, 1);
});

t.test('with more files of many names than are kept, no second name counts as the only one', async (t) => {
  const jail = open(t, makeDirectory(t));
  const count = 100_002;
  for (const path of ['/store', '/use'])
    for (let inode = 0; inode < count; inode++) meet(jail, path, BigInt(inode), 65534);
  t.same(jail.seen.namedElsewhere(), []);
  meet(jail, '/f', 7n);
  t.equal(jail.seen.namedElsewhere().length, 1, 'there is room left for root’s files');
});
