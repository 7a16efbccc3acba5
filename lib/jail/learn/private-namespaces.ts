// New namespaces, held by a process. When that ends, or this process does, everything that runs in them ends.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

import { JailError } from '../../errors.ts';
import { keepLast, lastLine, runTool, type Tools } from './learning-tools.ts';

export type Namespaces = Awaited<ReturnType<typeof openNamespaces>>;

/**
 * Makes mount, pid, ipc and network namespaces. Their holder is cat(1), the init of the pid
 * namespace, which reads a pipe of this process: however this process ends, the pipe ends, then cat, and the kernel kills all
 * processes of the pid namespace and drops its mounts (pid_namespaces(7)).
 * @throws JailError ERR_SCRATCH if this is not permitted
 */
export async function openNamespaces(tools: Tools) {
  const kinds = ['--mount', '--pid', '--ipc', '--net'];
  const words = [...kinds, '--fork', '--kill-child', '--mount-proc', '--propagation', 'private', tools.cat];
  const holder = spawn(tools.unshare, words, { stdio: 'pipe', env: { LC_ALL: 'C' }, detached: true });
  const stderr = keepLast(holder.stderr, 4096);
  const ended = once(holder, 'close');
  holder.stdin.on('error', () => {});
  holder.stdin.write('\n');
  const answer = await Promise.race([once(holder.stdout, 'data'), ended]);
  if (!Buffer.isBuffer(answer[0])) {
    throw new JailError(`a scratch copy of the host cannot be made here: ${lastLine(stderr())}`, {
      code: 'ERR_SCRATCH',
      hint: 'it takes CAP_SYS_ADMIN and namespaces: run this on the host, or in a privileged container',
    });
  }

  const own = `/proc/${holder.pid}`;
  const pidNamespace = `${own}/ns/pid_for_children`; // unshare itself stays in the old one
  const others = [`--mount=${own}/ns/mnt`, `--ipc=${own}/ns/ipc`, `--net=${own}/ns/net`];
  const enter = [tools.nsenter, ...others, `--pid=${pidNamespace}`, '--'];

  return {
    /** The path of their root directory for this process. */
    root: `${own}/root`,
    /** The words in front of a command that make it run there. */
    enter,
    run: (words: readonly string[], input?: string) => runTool([...enter, ...words], input),
    /** Sends SIGTERM to all processes there that are traced. */
    terminateTraced: () => {
      for (const name of readdirSync('/proc')) if (/^\d+$/.test(name)) terminateTraced(pidNamespace, name);
    },
    /** Ends everything that runs there, and waits for that. */
    close: async () => {
      holder.stdin.end();
      const late = setTimeout(() => holder.kill('SIGKILL'), 5000);
      await ended;
      clearTimeout(late);
    },
  };
}

function terminateTraced(pidNamespace: string, pid: string): void {
  try {
    if (readlinkSync(`/proc/${pid}/ns/pid`) !== readlinkSync(pidNamespace)) return;
    const isTraced = /^TracerPid:\t[1-9]/m.test(readFileSync(`/proc/${pid}/status`, 'latin1'));
    if (isTraced) process.kill(Number(pid), 'SIGTERM');
  } catch {
    // it has ended
  }
}
