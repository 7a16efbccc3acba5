// What none of the tools that were compared holds: many small files, inodes, files by handles and many open ones, uploaded code. With the
// options that doc/isolation.md names, as root and without.
import { chmodSync, copyFileSync, mkdirSync } from 'node:fs';

import { makeJail, rootTest, uchroot, type Ended } from '../../support/launch.ts';
import { give, ordinary } from '../../support/ordinary.ts';
import { compiled } from '../../support/programs.ts';
import type { Attempts } from '../../support/threats.ts';

const test = rootTest('setpriv');
const [uid, rootlessUid] = [61_417, 61_418];
const own = ordinary(rootlessUid);
const jail = makeJail();
const [EPERM, EACCES, EMFILE] = [1, 13, 24];

if (process.getuid?.() === 0) {
  for (const [place, owner] of [
    [jail, uid],
    [own.jail, rootlessUid],
  ] as const) {
    for (const name of ['exhaust', 'hog']) {
      copyFileSync(compiled(name), `${place}/${name}`);
      chmodSync(`${place}/${name}`, 0o755);
    }
    mkdirSync(`${place}/data`);
    give(`${place}/data`, owner);
  }
}

const levels: Readonly<Record<string, (options: readonly string[], words: readonly string[]) => Ended>> = {
  isolate: (options, words) => uchroot(['--isolate', ...options, `${uid}:${uid}`, jail, ...words]),
  rootless: (options, words) => own.run([...options, String(rootlessUid), own.jail, ...words]),
};

for (const [level, run] of Object.entries(levels)) {
  const attempts = (options: readonly string[], ...words: readonly string[]): Attempts => {
    const ended = run(options, ['/exhaust', ...words]);
    if (ended.status !== 0) throw new Error(`${ended.status}: ${ended.stderr}`);
    return JSON.parse(ended.stdout) as Attempts;
  };
  // Without root nobody can forbid it (proc_sys_vm(5), memfd_noexec).
  const memory = { 'file in memory': level === 'isolate' ? EACCES : 0 };

  test(`${level}: code that was written to a file cannot be executed or mapped`, async (t) => {
    const refused = { execute: EACCES, map: EPERM, 'make a mapping code': EACCES };
    for (const [options, path] of [
      [['--read-only', '--writable', '/data'], '/data/code'],
      [['--read-only', '--tmpfs', '/tmp:noexec'], '/tmp/code'],
    ] as const)
      t.same(attempts(options, 'code', path), { ...refused, ...memory }, path);
    const free = { execute: 0, map: 0, 'make a mapping code': 0 };
    t.same(attempts(['--tmpfs', '/tmp'], 'code', '/tmp/code'), { ...free, ...memory });
  });

  test(`${level}: many small files and large ones fill no disk, and the launch says what was full`, async (t) => {
    const views = ['--ephemeral', '--read-only --tmpfs /tmp:size=4M,nr_inodes=99,noexec'];
    for (const view of views) {
      const ended = run(view.split(' '), ['/hog', 'files']);
      t.match(
        ended.stderr,
        /^uchroot: the program was ended: its file system in memory had no room for more files \(/,
      );
      t.equal(ended.status, 5);
    }
    const large = run(views[1]?.split(' ') ?? [], ['/hog', 'file']);
    t.match(
      large.stderr,
      /^uchroot: the program was ended: its file system in memory was full \(--tmpfs \/tmp\)/,
    );
    t.equal(large.status, 4);
  });

  test(`${level}: no file is reached by a handle`, async (t) => {
    t.same(attempts([], 'handles'), { take: EPERM, open: EPERM });
    t.same(attempts(['--cap', 'dac_read_search'], 'handles'), { take: EPERM, open: EPERM });
  });

  test(`${level}: open files and processes have limits, which cannot be raised`, async (t) => {
    const bounded = { 'raise the soft limit': 0, 'raise the hard limit': EPERM, failure: EMFILE };
    const found = attempts([], 'descriptors');
    t.match(found, { ...bounded, processes: 4096 });
    t.equal(found.descriptors, 4096 - 3);
    const asked = ['--rlimit', 'nofile=64', '--rlimit', 'nproc=99'];
    t.match(attempts(asked, 'descriptors'), { ...bounded, descriptors: 64 - 3, processes: 99 });
    t.match(attempts(['--rlimit', 'nofile=5000'], 'descriptors'), { ...bounded, descriptors: 5000 - 3 });
  });
}
