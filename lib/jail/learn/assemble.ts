// The single steps by which a scratch copy is assembled in its namespaces.

import { chmodSync, chownSync, mkdirSync, mkdtempSync, statSync, symlinkSync, writeFileSync } from 'node:fs';

import { bytePath, lastComponent, parentPath, pathBytes } from '../../binary/path.ts';
import { openFileRoot } from '../../binary/root.ts';
import { JailError } from '../../errors.ts';
import { native } from '../../native.ts';
import { CHARACTER_DEVICE, DESCRIPTOR_LINKS, DEVICES } from '../host/devices.ts';
import type { Namespaces } from './namespace.ts';
import { lastLine, type Tools } from './tool.ts';

/** A copy that is being assembled. Paths are those of the namespaces. */
export interface Assembly {
  readonly tools: Tools;
  readonly namespaces: Namespaces;
  /** A tmpfs that only root may search, for the upper layers and the copy itself. */
  readonly base: string;
  /** The root directory of the copy. */
  readonly root: string;
}

/** The same path for this process. */
function here({ namespaces }: Assembly, path: string): string {
  return `${namespaces.root}${path}`;
}

/** Mounts a new file system; in the copy its directory is made if need be. */
export async function mountNew(
  assembly: Assembly,
  type: string,
  options: string,
  path: string,
): Promise<void> {
  if (path.startsWith(`${assembly.root}/`)) mkdirSync(here(assembly, path), { recursive: true });
  await runMount(assembly, ['-t', type, '-o', options, type, path]);
}

/**
 * Shows the file system at `path` of the host in the copy through an overlay (Documentation/filesystems/overlayfs.rst of the
 * kernel), with the `flags` that its mount has. Devices on it do not work, and set-user-ID means nothing, as in a jail.
 */
export async function addLayer(assembly: Assembly, path: string, flags: ReadonlySet<string>): Promise<void> {
  const { base, root } = assembly;
  const layer = mkdtempSync(here(assembly, `${base}/layer-`)).slice(here(assembly, '').length);
  const [upper, work] = [`${layer}/upper`, `${layer}/work`];
  for (const directory of [upper, work]) mkdirSync(here(assembly, directory));
  // the top directory of an overlay is that of its upper layer
  const { mode, uid, gid } = statSync(here(assembly, path));
  chownSync(here(assembly, upper), uid, gid);
  chmodSync(here(assembly, upper), mode & 0o7777);
  const kept = ['ro', 'noexec'].filter((flag) => flags.has(flag));
  const options = [`lowerdir=${path}`, `upperdir=${upper}`, `workdir=${work}`, 'nosuid', 'nodev', ...kept];
  const target = path === '/' ? root : `${root}${path}`;
  if (path === '/') mkdirSync(here(assembly, root));
  await runMount(assembly, ['-t', 'overlay', '-o', options.join(','), 'overlay', target]);
}

/** Shows a single file that is mounted on the host; it cannot be written to. */
export async function bindFile(assembly: Assembly, path: string): Promise<void> {
  await runMount(assembly, ['-o', 'bind,ro', path, `${assembly.root}${path}`]);
}

/** From now on nothing can be written there. */
export async function makeReadOnly(assembly: Assembly, path: string): Promise<void> {
  await runMount(assembly, ['-o', 'remount,bind,ro', path]);
}

async function runMount({ tools, namespaces }: Assembly, options: readonly string[]): Promise<void> {
  // no helper program of a file system, and no line in an old-fashioned /etc/mtab, which is the host's
  const { status, stderr } = await namespaces.run([tools.mount, '-i', '-n', ...options]);
  if (status === 0) return;
  throw new JailError(`a scratch copy of the host cannot be made here: ${lastLine(stderr)}`, {
    code: 'ERR_SCRATCH',
    hint: 'it takes CAP_SYS_ADMIN and overlayfs: run this on the host, or in a privileged container',
  });
}

/** Makes a device or a fifo, with exactly this mode. */
export function addNode(assembly: Assembly, path: string, mode: number, major = 0, minor = 0): void {
  const directory = openFileRoot(here(assembly, parentPath(bytePath(path))));
  try {
    const name = pathBytes(lastComponent(bytePath(path)));
    native.inRootMknod(directory.fd, name, mode, major, minor);
  } finally {
    directory.close();
  }
}

const LINKS = [...DESCRIPTOR_LINKS, ['ptmx', 'pts/ptmx']] as const;

/** A new /dev: no disk that a user's group lets him write to, no /dev/log, no shared memory of the host's. */
export async function addDevices(assembly: Assembly, path: string): Promise<void> {
  await mountNew(assembly, 'tmpfs', 'mode=0755,size=10%,nosuid,noexec', path);
  for (const [name, major, minor] of DEVICES)
    addNode(assembly, `${path}/${name}`, CHARACTER_DEVICE | 0o666, major, minor);
  for (const [name, target] of LINKS) symlinkSync(target, here(assembly, `${path}/${name}`));
  const options = 'newinstance,ptmxmode=0666,mode=0620,nosuid,noexec';
  await mountNew(assembly, 'devpts', options, `${path}/pts`);
  const shm = here(assembly, `${path}/shm`);
  mkdirSync(shm);
  chmodSync(shm, 0o1777);
}

/** Brings the loopback device of the new network up, through its sysfs, and lets everybody bind all ports. */
export async function openNetwork({ tools, namespaces }: Assembly, sysfs: string): Promise<void> {
  const IFF_UP_LOOPBACK = '0x9'; // netdevice(7)
  writeFileSync(`${namespaces.root}${sysfs}/class/net/lo/flags`, IFF_UP_LOOPBACK);
  // A daemon gets its port by a capability or from its parent in a jail; here it has neither. Before Linux 4.11 there
  // is no such file, and the bind fails as it would on the host (ip(7) ip_unprivileged_port_start).
  await namespaces.run([tools.tee, '/proc/sys/net/ipv4/ip_unprivileged_port_start'], '0');
}
