// What a launch costs, in numbers that do not depend on the machine: calls of functions while the event loop is held, and system calls of
// all threads and processes. `scripts/bench --against COMMIT against` has the times.
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import t from 'tap';

import { unlessBare } from '../../support/isolation.ts';
import { temporaryDirectory } from '../../support/launch.ts';
import { makeJail } from '../../support/programs.ts';
import { unlessRoot } from '../../support/root.ts';
import { runService } from '../../support/service.ts';

const skip = unlessRoot('strace') || unlessBare('calls are counted in one process');
const uid = 61_144;

// As measured, and a little more: on a busy machine a launch waits more often. An option that most launches do not have costs them nothing.
const bounds: Readonly<Record<string, readonly [functions: number, systemCalls: number]>> = {
  spawnInJail: [180, 230],
  'jail.spawn': [180, 205],
  'with args and env': [192, 225],
  untrusted: [75, 700],
};

// Calls that depend on how threads take turns.
const waits =
  /^(?:epoll_p?wait|futex|poll|restart_syscall|madvise|mprotect|munmap|mmap|write\(2|exit|sched_yield)/;

t.test('a launch like the last one makes no more calls than it did', { skip }, async (t) => {
  const jail = makeJail(t, 'actor');
  for (const name of ['proc', 'dev']) mkdirSync(join(jail, name));
  const file = join(temporaryDirectory(), 'trace');
  const wrapper = ['strace', '--follow-forks', '--quiet=all', `--output=${file}`];
  const { code, stdout, stderr } = await runService('counted', { user: `${uid}:${uid}`, jail }, { wrapper });
  t.equal(code, 0, stderr);
  const functions = JSON.parse(stdout) as Readonly<Record<string, number>>;
  let name = '';
  let unplaced = 0;
  const systemCalls: Record<string, number> = {};
  for (const line of readFileSync(file, 'latin1').split('\n')) {
    const [, call = ''] = /^\d+ +([a-z].*)$/.exec(line) ?? [];
    const [, mark] = /^write\(2, "(.*)\\n"/.exec(call) ?? [];
    if (mark !== undefined) name = mark;
    else if (name !== '' && /^move_mount\(.*ENOENT/.test(call)) unplaced++;
    else if (call !== '' && !waits.test(call)) systemCalls[name] = (systemCalls[name] ?? 0) + 1;
  }
  for (const [launch, [mostFunctions, mostCalls]] of Object.entries(bounds)) {
    const [ran, called] = [functions[launch] ?? Infinity, systemCalls[launch] ?? Infinity];
    t.ok(ran <= mostFunctions, `${launch}: ${ran} calls of functions, at most ${mostFunctions}`);
    t.ok(called <= mostCalls, `${launch}: ${called} system calls, at most ${mostCalls}`);
  }
  t.equal(
    unplaced,
    0,
    'no copy of a mount is made for a file that is not there: to close it waits for all CPUs',
  );
});
