// Options that people know from chroot, sudo, setpriv, bwrap, docker and prlimit, for the hint of an unknown option.
import type { Foreign } from '../nearest.ts';

/** Options that nearly every program has. */
export const usualOptions: Foreign = {
  h: 'help',
  v: 'version',
  V: 'version',
  n: 'plan',
  'dry-run': 'plan',
  verbose: 'leave it out: messages say everything, and --plan shows what would happen',
  debug: 'leave it out: messages say everything, and --plan shows what would happen',
  quiet: 'leave it out: what has succeeded says nothing on standard error',
  yes: 'leave it out: nothing is asked',
  f: 'leave it out: the message says what stands in the way, and what removes it',
  force: 'leave it out: the message says what stands in the way, and what removes it',
};

const isDefault = 'leave it out: this is so by default';

/** For an unknown option of uchroot: the one that is meant, or a hint. */
export const foreignOptions: Foreign = {
  ...usualOptions,
  // chroot(1), env(1), docker(1)
  'skip-chdir': "leave it out: the working directory is the jail's /, and --chdir sets another",
  cwd: 'chdir',
  C: 'chdir',
  D: 'chdir',
  w: 'chdir',
  workdir: 'chdir',
  'working-directory': 'chdir',
  e: 'setenv',
  env: 'setenv',
  'ignore-environment': isDefault,
  i: isDefault,
  volume: 'bind',
  mount: 'bind',
  'cap-add': 'cap',
  'cap-drop': isDefault,
  ulimit: 'rlimit',
  'pids-limit': 'pids',
  m: 'memory',
  cpus: 'cpu',
  network: 'net',
  rm: isDefault,
  t: 'pty',
  tty: 'pty',
  // sudo(8)
  E: 'keep-env',
  'preserve-env': 'keep-env',
  // setpriv(1)
  'keep-groups': 'groups',
  'init-groups': isDefault,
  'inh-caps': 'cap',
  'ambient-caps': 'cap',
  'bounding-set': isDefault,
  'no-new-privs': isDefault,
  nnp: isDefault,
  'reset-env': isDefault,
  pdeathsig: 'die-with-parent',
  // bwrap(1), unshare(1)
  clearenv: isDefault,
  'unshare-all': 'isolate',
  'unshare-net': 'write --unshare net',
  'unshare-pid': 'write --unshare pid',
  'unshare-ipc': 'write --unshare ipc',
  'unshare-uts': 'write --unshare uts',
  'share-net': 'write --net host',
  'cap-ambient': 'cap',
  // prlimit(1)
  nofile: 'write --rlimit nofile=N',
  nproc: 'write --rlimit nproc=N',
  as: 'write --rlimit as=BYTES',
  core: 'write --rlimit core=BYTES',
  // start-stop-daemon(8), systemd
  pidfile: 'pid-file',
  systemd: 'write --unit systemd',
  'memory-max': 'memory',
  timeout: 'time',
  time_limit: 'time',
};
