// A machine of its own for the tests of units: systemd as the first process of a container, on the Debian system that
// the tests run on. Its root directory is a copy in memory that is gone with it.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';

import { packageDirectory, searchPath, temporaryDirectory, type Ended } from './launch.ts';
import { unlessInstalled, unlessRoot } from './root.ts';
import { sanitized } from './sanitizer.ts';

/** The reason why there can be no machine with these tools here, or false. */
export function unlessMachine(...tools: readonly string[]): string | false {
  return (
    unlessRoot() ||
    unlessInstalled('systemd-nspawn', 'nsenter', 'setpriv', ...tools) ||
    // what systemd starts finds no runtime to be preloaded
    (sanitized && 'the sanitized build preloads its runtime')
  );
}

export interface Machine {
  /** Runs a program in the machine to its end, as root. */
  run(words: readonly string[], options?: { readonly input?: string | Buffer }): Ended;
  /** The same for one line of a shell. */
  shell(line: string): Ended;
  /** Answers what a line of a shell prints, as soon as it prints something that matches; fails after half a minute. */
  until(line: string, pattern: RegExp): Promise<string>;
  /** Boots it anew, with the files that it has. */
  reboot(): Promise<void>;
  /** Ends everything in it. */
  stop(): Promise<void>;
}

// A cgroup of its own, in the second version's hierarchy: where the host has the first one mounted, systemd declines.
// The root directory: what the host has, and on top of it what is written here. A machine id, or systemd would ask
// for one. Nothing that the host has enabled, which would be started too. nspawn makes all else, and answers with 133
// when a reboot is asked for.
const boot = `
set -e
mount -t cgroup2 none /sys/fs/cgroup
mkdir "/sys/fs/cgroup/$2"
echo 0 >"/sys/fs/cgroup/$2/cgroup.procs"
mount -t tmpfs none "$1"
mkdir "$1/upper" "$1/work" "$1/root"
if [ -n "$TEST_ROOT" ]; then
  mount -t overlay -o "lowerdir=$TEST_ROOT,upperdir=$1/upper,workdir=$1/work" none "$1/root"
else
  mount -t overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" none "$1/root"
fi
mount -t tmpfs none "$1/root/srv"
chmod 0755 "$1/root/srv"
echo "$3" >"$1/root/etc/machine-id"
rm -rf "$1/root/etc/fstab" "$1/root/etc/systemd/system/"*.wants
status=133
while [ $status = 133 ]; do
  status=0
  unshare --cgroup systemd-nspawn --quiet --directory="$1/root" --uuid="$3" --machine="$2" --link-journal=no \\
    --register=no --keep-unit --console=pipe --private-network --bind-ro="$4" --bind-ro="$5" \\
    --boot systemd.unit=multi-user.target || status=$?
done
exit $status
`;

function childrenOf(pid: number): readonly number[] {
  try {
    const lists = readdirSync(`/proc/${pid}/task`).map((task) =>
      readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8'),
    );
    return lists.join(' ').split(' ').filter(Boolean).map(Number);
  } catch {
    return []; // it has ended
  }
}

function descendant(pid: number, isIt: (pid: number) => boolean): number | undefined {
  for (const child of childrenOf(pid)) {
    const found = isIt(child) ? child : descendant(child, isIt);
    if (found !== undefined) return found;
  }
  return undefined;
}

const programOf = (pid: number): string => {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
  } catch {
    return '';
  }
};

// systemd, when it listens to systemctl.
const isFirst = (pid: number): boolean =>
  programOf(pid) === 'systemd' && existsSync(`/proc/${pid}/root/run/systemd/private`);

/** Boots a machine, and answers when all is started that is to be. */
export async function bootMachine(): Promise<Machine> {
  const directory = temporaryDirectory();
  const name = `uchroot-test-${process.pid}`;
  mkdirSync(`${directory}/machine`);
  const words = ['sh', '-c', boot, 'sh', `${directory}/machine`, name, randomUUID().replaceAll('-', '')];
  // Whatever ends this process ends the machine: pdeathsig reaches unshare, and that the first process of a pid
  // namespace, with which all others end.
  const child = spawn(
    'setpriv',
    [
      '--pdeathsig',
      'KILL',
      'unshare',
      '--mount',
      '--pid',
      '--fork',
      '--kill-child',
      '--mount-proc',
      ...words,
      packageDirectory,
      process.execPath,
    ],
    { env: { PATH: searchPath, TEST_ROOT: process.env.TEST_ROOT ?? '' }, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (said += String(chunk)));
  const closed = once(child, 'close');

  let first: number | undefined;
  const booted = async (): Promise<void> => {
    const before = first;
    first = undefined;
    for (let i = 0; first === undefined && i < 300 && child.exitCode === null; i++) {
      await sleep(100);
      first = descendant(child.pid ?? 0, (pid) => pid !== before && isFirst(pid));
    }
    if (first === undefined) throw new Error(`the machine does not boot: ${said}`);
    await machine.until('systemctl is-system-running --wait', /running|degraded/);
  };

  const machine: Machine = {
    run: (argv, { input = '' } = {}) => {
      const enter = ['--target', String(first), '--all', '--wdns=/', '--', ...argv];
      const { status, signal, stdout, stderr, output, error } = spawnSync('nsenter', enter, {
        env: { PATH: searchPath },
        input,
        timeout: 60_000,
        maxBuffer: 64 * 2 ** 20,
      });
      if (error !== undefined && status === null) throw error;
      return { status, signal, stdout: String(stdout), stderr: String(stderr), output };
    },
    shell: (line) => machine.run(['sh', '-c', line]),
    until: async (line, pattern) => {
      let last = '';
      for (let i = 0; i < 300; i++) {
        const { stdout, stderr } = machine.shell(line);
        last = stdout + stderr;
        if (pattern.test(last)) return last;
        await sleep(100);
      }
      throw new Error(`${line}: no ${pattern} in: ${last}`);
    },
    reboot: async () => {
      machine.run(['systemctl', 'reboot', '--force']);
      await booted();
    },
    stop: async () => {
      child.kill('SIGKILL');
      await closed;
      await removeCgroup(name);
    },
  };
  await booted();
  return machine;
}

// The last of its processes is gone a moment after the first.
async function removeCgroup(name: string): Promise<void> {
  // where cgroup2 is on this host; mounted at the usual place, or beside the first version
  const line = readFileSync('/proc/self/mounts', 'utf8').match(/^\S+ (\S+) cgroup2 /m);
  const top = `${line?.[1] ?? '/sys/fs/cgroup'}/${name}`;
  for (let i = 0; existsSync(top) && i < 50; i++) {
    spawnSync('find', [top, '-depth', '-type', 'd', '-delete']);
    await sleep(50);
  }
}
