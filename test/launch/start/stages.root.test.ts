// A plan of several stages, in each way to launch: a failure in any stage is reported, and then the program has not run.
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readlinkSync, rmSync } from 'node:fs';

import t from 'tap';

import type { StepName } from '../../../lib/launch/plan/step.ts';
import type { StagesRequest } from '../../support/fixture/stages.ts';
import { makeJail } from '../../support/programs.ts';
import { unlessRoot } from '../../support/root.ts';
import {
  childrenOf,
  eventually,
  plainEnv,
  runs,
  statusOf,
  text,
  waitsForSignals,
} from '../../support/service.ts';

const skip = unlessRoot();
const uid = 61_421;
const jail = skip === false ? makeJail(t, 'actor') : '';
const marker = `${jail}/tmp/ran`;
const directory = t.testdir();
let launchers = 0;
const script = new URL('../../support/fixture/stages.js', import.meta.url).pathname;

const ways = ['in place', 'beside', 'compiled'] as const;
const plans: readonly (readonly StepName[])[] = [
  ['fchdir'],
  ['setgroups'],
  ['umask', 'chroot', 'reset_signals'],
];

function wordsOf(
  request: Pick<StagesRequest, 'way' | 'args' | 'cuts'> & { readonly faulty?: number },
): readonly string[] {
  // A running executable cannot be overwritten.
  const file = `${directory}/launcher-${launchers++}`;
  const all = { ...request, jail, user: `${uid}:${uid}`, file };
  const words = [process.execPath, script, JSON.stringify(all)];
  if (request.way !== 'compiled') return words;
  const made = spawnSync(words[0] ?? '', words.slice(1), {
    encoding: 'utf8',
    env: plainEnv(),
    stdio: ['ignore', 'pipe', 'pipe', 'ignore', 'pipe'],
  });
  if (made.status !== 0) throw new Error(made.stderr);
  return [file];
}

interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** The lines of --status-fd. */
  readonly events: readonly Readonly<Record<string, unknown>>[];
}

function run(request: Parameters<typeof wordsOf>[0]): Ended {
  rmSync(marker, { force: true });
  const [program = '', ...args] = wordsOf(request);
  const ended = spawnSync(program, args, {
    encoding: 'utf8',
    env: plainEnv(),
    stdio: ['pipe', 'pipe', 'pipe', 'ignore', 'pipe'],
  });
  const lines = String(ended.output[4]).split('\n').slice(0, -1);
  return {
    status: ended.status,
    stdout: ended.stdout,
    stderr: ended.stderr,
    events: lines.map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>),
  };
}

// The results of both launches of a service.
function answers({ stderr }: Ended): readonly unknown[] {
  return stderr
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as unknown);
}

for (const way of ways) {
  for (const cuts of plans) {
    const name = `${way}, ${cuts.length + 1} stages from ${cuts.join()}`;

    t.test(`${name}: the program runs, and its status is the launch's`, { skip }, async (t) => {
      const ended = run({ way, cuts, args: ['out=here', 'touch=/tmp/ran', 'exit=7'] });
      t.equal(existsSync(marker), true);
      if (way === 'beside') {
        t.match(answers(ended), [{ exit: { exitCode: 7 } }, { exit: { exitCode: 7 } }]);
        t.equal(ended.stdout, 'herehere');
      } else {
        t.equal(ended.status, 7, ended.stderr);
        t.equal(ended.stdout, 'here');
        t.match(ended.events, [{ event: 'started' }]);
        t.equal(ended.stderr, '');
      }
    });

    t.test(`${name}: a signal that ends the program becomes 128+N`, { skip }, async (t) => {
      const ended = run({ way, cuts, args: ['kill=9'] });
      if (way === 'beside') t.match(answers(ended), [{ exit: { exitCode: 137, signal: null } }, {}]);
      else t.equal(ended.status, 137, ended.stderr);
    });

    for (const faulty of [...cuts, ''].keys()) {
      t.test(
        `${name}: a step that fails in stage ${faulty + 1} is told, and the program has not run`,
        { skip },
        async (t) => {
          const ended = run({ way, cuts, faulty, args: ['touch=/tmp/ran'] });
          t.equal(existsSync(marker), false);
          const message = 'keep_fd: descriptor 700: is not open';
          if (way === 'beside') {
            const error = { message, step: 'keep_fd', code: 'EBADF' };
            t.match(answers(ended), [{ error }, { error }]);
            return;
          }
          t.equal(ended.status, 125);
          t.match(ended.stderr, `uchroot: ${message}\n`);
          const event = ended.events.at(-1);
          t.match(event, { event: 'failed', step: 'keep_fd', code: 'EBADF' });
          // The place counts through all stages.
          t.ok(Number(event?.place) > 10 * faulty, String(event?.place));
        },
      );
    }
  }
}

function begin(
  way: 'in place' | 'compiled',
  cuts: readonly StepName[],
  args: readonly string[],
): ChildProcess {
  const [program = '', ...words] = wordsOf({ way, cuts, args });
  return spawn(program, words, {
    env: plainEnv(),
    stdio: ['pipe', 'pipe', 'inherit', 'ignore', 'pipe'],
    detached: true,
  });
}

async function programOf(child: ChildProcess): Promise<number> {
  await once(child.stdout ?? process.stdin, 'data');
  // In place, other threads of Node take a signal that comes before the first wait for signals.
  await eventually(() => waitsForSignals(child.pid ?? 0));
  return childrenOf(child.pid ?? 0).find((pid) => statusOf(pid, 'Uid')?.startsWith(`${uid}\t`)) ?? 0;
}

// Sends SIGTERM, and returns how the process ends. Another thread of Node may take the SIGCHLD of a program that ends before this
// process waits for signals again. A command with such a program has the threads block signals (othersignals.cc), and this fixture
// does not. So it gets SIGCHLD again; not before SIGTERM, because another thread would take a SIGTERM that comes between two waits.
async function endAfterTerm(child: ChildProcess, way: 'in place' | 'compiled'): Promise<unknown> {
  const closed = once(child, 'exit');
  child.kill('SIGTERM');
  const again = way === 'in place' ? setInterval(() => child.kill('SIGCHLD'), 100) : undefined;
  try {
    return await closed;
  } finally {
    clearInterval(again);
  }
}

for (const way of ['in place', 'compiled'] as const) {
  t.test(`${way}: signals for the process that waits are the program's`, { skip }, async (t) => {
    const child = begin(way, ['fchdir'], ['out=up', 'sleep=20000']);
    const program = await programOf(child);
    t.equal(runs(program), true);
    t.same(await endAfterTerm(child, way), [143, null]);
    t.equal(runs(program), false);
  });

  t.test(
    `${way}: a signal that the program ignores does not end the process that waits`,
    { skip },
    async (t) => {
      const child = begin(way, ['fchdir'], ['ignore=15', 'out=up', 'sleep=300', 'exit=3']);
      await programOf(child);
      t.same(await endAfterTerm(child, way), [3, null]);
    },
  );

  t.test(`${way}: with the process that waits ends the program`, { skip }, async (t) => {
    const child = begin(way, ['fchdir', 'setgroups'], ['out=up', 'sleep=20000']);
    await once(child.stdout ?? process.stdin, 'data');
    const [middle = 0] = childrenOf(child.pid ?? 0);
    const [program = 0] = childrenOf(middle);
    t.equal(statusOf(program, 'Uid')?.split('\t')[0], String(uid));
    child.kill('SIGKILL');
    t.equal(await eventually(() => !runs(program)), true);
  });

  t.test(`${way}: a program that stops lets the shell have the job back`, { skip }, async (t) => {
    const child = begin(way, ['fchdir'], ['out=up', 'sleep=20000']);
    const closed = once(child, 'exit');
    const program = await programOf(child);
    process.kill(program, 'SIGSTOP');
    t.equal(await eventually(() => statusOf(child.pid ?? 0, 'State')?.startsWith('T') === true), true);
    process.kill(-(child.pid ?? 0), 'SIGCONT');
    t.equal(await eventually(() => statusOf(program, 'State')?.startsWith('T') === false), true);
    child.kill('SIGKILL');
    t.same(await closed, [null, 'SIGKILL']);
  });
}

t.test(
  'a compiled launcher that waits has nothing open, and a reader sees the end of what the program closes',
  { skip },
  async (t) => {
    const child = begin('compiled', ['fchdir'], ['out=up', 'sleep=20000']);
    await programOf(child);
    t.same(childFds(child.pid ?? 0), []);
    child.kill('SIGKILL');
    t.equal(await text(child.stdout), '');
  },
);

function childFds(pid: number): readonly string[] {
  return [0, 1, 2, 3, 4, 5, 6].flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/${pid}/fd/${fd}`)];
    } catch {
      return [];
    }
  });
}

t.test('--plan tries all stages, and names the place of what would fail', { skip }, async (t) => {
  interface Shown {
    readonly steps: readonly { readonly place: number; readonly op: string; readonly stage: number }[];
    readonly problem?: { readonly step: string; readonly message: string };
  }
  const shown = (faulty?: number): Shown =>
    JSON.parse(
      run({
        way: 'rehearsed',
        cuts: ['fchdir', 'setgroups'],
        args: ['touch=/tmp/ran'],
        ...(faulty === undefined ? {} : { faulty }),
      }).stdout,
    ) as Shown;
  const whole = shown();
  t.equal(whole.problem, undefined);
  t.same(
    whole.steps.map(({ place }) => place),
    whole.steps.map((_, index) => index + 1),
  );
  const stageOf = (name: string): number | undefined => whole.steps.find(({ op }) => op === name)?.stage;
  t.same(['umask', 'fchdir', 'chdir', 'setgroups', 'execve'].map(stageOf), [1, 2, 2, 3, 3]);
  for (const faulty of [0, 1, 2]) t.match(shown(faulty).problem, { step: 'keep_fd' });
  t.equal(existsSync(marker), false);
});

t.test('the text of a plan has a line between two stages', { skip }, async (t) => {
  const [launcher = ''] = wordsOf({ way: 'compiled', cuts: ['fchdir'], args: [] });
  const { stdout } = spawnSync(launcher, ['--plan'], { encoding: 'utf8', env: {} });
  const lines = stdout.split('\n');
  const at = lines.findIndex((line) => line.startsWith('     fork: '));
  t.match(lines[at + 1], /^ *\d+  fchdir /);
  t.equal(lines.filter((line) => line.startsWith('     fork: ')).length, 1);
});
