// An ordinary Docker container: its default capabilities, and its filter's answers to forbidden calls.
import { spawnSync } from 'node:child_process';
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

interface Spec {
  ociVersion: string;
  process: Record<string, unknown>;
  root: Record<string, unknown>;
  mounts: Record<string, unknown>[];
  linux: Record<string, unknown>;
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

// crun refuses to run if both versions of cgroups are mounted, although it is told to leave them alone.
const withoutCgroups = [
  'unshare',
  '--mount',
  'sh',
  '-c',
  'mount -t tmpfs none /sys/fs/cgroup && exec "$@"',
  'sh',
];

/** Runs the command in a real container, with `crun`. The jail has the same path there. */
export function inContainer(jail: string, args: readonly string[]): Ended {
  const bundle = temporaryDirectory();
  const state = temporaryDirectory();
  mkdirSync(`${bundle}/rootfs`, { mode: 0o755 });
  const crun = ['--root', state, '--cgroup-manager', 'disabled'];
  spawnSync('crun', ['spec'], { cwd: bundle });
  const names = dockerCapabilities.map((name) => `CAP_${name.toUpperCase()}`);
  const spec: Spec = {
    ociVersion: '1.0.0',
    process: {
      terminal: false,
      user: { uid: 0, gid: 0 },
      args: [...command, ...args],
      env: Object.entries({ PATH: searchPath, ...sanitizerEnv }).map(([name, value]) => `${name}=${value}`),
      cwd: '/',
      capabilities: { bounding: names, effective: names, permitted: names },
    },
    root: { path: 'rootfs', readonly: false },
    mounts: [
      { destination: '/proc', type: 'proc', source: 'proc' },
      { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'mode=755'] },
      ...mounts(jail),
    ],
    linux: {
      namespaces: ['pid', 'ipc', 'uts', 'mount'].map((type) => ({ type })),
      seccomp: {
        defaultAction: 'SCMP_ACT_ALLOW',
        syscalls: [
          {
            names: ['keyctl', 'add_key', 'request_key', 'mount', 'unshare', 'setns'],
            action: 'SCMP_ACT_ERRNO',
            errnoRet: 1,
          },
        ],
      },
    },
  };
  writeFileSync(`${bundle}/config.json`, JSON.stringify(spec));
  const id = `uchroot-test-${process.pid}`;
  return start(['crun', ...crun, 'run', '--bundle', bundle, id], { by: withoutCgroups });
}
