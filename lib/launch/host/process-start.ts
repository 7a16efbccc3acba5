// Tells a process from another one that has got its pid.
import { readFile } from 'node:fs/promises';

/** When a process was started, in ticks since the boot: field 22, behind a name that can contain anything (proc_pid_stat(5)). */
export async function startOf(pid: number | 'self'): Promise<string | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => '');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
}

/** Whether the process that was started then has ended. Not everything of a live one can always be read (proc(5), hidepid; EMFILE). */
export async function hasEnded(pid: number, start: string | undefined): Promise<boolean> {
  const now = await startOf(pid);
  if (now !== undefined) return now !== start;
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}
