// Tells a process from another one that has got its pid.
import { readFileSync } from 'node:fs';
import { lookOr } from '../../words/system-error.ts';

// At once: Node leaves the descriptor of a read that is under way open if its worker is terminated.
const statOf = (pid: number | 'self'): string =>
  lookOr('', () => readFileSync(`/proc/${pid}/stat`, 'latin1')); // it has ended, or cannot be seen

/** When a process was started, in ticks since the boot: field 22, after the name, which can contain anything (proc_pid_stat(5)). */
export function startOf(pid: number | 'self'): string | undefined {
  const stat = statOf(pid);
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
}

/** Whether the process with this start time has ended. False if this cannot be read (proc(5), hidepid; EMFILE). */
export function hasEnded(pid: number, start: string | undefined): boolean {
  const now = startOf(pid);
  if (now !== undefined) return now !== start;
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}
