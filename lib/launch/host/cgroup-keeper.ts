// A process that is killed by SIGKILL cannot remove the cgroups of its launches. A shell waits for its end, and removes them.
import { spawn } from 'node:child_process';
import type { Socket } from 'node:net';

import { startOf } from './process-start.ts';

// Its standard input ends with the process, or with the worker thread that has started it. A program that goes on keeps its cgroup: then
// it looks again, until the program has ended. A cgroup that is empty and stays is left to the next start: a program has made others in
// it. Field 22 of /proc/PID/stat tells a process from another one with its pid (proc_pid_stat(5)).
const script = `
pid=$1 start=$2 prefix=$3
shift 3
ended() {
  read -r stat <"/proc/$pid/stat" || return 0
  set -- \${stat##*)}
  [ "$1" = Z ] || [ "\${20}" != "$start" ]
}
exec 2>/dev/null
read -r line
# descriptors are closed a moment before the end
for try in 1 2 3 4 5; do ended || sleep 0.01; done
until ended; do sleep 1; done
tries=3
while [ "$tries" -gt 0 ]; do
  tries=$((tries - 1)) found=
  for base do
    cd "$base" || continue
    for group in "$prefix"-*; do
      [ -d "$group" ] || continue
      rmdir "$group" && continue
      found=1
      read -r line <"$group/cgroup.procs" && tries=3
    done
  done
  [ "$found" ] || exit 0
  sleep 1
done
`;

let pid: number | undefined;

/** The pid of the shell; undefined if there is none. */
export const keeperPid = (): number | undefined => pid;

/** Starts the shell. @param directories where the cgroups are made @param prefix how their names begin */
export function startKeeper(directories: readonly string[], prefix: string): void {
  const words = [String(process.pid), startOf('self') ?? '', prefix, ...directories];
  const child = spawn('/bin/sh', ['-c', script, 'uchroot-keeper', ...words], {
    cwd: '/',
    // a session of its own: a signal for the process group, such as Ctrl-C, does not end it
    detached: true,
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  pid = child.pid;
  child.once('exit', () => (pid = undefined));
  // without a shell, the next start removes the cgroups
  child.once('error', () => undefined);
  child.stdin.on('error', () => undefined);
  child.unref();
  (child.stdin as Socket).unref();
}
