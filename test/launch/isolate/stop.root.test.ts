// An isolated program that stops, as a job of a shell does at Ctrl-Z.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync } from 'node:fs';

import t from 'tap';

import { uchrootJail } from '../../support/builder.ts';
import { bothWays, commandEnv, launchWords, temporaryDirectory } from '../../support/launch.ts';
import { childrenOf, eventually } from '../../support/service.ts';

const test = bothWays();
// not the user of other tests, which count its processes
const user = 'uucp';
const jail = process.getuid?.() === 0 ? `${temporaryDirectory()}/jail` : '/';

t.before(() => {
  if (process.getuid?.() !== 0) return;
  const built = uchrootJail(['build', jail, 'bash']);
  if (built.status !== 0) throw new Error(built.stderr);
  mkdirSync(`${jail}/proc`, { recursive: true });
});

// proc_pid_stat(5): the state follows the name in parentheses.
const stateOf = (pid: number): string =>
  /\) (\S)/.exec(readFileSync(`/proc/${pid}/stat`, 'latin1'))?.[1] ?? '';

test('the command stops with its program, and a shell gets its terminal back', async (t) => {
  for (const options of [[], ['--proc', '/proc']]) {
    const script = ['-c', 'kill -STOP $$; exit 3'];
    const [file = '', ...args] = launchWords(['--isolate', ...options, user, jail, '/bin/bash', ...script]);
    // a process group of its own, as a shell makes it
    const job = spawn(file, args, { detached: true, stdio: 'ignore', cwd: '/', env: commandEnv });
    const { pid = 0 } = job;
    const ended = once(job, 'exit');
    t.ok(await eventually(() => stateOf(pid) === 'T'), 'stopped');
    process.kill(-pid, 'SIGCONT');
    t.same(await ended, [3, null], options.join(' '));
  }
});

test('a program that is continued alone continues the command', async (t) => {
  const [file = '', ...args] = launchWords([
    '--isolate',
    user,
    jail,
    '/bin/bash',
    '-c',
    'kill -STOP $$; exit 5',
  ]);
  const job = spawn(file, args, { detached: true, stdio: 'ignore', cwd: '/', env: commandEnv });
  const { pid = 0 } = job;
  const ended = once(job, 'exit');
  t.ok(await eventually(() => stateOf(pid) === 'T'), 'stopped');
  const [init = 0] = childrenOf(pid);
  const [program = 0] = childrenOf(init);
  process.kill(program, 'SIGCONT');
  t.same(await ended, [5, null]);
});

test('the program cannot stop the command without stopping itself', async (t) => {
  const script = 'kill -CHLD 1; kill -CHLD 0; kill -STOP 1; exit 4';
  const [file = '', ...args] = launchWords(['--isolate', user, jail, '/bin/bash', '-c', script]);
  const job = spawn(file, args, { detached: true, stdio: 'ignore', cwd: '/', env: commandEnv });
  t.same(await once(job, 'exit'), [4, null]);
});
