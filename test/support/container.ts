// Containers as Docker, Podman and Kubernetes make them: their capabilities, their filter's answers to forbidden calls, a masked /proc.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

import {
  command,
  oddCaller,
  packageDirectory,
  searchPath,
  start,
  temporaryDirectory,
  type Ended,
} from './launch.ts';
import { sanitizerEnv } from './sanitizer.ts';

/** The capabilities that `docker run` gives without --cap-add. */
export const dockerCapabilities: readonly string[] = [
  'chown',
  'dac_override',
  'fowner',
  'fsetid',
  'kill',
  'setgid',
  'setuid',
  'setpcap',
  'net_bind_service',
  'net_raw',
  'sys_chroot',
  'mknod',
  'audit_write',
  'setfcap',
];

/** Words to put before a command: root has only these capabilities, and a seccomp filter refuses keyctl and mount. */
export function asInDocker(capabilities: readonly string[] = dockerCapabilities): readonly string[] {
  const bounding = ['-all', ...capabilities.map((name) => `+${name}`)].join(',');
  return [...oddCaller('filter'), 'setpriv', '--bounding-set', bounding, '--inh-caps', '-all'];
}

/** The capabilities that `podman run` gives. */
export const podmanCapabilities: readonly string[] = dockerCapabilities.filter(
  (name) => !['net_raw', 'mknod', 'audit_write'].includes(name),
);

/** A filter of system calls as OCI runtimes take it. */
export interface OciFilter {
  readonly defaultAction: string;
  readonly defaultErrnoRet?: number;
  readonly architectures?: readonly string[];
  readonly syscalls: readonly object[];
}

/** What a container is given. */
export interface Container {
  readonly uid: number;
  readonly capabilities: readonly string[];
  readonly noNewPrivileges: boolean;
  readonly filter: OciFilter;
  /** Parts of /proc are hidden, as engines do it (opencontainers/runtime-spec, "Masked Paths"). */
  readonly isMasked: boolean;
}

interface Rule {
  readonly names: readonly string[];
  readonly action: string;
  readonly args?: readonly object[];
  readonly errnoRet?: number;
  readonly includes?: Conditions;
  readonly excludes?: Conditions;
}
interface Conditions {
  readonly caps?: readonly string[];
  readonly arches?: readonly string[];
}

/** A profile in the format of docker and podman. */
export interface EngineProfile {
  readonly defaultAction: string;
  readonly defaultErrnoRet?: number;
  readonly syscalls: readonly Rule[];
}

const architecture = process.arch === 'x64' ? 'amd64' : 'arm64';

/** What an engine makes of a profile for a container with these capabilities. Its kernel is newer than all that a profile names. */
export function filterOf(profile: EngineProfile, capabilities: readonly string[]): OciFilter {
  const has = (name: string): boolean => capabilities.includes(name.slice('CAP_'.length).toLowerCase());
  // crun skips keys that it does not know, such as these conditions.
  const syscalls = profile.syscalls.filter(({ includes = {}, excludes = {} }) => {
    const isFor = includes.arches?.includes(architecture) ?? true;
    const isNotFor = excludes.arches?.includes(architecture) ?? false;
    return isFor && !isNotFor && (includes.caps ?? []).every(has) && !(excludes.caps ?? []).some(has);
  });
  const { defaultAction, defaultErrnoRet } = profile;
  return { defaultAction, ...(defaultErrnoRet === undefined ? {} : { defaultErrnoRet }), syscalls };
}

/** A filter that allows all calls but these, which answer with an errno. */
export function refusing(errno: number, names: readonly string[]): OciFilter {
  const syscalls = [{ names, action: 'SCMP_ACT_ERRNO', errnoRet: errno }];
  return { defaultAction: 'SCMP_ACT_ALLOW', syscalls };
}

function bind(path: string, access: 'ro' | 'rw'): Record<string, unknown> {
  return { source: path, destination: path, type: 'bind', options: ['rbind', access] };
}

// The host's programs, read-only, and the jail.
function mounts(jail: string): Record<string, unknown>[] {
  const system = ['/usr', '/bin', '/lib', '/lib64', '/etc'].filter((path) => existsSync(path));
  const own = [dirname(process.execPath), packageDirectory].filter(
    (path) => !system.some((above) => path === above || path.startsWith(`${above}/`)),
  );
  return [...[...system, ...own].map((path) => bind(path, 'ro')), bind(jail, 'rw')];
}

const masks = {
  maskedPaths: ['/proc/acpi', '/proc/kcore', '/proc/keys', '/proc/timer_list', '/proc/scsi'],
  readonlyPaths: ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'],
};

function specOf(jail: string, container: Container, words: readonly string[]): object {
  const { uid, capabilities, noNewPrivileges, filter, isMasked } = container;
  const names = capabilities.map((name) => `CAP_${name.toUpperCase()}`);
  const live = uid === 0 ? names : [];
  return {
    ociVersion: '1.0.0',
    process: {
      terminal: false,
      user: { uid, gid: uid },
      args: words,
      env: Object.entries({ PATH: searchPath, ...sanitizerEnv }).map(([name, value]) => `${name}=${value}`),
      cwd: '/',
      capabilities: { bounding: names, effective: live, permitted: live },
      noNewPrivileges,
    },
    root: { path: 'rootfs', readonly: false },
    mounts: [
      { destination: '/proc', type: 'proc', source: 'proc' },
      { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'mode=755'] },
      ...mounts(jail),
    ],
    linux: {
      namespaces: ['pid', 'ipc', 'uts', 'mount'].map((type) => ({ type })),
      seccomp: filter,
      ...(isMasked ? masks : {}),
    },
  };
}

// crun refuses to run if both versions of cgroups are mounted, although it is told to leave them alone.
const withoutCgroups = [
  'unshare',
  '--mount',
  'sh',
  '-c',
  'mount -t tmpfs none /sys/fs/cgroup && exec "$@"',
  'sh',
];

let containers = 0;

/** Runs a program to its end in a real container, with `crun`. The jail has the same path there. */
export function runContainer(jail: string, container: Container, words: readonly string[]): Ended {
  const bundle = temporaryDirectory();
  const state = temporaryDirectory();
  mkdirSync(`${bundle}/rootfs`, { mode: 0o755 });
  writeFileSync(`${bundle}/config.json`, JSON.stringify(specOf(jail, container, words)));
  const crun = ['crun', '--root', state, '--cgroup-manager', 'disabled'];
  const id = `uchroot-test-${process.pid}-${++containers}`;
  return start([...crun, 'run', '--bundle', bundle, id], { by: withoutCgroups });
}

/** Runs the command in an ordinary container of Docker. */
export function inContainer(jail: string, args: readonly string[]): Ended {
  const filter = refusing(1, ['keyctl', 'add_key', 'request_key', 'mount', 'unshare', 'setns']);
  const container = {
    uid: 0,
    capabilities: dockerCapabilities,
    noNewPrivileges: false,
    filter,
    isMasked: false,
  };
  return runContainer(jail, container, [...command, ...args]);
}
