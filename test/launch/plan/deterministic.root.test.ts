// Launches with --deterministic: a program sees the same addresses, one CPU, and the same time zone and locale.
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';

import { openJail, runInJail, type RunRequest } from '../../../lib/index.ts';
import { bothWays, rootTest, temporaryDirectory, uchroot } from '../../support/launch.ts';
import { give, ordinary } from '../../support/ordinary.ts';

const test = bothWays();
const onceTest = rootTest('setpriv');

const source = `
#define _GNU_SOURCE
#include <locale.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
int main(void) {
  cpu_set_t set;
  int local;
  sched_getaffinity(0, sizeof set, &set);
  printf("%p %p %p %p cpus=%d TZ=%s LANGUAGE=%s locale=%s\\n", (void*)&local, malloc(1), (void*)&printf, (void*)&main,
         CPU_COUNT(&set), getenv("TZ"), getenv("LANGUAGE"), setlocale(LC_ALL, ""));
}
`;

// With the host's libc, so that each mapping has an address of its own.
function makeJail(): string {
  const jail = temporaryDirectory();
  chmodSync(jail, 0o755);
  for (const name of ['usr', 'lib', 'lib64', 'tmp']) mkdirSync(`${jail}/${name}`);
  writeFileSync(`${jail}/tell.c`, source);
  const { status, stderr } = spawnSync('gcc', ['-o', `${jail}/tell`, `${jail}/tell.c`], { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  return jail;
}

const trees = ['/usr', '/lib', '/lib64'];
const binds = ['--isolate', ...trees.flatMap((path) => ['--ro-bind', path])];
const caller = { TZ: 'Asia/Tokyo', LC_ALL: 'C', LANGUAGE: 'de' };
const fixed = /^(?:0x\w+ ){4}cpus=1 TZ=UTC LANGUAGE=\(null\) locale=C\.UTF-8\n$/;

test('two runs are the same to the byte, and differ without it', async (t) => {
  const jail = makeJail();
  const run = (...options: readonly string[]) => {
    const ended = uchroot([...binds, ...options, 'nobody', jail, '/tell'], { env: caller });
    t.equal(ended.status, 0, ended.stderr);
    return ended.stdout;
  };
  const first = run('--deterministic');
  t.match(first, fixed);
  t.equal(run('--deterministic'), first);
  const other = run();
  t.not(run(), other);
  t.match(other, `cpus=${cpus().length} TZ=Asia/Tokyo LANGUAGE=de locale=C\n`);
  t.match(run('--deterministic', '--setenv', 'TZ=EST5', '--unsetenv', 'LC_ALL'), /TZ=EST5 .* locale=C\n/);
  t.match(
    run('--deterministic', '--pass-env', 'TZ', '--affinity', '0'),
    /cpus=1 TZ=Asia\/Tokyo .*C\.UTF-8\n/,
  );
});

onceTest('--plan tells what it stands for, and what was given otherwise', async (t) => {
  const jail = makeJail();
  const plan = (...options: readonly string[]) =>
    ['--plan=steps', '--plan']
      .map((word) => uchroot([word, '--deterministic', ...options, 'nobody', jail, '/tell']).stdout)
      .join('');
  const plain = plan();
  t.match(plain, 'the same addresses in each launch');
  t.match(plain, 'one of all CPUs');
  t.match(plain, '--deterministic: no random addresses, one CPU, TZ=UTC, LC_ALL=C.UTF-8, no LANGUAGE\n');
  t.notMatch(plain, 'given otherwise');
  t.match(
    plan('--setenv', 'TZ=EST5', '--pass-env', 'LC_ALL', '--affinity', '0'),
    '--deterministic: no random addresses, one CPU, no LANGUAGE\n' +
      '  given otherwise: TZ=EST5, LC_ALL of the caller, one of the CPUs 0\n',
  );
});

onceTest('a service, an open jail and a prepared launch do the same', async (t) => {
  const jail = makeJail();
  const own = {
    isolate: true,
    deterministic: true,
    program: '/tell',
    view: trees.map((path) => ({ bind: path, to: path, readOnly: true }) as const),
  };
  const request: RunRequest = { ...own, user: 'nobody', jail };
  const { stdout } = await runInJail(request);
  t.match(stdout, fixed);
  t.equal((await runInJail(request)).stdout, stdout);
  await using opened = await openJail(jail, { user: 'nobody', view: own.view, isolate: true });
  t.equal((await opened.run({ program: '/tell', deterministic: true })).stdout, stdout);
  t.match((await opened.run({ program: '/tell' })).stdout, `cpus=${cpus().length} `);
  const prepared = opened.prepare({ program: '/tell', deterministic: true });
  t.match((await prepared.run({ env: { A: '1' } })).stdout, fixed);
});

onceTest('without root it works too', async (t) => {
  const jail = makeJail();
  // Only this file has processes of this uid.
  const uid = 61_481;
  const { run } = ordinary(uid);
  give(jail, uid);
  const words = ['--deterministic', ...binds.slice(1), String(uid), jail, '/tell'];
  const { stdout, stderr } = run(words);
  t.match(stdout, fixed, stderr);
  t.equal(run(words).stdout, stdout);
});
