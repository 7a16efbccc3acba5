// A copy of the host to write to: every file system is seen through an overlay whose upper layer is memory.

import { closeSync, lstatSync, openSync, readFileSync } from 'node:fs';

import { type BytePath, bytePath, pathBytes, showPath } from '../../binary/path.ts';
import { openFileRoot } from '../../binary/root.ts';
import { walk } from '../../binary/walk.ts';
import { type Mount, readMounts } from '../host/mounts.ts';
import {
  addDevices,
  addLayer,
  addNode,
  type Assembly,
  bindFile,
  makeReadOnly,
  mountNew,
  openNetwork,
} from './assemble.ts';
import { mountsToCopy } from './mount.ts';
import { type Namespaces, openNamespaces } from './namespace.ts';
import type { Tools } from './tool.ts';

/** How a process of the namespaces names a fifo, and its path for this process. */
interface Fifo {
  readonly there: string;
  readonly here: string;
}

export interface Scratch {
  readonly namespaces: Namespaces;
  /** Root directory of the copy, as a process of the namespaces names it. */
  readonly root: string;
  /** For what strace writes, and for what the command writes to stderr; the copy does not show them. */
  readonly fifos: { readonly trace: Fifo; readonly stderr: Fifo };
  readonly warnings: readonly string[];
}

/**
 * Assembles the copy in namespaces of its own, on a tmpfs over /tmp there, so that no directory of the host is needed for it.
 * Its /tmp, /proc, /sys and /dev are new ones. /run is copied like the rest, since programs look for their directories in it;
 * a socket that is seen through an overlay is one that nobody listens on, and no service of the host is reached.
 * The network is a new one too, unless `hostNetwork`: what a command sends cannot be taken back either, its ports are free,
 * and everybody may bind the low ones. What the command writes has to fit into a part of the memory. It ends with
 * `namespaces.close()`, or with this process.
 * @throws JailError ERR_SCRATCH if something of this is refused.
 */
export async function openScratch(tools: Tools, hostNetwork: boolean): Promise<Scratch> {
  const tmp = realPath('/tmp');
  const proc = realPath('/proc');
  const sys = realPath('/sys');
  const dev = realPath('/dev');
  const namespaces = await openNamespaces(tools, hostNetwork);
  const assembly: Assembly = { tools, namespaces, base: tmp, root: `${tmp}/root` };
  const warnings: string[] = [];
  try {
    await mountNew(assembly, 'tmpfs', 'mode=0700,size=40%,nosuid,nodev', tmp);
    await addLayer(assembly, '/', new Set());
    for (const mount of copiedMounts([tmp, proc, sys, dev], warnings)) {
      const refused = await addMount(assembly, mount);
      if (refused !== undefined) warnings.push(leftOut(mount, refused));
    }
    const { root } = assembly;
    await mountNew(assembly, 'tmpfs', 'mode=1777,size=20%,nosuid,nodev', `${root}${tmp}`);
    await mountNew(assembly, 'proc', 'nosuid,nodev,noexec', `${root}${proc}`);
    await mountNew(assembly, 'sysfs', 'nosuid,nodev,noexec', `${root}${sys}`);
    if (!hostNetwork) await openNetwork(assembly, `${root}${sys}`);
    await makeReadOnly(assembly, `${root}${sys}`);
    await addDevices(assembly, `${root}${dev}`);
    const trace = addFifo(assembly, `${tmp}/trace`, 0o600);
    // The command may open /dev/stderr again, which as an ordinary user it could not if it were a pipe of root's.
    const stderr = addFifo(assembly, `${tmp}/stderr`, 0o622);
    return { namespaces, root, fifos: { trace, stderr }, warnings };
  } catch (error) {
    await namespaces.close();
    throw error;
  }
}

function addFifo(assembly: Assembly, path: string, mode: number): Fifo {
  const FIFO = 0o010000;
  addNode(assembly, path, FIFO | mode);
  return { there: path, here: `${assembly.namespaces.root}${path}` };
}

// Without a link in it: a link in the copy would be followed from the root of the host.
function realPath(path: string): BytePath {
  const host = openFileRoot('/');
  try {
    return walk(host, bytePath(path)).path;
  } finally {
    host.close();
  }
}

function copiedMounts(own: readonly BytePath[], warnings: string[]): readonly Mount[] {
  const mounts = readMounts(readFileSync('/proc/self/mountinfo'));
  const { shown, unnamed } = mountsToCopy(mounts, own, isVisible);
  for (const mount of unnamed) warnings.push(leftOut(mount, 'its path has a comma, a colon or the like'));
  return shown;
}

function leftOut({ point }: Mount, why: string): string {
  return `the scratch copy has an empty directory in place of ${showPath(point)}: ${why}`;
}

// What is reached by its path is not another one, mounted there later (fdinfo in proc_pid_fdinfo(5)).
function isVisible({ id, point }: Mount): boolean {
  const O_PATH = 0o10000000;
  try {
    const fd = openSync(pathBytes(point), O_PATH);
    try {
      return new RegExp(`^mnt_id:\\s*${id}$`, 'm').test(readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1'));
    } finally {
      closeSync(fd);
    }
  } catch {
    return false; // a file system of another user's that not even root may look into (fuse(4))
  }
}

// A container has single files mounted, such as /etc/hosts. Other things, such as the socket of a service, stay out.
async function addMount(assembly: Assembly, mount: Mount): Promise<string | undefined> {
  try {
    const status = lstatSync(pathBytes(mount.point));
    if (status.isDirectory()) await addLayer(assembly, mount.point, mount.options);
    else if (status.isFile()) await bindFile(assembly, mount.point);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
