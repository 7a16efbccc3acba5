// Options of other programs that have one counterpart here, for the hint of an unknown option.
import { pairs, type Foreign } from '../../words/nearest.ts';
import { words } from '../../words/word-list.ts';

/** Options that nearly every program has. */
export const usualOptions: Foreign = {
  ...pairs('h:help v:version V:version n:plan dry-run:plan'),
  json: 'write --format json',
};

/** For an unknown option of uchroot: the option that is meant, or what to write. */
export const foreignOptions: Foreign = {
  ...usualOptions,
  // chroot(1), env(1), sudo(8), setpriv(1), prlimit(1), start-stop-daemon(8)
  ...pairs(`cwd:chdir C:chdir wd:chdir preserve-env:keep-env E:keep-env inh-caps:cap ambient-caps:cap pdeathsig:die-with-parent
    pidfile:pid-file timeout:time`),
  ...Object.fromEntries(
    words('userspec user u uid reuid group g gid regid run-as-user runAsUser').map((name) => [
      name,
      'user and group are a word: uchroot [OPTION]... USER[:GROUP] DIRECTORY PROGRAM',
    ]),
  ),
  nofile: 'write --rlimit nofile=N',
  nproc: 'write --rlimit nproc=N',
  as: 'write --rlimit as=BYTES',
  core: 'write --rlimit core=BYTES',
  // docker-run(1), podman-run(1)
  ...pairs(`w:chdir workdir:chdir working-directory:chdir e:setenv env:setenv env-host:keep-env group-add:groups cap-add:cap
    ulimit:rlimit pids-limit:pids m:memory mem:memory memory-limit:memory memory-swap:swap cpus:cpu cpuset-cpus:affinity blkio-weight:io-weight
    oom-score:oom-score-adj network:net t:pty tty:pty it:pty ti:pty interactive:pty cidfile:pid-file uts:hostname domainname:hostname
    read-only-root:read-only read-only-rootfs:read-only readonly:read-only preserve-fd:preserve-fds bind-ro:ro-bind security-opt:seccomp`),
  v: 'write --version, or what docker calls -v: --isolate --bind SOURCE:DEST',
  volume: 'write --isolate --bind SOURCE:DEST',
  mount: 'write --isolate --bind SOURCE:DEST',
  rm: 'write --isolate --ephemeral',
  'storage-opt': 'write --isolate --ephemeral',
  'shm-size': 'write --isolate --tmpfs /dev/shm:size=64M',
  device: 'write --isolate --bind /dev/fuse',
  // Kubernetes
  ...pairs('fsGroup:groups readOnlyRootFilesystem:read-only'),
  // systemd-run(1), systemd-nspawn(1)
  ...pairs(`M:hostname machine:hostname capability:cap cpu-affinity:affinity kill-child:die-with-parent setgroups:groups memory-max:memory
    MemoryMax:memory MemorySwapMax:swap TasksMax:pids IOWeight:io-weight RuntimeMaxSec:time Nice:nice UMask:umask WorkingDirectory:chdir
    Environment:setenv PassEnvironment:pass-env CPUAffinity:affinity OOMScoreAdjust:oom-score-adj PIDFile:pid-file`),
  volatile: 'write --isolate --ephemeral',
  property: 'the limits are --memory, --swap, --cpu, --pids and --rlimit',
  // bwrap(1), unshare(1)
  ...pairs(`unshare-all:isolate unshare-user:isolate unshare-cgroup:isolate bind-try:bind ro-bind-try:ro-bind remount-ro:read-only tmp-overlay:ephemeral
    overlay:ephemeral json-status-fd:status-fd info-fd:status-fd cap-ambient:cap`),
  'unshare-net': 'write --unshare net',
  'unshare-pid': 'write --unshare pid',
  'unshare-ipc': 'write --unshare ipc',
  'unshare-uts': 'write --unshare uts',
  'share-net': 'write --isolate --net host',
  'mount-proc': 'write --isolate --proc /proc',
  'dev-bind': 'write --isolate --dev /dev',
  'map-root-user': 'write --rootless, with the user root',
  perms: 'write --isolate --tmpfs /tmp:mode=1777',
  size: 'write --isolate --tmpfs /tmp:size=64M',
  // nsjail(1), firejail(1)
  ...pairs(`time_limit:time T:tmpfs tmpfsmount:tmpfs cgroup_mem_max:memory cgroup_pids_max:pids rlimit_cpu:cpu-time keep_env:keep-env
    caps.keep:cap nogroups:clear-groups`),
  bindmount: 'write --isolate --bind SOURCE:DEST',
  bindmount_ro: 'write --isolate --ro-bind SOURCE:DEST',
  private: 'write --isolate --ephemeral',
  'private-tmp': 'write --isolate --tmpfs /tmp',
  'private-dev': 'write --isolate --dev /dev',
};
