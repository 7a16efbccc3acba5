// Becomes the daemon: this process, without anything of Node's.

import { LaunchError } from '../../errors.ts';
import { encodePlan } from '../../launch/plan/encode.ts';
import { callerInPlace } from '../../launch/start/exec.ts';
import { errnoName, reason } from '../../errno.ts';
import { listenFds } from '../../launch/host/environment.ts';
import type { Step } from '../../launch/plan/step.ts';
import { native } from '../../native.ts';
import { quote } from '../../quote.ts';

/**
 * Executes a program on the host, with the identity, umask and environment that this process has. What Node does to
 * itself is undone: flags of 0 to 2, the limit on descriptors, signals. Returns only by throwing.
 * @throws LaunchError with status 126 or 127
 */
export function becomeProgram(program: Buffer, argv: readonly Buffer[]): never {
  const kept = listenFds(callerInPlace({ keepEnv: true, passEnv: [] }).environment, process.pid);
  const steps: readonly Step[] = [
    // Node has raised the soft limit to the hard one and kept no copy; 1024 is the kernel's default (INR_OPEN_CUR).
    { op: 'setrlimit', resource: 'nofile', limit: { soft: 1024, hard: Infinity }, mode: 'set-soft' },
    { op: 'stdio', fd: 0 },
    { op: 'stdio', fd: 1 },
    { op: 'stdio', fd: 2 },
    { op: 'close_range', first: 3 },
    ...Array.from({ length: kept }, (_, i): Step => ({ op: 'keep_fd', fd: 3 + i })),
    // Node ignores SIGPIPE, which execve keeps (signal(7))
    { op: 'reset_signals' },
    { op: 'execve', program, argv, env: native.environmentEntries() },
  ];
  const { step, errno } = native.execPlan(encodePlan([steps]), -1);
  const call = steps[step]?.op ?? 'launch';
  throw new LaunchError(`cannot execute ${quote(program)}: ${call}: ${reason(errno)}`, {
    step: call,
    code: errnoName(errno),
    errno,
    exitStatus: call !== 'execve' ? 125 : errnoName(errno) === 'ENOENT' ? 127 : 126,
  });
}
