// The judgement against the kernel: who is accepted cannot replace anything, tried by a process that is he.
import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, lchownSync, mkdirSync, statSync, symlinkSync } from 'node:fs';

import t from 'tap';

import { native, type PathComponent } from '../../lib/native.ts';
import { judgeWay } from '../../lib/trust/way.ts';
import { start, temporaryDirectory } from '../support/launch.ts';
import { unlessRoot } from '../support/root.ts';

const uid = 61_001;
const gids = [61_001, 61_002];

// He makes his own files writable first.
const attempt = `
const fs = require('node:fs');
for (const line of fs.readFileSync(0, 'utf8').split('\\n').filter(Boolean)) {
  const [parent, entry] = line.split(' ');
  try { fs.chmodSync(parent, 0o700); } catch {}
  try { fs.renameSync(parent + '/' + entry, parent + '/' + entry + '.gone'); console.log(parent); } catch {}
}`;

// The same numbers on each run (Numerical Recipes, "Quick and Dirty").
function numbers(): (below: number) => number {
  let state = 1;
  return (below) => {
    state = (state * 1_664_525 + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

interface Case {
  readonly parent: string;
  readonly isOpen: boolean;
  readonly description: string;
}

function plant(base: string, index: number, below: (count: number) => number): Case {
  const pick = <Value>(values: readonly Value[]): Value => values[below(values.length)] as Value;
  const parent = `${base}/${index}`;
  const isLink = pick([true, false]);
  const [owner, group, entryOwner] = [
    pick([0, 0, 0, uid, 61_009]),
    pick([0, 61_002, 61_008]),
    pick([0, 0, uid, 61_009]),
  ];
  const mode = pick([0, 0, 0o1000]) + pick([0o755, 0o775, 0o775, 0o757, 0o777]);
  const named = pick(['u:61001', 'u:61009', 'g:61002', 'g:61008']);
  const list = pick([
    undefined,
    undefined,
    `${named}:rwx`,
    `${named}:r-x`,
    `g::r-x,${named}:rwx`,
    `g::rwx,${named}:rwx,m::r-x`,
  ]);
  mkdirSync(parent);
  if (isLink) symlinkSync(base, `${parent}/entry`);
  else mkdirSync(`${parent}/entry`);
  lchownSync(`${parent}/entry`, entryOwner, 0);
  chownSync(parent, owner, group);
  chmodSync(parent, mode);
  if (list !== undefined) {
    const { status, stderr } = start(['setfacl', '-m', list, parent]);
    if (status !== 0) throw new Error(stderr);
  }
  return {
    parent,
    isOpen: (mode & 0o002) !== 0,
    description: `owner ${owner}:${group}, mode ${mode.toString(8)}, list ${list}, entry of ${entryOwner}`,
  };
}

t.test(
  'whom the judgement accepts cannot replace an entry, and whom it refuses can',
  { skip: unlessRoot('setfacl', 'setpriv') },
  async (t) => {
    const base = temporaryDirectory();
    const below = numbers();
    const cases = Array.from({ length: 120 }, (_, index) => plant(base, index, below));
    const judged = cases.map(({ parent }) => {
      const facts = native.walkPathSync(`${parent}/entry`);
      t.ok(facts.fd >= 0);
      native.closeDescriptor(facts.fd);
      // the last directory is there to be replaced, and not for what is in it
      const refused = (components: readonly PathComponent[], path: string): boolean =>
        judgeWay({ ...facts, components, isParent: true }, [{ uid, gids }]).some(
          ({ refuses, component }) => refuses && Buffer.from(component.path).toString() === path,
        );
      if (refused(facts.components, parent)) return true;
      // where the sticky bit holds others back, an entry that is his is told of itself
      const loose = facts.components.map((one) => Object.assign({}, one, { mode: one.mode & ~0o1000 }));
      return refused(loose, parent) && refused(facts.components, `${parent}/entry`);
    });
    const { stdout, stderr } = spawnSync(
      'setpriv',
      [`--reuid=${uid}`, `--regid=${gids[0]}`, `--groups=${gids.join(',')}`, process.execPath, '-e', attempt],
      { env: {}, encoding: 'utf8', input: cases.map(({ parent }) => `${parent} entry\n`).join('') },
    );
    t.equal(stderr, '');
    const replaced = new Set(stdout.split('\n'));
    for (const [index, { parent, isOpen, description }] of cases.entries()) {
      // a right of everybody counts for him too, although a group of his may have less: he could be without it elsewhere
      if (!isOpen || replaced.has(parent)) t.equal(judged[index], replaced.has(parent), description);
    }
    t.ok(replaced.size > 20 && replaced.size < 100, `${replaced.size - 1} of them`);
    t.equal(statSync(base).uid, 0);
  },
);
