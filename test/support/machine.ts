// A machine for the tests of units: systemd as the first process of a container, on the Debian system that the tests run on.
// Its root directory is a copy in memory, which is removed with it. It knows fewer packages (packages.ts).
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';

import { packageDirectory, searchPath, temporaryDirectory, withoutProgress, type Ended } from './launch.ts';
import { makePackages } from './packages.ts';
import { eventually, patientMs } from './patience.ts';
import { unlessRoot } from './root.ts';
import { sanitized } from './sanitizer.ts';
import { childrenOf } from './service.ts';

/** The reason why a machine with these tools cannot run here, or false. */
export function unlessMachine(...tools: readonly string[]): string | false {
  return (
    unlessRoot('systemd-nspawn', 'nsenter', 'setpriv', ...tools) ||
    // programs that systemd starts would not find the runtime to preload
    (sanitized && 'the sanitized build preloads its runtime')
  );
}

export interface Machine {
  /** Runs a program in the machine to its end, as root. */
  run(words: readonly string[], options?: { readonly input?: string | Buffer }): Ended;
  /** The same for one line of a shell. */
  shell(line: string): Ended;
  /** The words that start a program in it. */
  enter(words: readonly string[]): readonly string[];
  /** Repeats a line of a shell until its output matches, and returns the output; fails after half a minute. */
  until(line: string, pattern: RegExp): Promise<string>;
  /** Boots it again, with its present files. */
  reboot(): Promise<void>;
  /** Ends everything in it. */
  stop(): Promise<void>;
}

// The machine has its own cgroup, in the second version's hierarchy: systemd refuses to run if the host has the first one
// mounted. The root directory is the host's with an overlay for changes. It has a machine id, because systemd would ask for
// one, and none of the units that the host has enabled, because systemd would start them. nspawn makes all else, and exits
// with 133 if a reboot is asked for.
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
mount --bind "$6" "$1/root/var/lib/dpkg"
echo "$3" >"$1/root/etc/machine-id"
# nothing is to be brought up to date at the first boot
touch "$1/root/etc/.updated" "$1/root/var/.updated"
rm -rf "$1/root/etc/fstab" "$1/root/etc/systemd/system/"*.wants
# Each daemon-reload starts all generators, for twice the time of the rest of it. Only scripts of System V need theirs.
mkdir -p "$1/root/etc/systemd/system-generators"
for path in "$1/root/usr/lib/systemd/system-generators/"*; do
  [ "\${path##*/}" = systemd-sysv-generator ] || ln -s /dev/null "$1/root/etc/systemd/system-generators/\${path##*/}"
done
status=133
while [ $status = 133 ]; do
  status=0
  # The mount of before shows the cgroups of all machines, and nspawn would put each at its top.
  unshare --cgroup sh -c 'mount -t cgroup2 none /sys/fs/cgroup && exec "$@"' sh \\
    systemd-nspawn --quiet --directory="$1/root" --uuid="$3" --machine="$2" --link-journal=no \\
    --register=no --keep-unit --console=pipe --private-network --bind-ro="$4" --bind-ro="$5" \\
    --boot systemd.unit=multi-user.target || status=$?
done
exit $status
`;

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

// Whether this process is systemd and listens to systemctl.
const isFirst = (pid: number): boolean =>
  programOf(pid) === 'systemd' && existsSync(`/proc/${pid}/root/run/systemd/private`);

// The limit and the pause of a wait for something in the machine, in ms.
const HALF_A_MINUTE = [30_000, 100] as const;

/** Boots a machine, and resolves when all its units are started. */
export async function bootMachine(): Promise<Machine> {
  const directory = temporaryDirectory();
  const name = `uchroot-test-${process.pid}`;
  mkdirSync(`${directory}/machine`);
  const system = process.env.TEST_ROOT ?? '';
  const packages = `${directory}/dpkg`;
  makePackages(system, packages);
  const words = ['sh', '-c', boot, 'sh', `${directory}/machine`, name, randomUUID().replaceAll('-', '')];
  // The machine ends with this process, however that ends: pdeathsig kills unshare, unshare kills the first process of the
  // pid namespace, and all other processes end with that one.
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
      packages,
    ],
    { env: { PATH: searchPath, TEST_ROOT: system }, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (said += String(chunk)));
  const closed = once(child, 'close');

  let first: number | undefined;
  const booted = async (): Promise<void> => {
    const before = first;
    first = undefined;
    await eventually(
      () => {
        first = descendant(child.pid ?? 0, (pid) => pid !== before && isFirst(pid));
        return first !== undefined || child.exitCode !== null;
      },
      ...HALF_A_MINUTE,
    );
    if (first === undefined) throw new Error(`the machine does not boot: ${said}`);
    await machine.until('systemctl is-system-running --wait', /running|degraded/);
  };

  const machine: Machine = {
    run: (argv, { input = '' } = {}) => {
      const [file = '', ...words] = machine.enter(argv);
      const { pid, status, signal, stdout, stderr, output, error } = spawnSync(file, words, {
        env: { PATH: searchPath },
        input,
        timeout: patientMs(60_000),
        maxBuffer: 64 * 2 ** 20,
      });
      if (error !== undefined && status === null) throw error;
      return { pid, status, signal, stdout: String(stdout), stderr: withoutProgress(String(stderr)), output };
    },
    enter: (argv) => ['nsenter', '--target', String(first), '--all', '--wdns=/', '--', ...argv],
    shell: (line) => machine.run(['sh', '-c', line]),
    until: async (line, pattern) => {
      let last = '';
      const matches = (): boolean => {
        const { stdout, stderr } = machine.shell(line);
        last = stdout + stderr;
        return pattern.test(last);
      };
      if (await eventually(matches, ...HALF_A_MINUTE)) return last;
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

// Its last process ends a moment after the first.
async function removeCgroup(name: string): Promise<void> {
  // cgroup2 is mounted at the usual place of this host, or beside the first version
  const line = readFileSync('/proc/self/mounts', 'utf8').match(/^\S+ (\S+) cgroup2 /m);
  const top = `${line?.[1] ?? '/sys/fs/cgroup'}/${name}`;
  const isGone = (): boolean => {
    spawnSync('find', [top, '-depth', '-type', 'd', '-delete']);
    return !existsSync(top);
  };
  if (existsSync(top)) await eventually(isGone, 2500, 50);
}
