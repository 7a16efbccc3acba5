import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';

import { isolated } from '../support/isolation.ts';
import {
  bareOnly,
  bothWays,
  launchWords,
  makeJail,
  oddCaller,
  putFile,
  start,
  temporaryDirectory,
  uchroot,
} from '../support/launch.ts';
import { readState, startWaiting, type State, type Waiting } from '../support/probe.ts';
import { childrenOf, eventually, runs } from '../support/service.ts';

const test = bothWays('script');
const jail = makeJail();

const bareTest = bareOnly(test, 'an isolated program is a child of its init');
bareTest(
  'the program has the pid and the parent of the command, and nothing is left beside it',
  async (t) => {
    const program = await startWaiting(jail);
    t.equal(program.state.pid, program.pid);
    t.equal(program.state.ppid, process.pid);
    t.same(childrenOf(program.pid), []);
    t.same(readdirSync(`/proc/${program.pid}/task`), [String(program.pid)], 'one thread');
    t.equal(readlinkSync(`/proc/${program.pid}/exe`), `${jail}/probe`);
    t.equal(readlinkSync(`/proc/${program.pid}/root`), jail);
    t.notMatch(readFileSync(`/proc/${program.pid}/maps`, 'utf8'), /node/, 'nothing of Node in its memory');
    await program.end();
  },
);

test('an isolated program has an init beside it, and nothing of Node is left', async (t) => {
  const waiting = await startWaiting(jail, ['--isolate']);
  t.match(waiting.state, { pid: 2, ppid: 1 });
  const [init = 0] = childrenOf(waiting.pid);
  const [program = 0] = childrenOf(init);
  t.equal(childrenOf(waiting.pid).length + childrenOf(init).length, 2);
  for (const pid of [waiting.pid, init, program]) {
    t.same(readdirSync(`/proc/${pid}/task`), [String(pid)], 'one thread');
    t.notMatch(readFileSync(`/proc/${pid}/maps`, 'utf8'), /node/, 'nothing of Node in its memory');
  }
  t.equal(readlinkSync(`/proc/${program}/exe`), '/probe');
  await waiting.end();
});

test('process group, session and terminal are those of the command', async (t) => {
  const state = readState(uchroot(['nobody', jail, '/probe'], { by: oddCaller('pty') }));
  // In a pid namespace the numbers of others are 0 (pid_namespaces(7)).
  t.equal(state.sid, isolated ? 0 : state.pid, 'the leader of the session of that terminal');
  t.equal(state.terminalSession, state.sid);
  const job = readState(
    uchroot(['nobody', jail, '/probe'], { by: [...oddCaller('pty'), ...oddCaller('job')] }),
  );
  t.equal(job.pgid, isolated ? 0 : job.pid);
  t.equal(job.sid, isolated ? 0 : job.ppid);
  t.equal(job.terminalSession, job.sid);
});

test('the terminal of script(1) stays as it was, and its settings too', async (t) => {
  const log = `${temporaryDirectory()}/log`;
  const words = launchWords(['nobody', jail, '/probe', 'state'])
    .map((word) => `'${word}'`)
    .join(' ');
  const line = `before=$(stty -g); ${words}; [ "$before" = "$(stty -g)" ] && echo unchanged`;
  const ended = start(['script', '-qec', line, log], { stdio: ['ignore', 'pipe', 'pipe'] });
  const state = JSON.parse(/^\{.*\}/m.exec(ended.stdout)?.[0] ?? '') as State;
  t.equal(state.terminalSession, state.sid);
  t.equal((state.fds[0]?.flags ?? 0) & 0o4000, 0, 'blocking');
  t.match(ended.stdout, /^unchanged/m);
});

test('--new-session has no terminal and the same pid, from a job of a shell too', async (t) => {
  for (const by of [
    ['env'],
    oddCaller('pty'),
    [...oddCaller('pty'), ...oddCaller('job')],
    [...oddCaller('job')],
    ['setsid', '--wait'],
  ]) {
    const state = readState(uchroot(['--new-session', 'nobody', jail, '/probe'], { by }));
    t.equal(state.sid, state.pid, by.slice(1).join(' '));
    t.equal(state.pgid, state.pid);
    t.equal(state.terminalSession, -1);
    t.equal(state.ignored, '0');
  }
});

// The pid of the program on the host. An isolated one is a child of its init, and that one of the process that waits.
function programOf({ pid, state }: Pick<Waiting, 'pid' | 'state'>): number {
  if (!isolated) return state.pid;
  const [child] = childrenOf(pid);
  return child === undefined ? pid : programOf({ pid: child, state });
}

// A shell between this process and the program, which runs in the background.
const shell = ['sh', '-c', '"$@" <&3 & wait', 'sh'];

test('--die-with-parent: the program ends with the process that started it', async (t) => {
  const program = await startWaiting(jail, ['--die-with-parent'], { by: shell });
  const pid = programOf(program);
  const { ppid, parentDeathSignal } = program.state;
  t.equal(ppid, isolated ? 1 : program.pid);
  t.equal(parentDeathSignal, 9);
  t.ok(runs(pid));
  process.kill(program.pid, 'SIGKILL');
  t.ok(await eventually(() => !runs(pid)), 'it has ended');
  await program.end();
});

test('without it the program goes on, and has no parent-death signal', async (t) => {
  const program = await startWaiting(jail, [], { by: shell });
  const pid = programOf(program);
  // with its init an isolated program ends, and that one with the process that waits
  t.equal(program.state.parentDeathSignal, isolated ? 9 : 0);
  process.kill(program.pid, 'SIGKILL');
  await setTimeout(50);
  t.ok(runs(pid));
  await program.end();
});

test('what is written is written by the program alone', async (t) => {
  const ended = uchroot(['nobody', jail, '/probe', 'exit', '0']);
  t.equal(ended.stdout + ended.stderr, '');
});

test('a signal that arrives during the launch ends it, or the program, but is not lost', async (t) => {
  const ended = start(launchWords(['nobody', jail, '/probe', 'wait']), {
    by: ['timeout', '--signal=TERM', '--foreground', '0.3'],
    stdio: ['inherit', 'pipe', 'pipe'],
  });
  t.ok(ended.status === 124 || ended.status === 0);
});

test('a program that was started twenty times at once ran twenty times', async (t) => {
  const script =
    'for i in $(seq 20); do "$@" & pids="$pids $!"; done; for p in $pids; do wait $p || exit 1; done';
  putFile(`${jail}/none`, '');
  const ended = start(launchWords(['nobody', jail, '/probe', 'exit', '0']), {
    by: ['sh', '-c', script, 'sh'],
  });
  t.equal(ended.status, 0);
  t.equal(ended.stderr, '');
});
