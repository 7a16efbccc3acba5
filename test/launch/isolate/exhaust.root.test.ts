// What none of the tools that were compared holds: many small files, inodes, files by handles and many open ones, uploaded code. With the
// options that doc/isolation.md names, as root and without.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, copyFileSync, existsSync, mkdirSync } from 'node:fs';

import {
  commandEnv,
  launchWords,
  makeJail,
  rootTest,
  start,
  uchroot,
  type Ended,
} from '../../support/launch.ts';
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

// The words that start a program, its user, and its jail.
const ways = {
  isolate: [[...launchWords(['--isolate', `${uid}:${uid}`, jail])], uid, jail],
  rootless: [[...own.by, ...own.command, '--rootless', String(rootlessUid), own.jail], rootlessUid, own.jail],
} as const;

const levels: Readonly<
  Record<keyof typeof ways, (options: readonly string[], words: readonly string[]) => Ended>
> = {
  isolate: (options, words) => uchroot(['--isolate', ...options, `${uid}:${uid}`, jail, ...words]),
  rootless: (options, words) => own.run([...options, String(rootlessUid), own.jail, ...words]),
};

for (const level of ['isolate', 'rootless'] as const) {
  const run = levels[level];
  const attempts = (options: readonly string[], ...words: readonly string[]): Attempts => {
    const ended = run(options, ['/exhaust', ...words]);
    if (ended.status !== 0) throw new Error(`${ended.status}: ${ended.stderr}`);
    return JSON.parse(ended.stdout) as Attempts;
  };
  // Without root nobody can forbid it, and before Linux 6.3 nobody at all (proc_sys_vm(5), memfd_noexec).
  const isForbidden = level === 'isolate' && existsSync('/proc/sys/vm/memfd_noexec');
  // Nor what a program reads and runs itself, as interpreters do.
  const memory = { 'file in memory': isForbidden ? EACCES : 0, 'read into its own memory': 0 };

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

  test(`${level}: what the kernel counts for a user is used up for his other processes, and for nobody else`, async (t) => {
    const [words, id, place] = ways[level];
    const outside = (who: number) => {
      const ids = [`--reuid=${who}`, `--regid=${who}`, '--clear-groups'];
      return JSON.parse(
        start(['setpriv', ...ids, `${place}/exhaust`, 'user'], { input: '' }).stdout,
      ) as Attempts;
    };
    const [file = '', ...args] = [...words, '/exhaust', 'user'];
    const child = spawn(file, args, { env: commandEnv, cwd: '/', stdio: ['pipe', 'pipe', 'inherit'] });
    const [found] = (await once(child.stdout, 'data')) as [Buffer];
    t.match(JSON.parse(found.toString()), { failure: EMFILE });
    t.match(outside(id), { instances: 0, failure: EMFILE });
    t.ok((outside(id + 100).instances ?? 0) > 0, 'another user');
    child.stdin.end();
    t.same(await once(child, 'exit'), [0, null]);
    t.ok((outside(id).instances ?? 0) > 0, 'afterwards');
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
