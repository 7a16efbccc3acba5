// A process that is killed by SIGKILL cannot remove the cgroups of its launches. A shell waits for its end, and removes them.
import { cgroupPlaces, setKeeper } from '../host/cgroup.ts';
import { startOf } from '../host/process-start.ts';
import { ignored, piped } from '../request/stdio.ts';
import { startPlain } from './host-program.ts';

// Its standard input ends with this process. A program that goes on keeps its cgroup: then it looks again, until the program has ended. A
// cgroup that is empty and stays is left to the next start: a program has made others in it. Field 22 of /proc/PID/stat tells a process
// from another one with its pid (proc_pid_stat(5)).
const script = `# removes the cgroups of a process of uchroot when it has ended
pid=$1 start=$2 prefix=$3
shift 3
ended() {
  read -r stat <"/proc/$pid/stat" || return 0
  set -- \${stat##*)}
  [ "$1" = Z ] || [ "\${20}" != "$start" ]
}
exec 2>/dev/null
cd /
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

async function startKeeper(): Promise<void> {
  const { directories, prefix } = await cgroupPlaces();
  const words = [String(process.pid), startOf('self') ?? '', prefix, ...directories];
  const shell = startPlain({
    program: Buffer.from('/bin/sh'),
    argv: ['sh', '-c', script, 'uchroot-keeper', ...words].map((word) => Buffer.from(word)),
    env: [Buffer.from('PATH=/usr/sbin:/usr/bin:/sbin:/bin')],
    stdio: [piped, ignored, ignored],
  });
  setKeeper(await shell.started);
  shell.unref();
  void shell.ended.then(() => setKeeper(undefined));
}

let started: Promise<void> | undefined;

/**
 * Before the first launch with limits, and after its openCgroup(): if this process is killed, its cgroups are removed all the same. The
 * shell of a worker thread ends with the thread, as its programs do. Without a shell, the next process that makes a limited launch removes
 * them. Never rejects.
 */
export const keepCgroups = (): Promise<void> => (started ??= startKeeper().catch(() => undefined));
