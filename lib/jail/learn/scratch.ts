// A copy of the host to write to: every file system is seen through an overlay whose upper layer is in memory.

import {
  chmodSync,
  chownSync,
  closeSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';

import {
  type BytePath,
  bytePath,
  isWithin,
  lastComponent,
  parentPath,
  pathBytes,
  showPath,
} from '../../tree/path.ts';
import { type FileRoot, O_PATH, openFileRoot } from '../../tree/root.ts';
import { walk } from '../../tree/walk.ts';
import { JailError } from '../../errors.ts';
import { native } from '../../native.ts';
import { wordSet } from '../../words/word-list.ts';
import { CHARACTER_DEVICE, DESCRIPTOR_LINKS, DEVICES } from '../host/devices.ts';
import { type Mount, readMounts } from '../../tree/mountinfo.ts';
import { type Namespaces, openNamespaces } from './private-namespaces.ts';
import { lastLine, type Tools } from './learning-tools.ts';

/** `root`: the root directory of the copy, as processes of the namespaces see it. */
export type Scratch = Awaited<ReturnType<typeof openScratch>>;

/**
 * Assembles the copy in namespaces of its own, on a tmpfs over /tmp there, so that it needs no directory of the host. It has new
 * /tmp, /proc, /sys and /dev. /run is copied, since programs look for their directories in it; nobody listens on a socket that is
 * seen through an overlay, so no service of the host is reached. The network is new too: what a command
 * sends cannot be undone; its ports are free, and everybody may bind low ones. What the command writes is limited to a part of
 * the memory. The copy ends with `namespaces.close()`, or with this process.
 * @throws JailError ERR_SCRATCH if the kernel refuses something of this
 */
export async function openScratch(host: FileRoot, tools: Tools) {
  // links are resolved now: in the copy, they would be followed from the root directory of the host
  const realPath = (path: string) => walk(host, bytePath(path)).path;
  const [tmp, proc, sys, dev] = [realPath('/tmp'), realPath('/proc'), realPath('/sys'), realPath('/dev')];
  const namespaces = await openNamespaces(tools);
  const copy = new Assembly(tools, namespaces, tmp);
  const { root } = copy;
  const warnings: string[] = [];
  try {
    await copy.mountNew('tmpfs', 'mode=0700,size=40%,nosuid,nodev', tmp);
    await copy.addLayer(bytePath('/'), new Set());
    for (const mount of copiedMounts([tmp, proc, sys, dev], warnings)) {
      const refused = await addMount(copy, mount);
      if (refused !== undefined) warnings.push(leftOut(mount, refused));
    }
    await copy.mountNew('tmpfs', 'mode=1777,size=20%,nosuid,nodev', `${root}${tmp}`);
    await copy.mountNew('proc', 'nosuid,nodev,noexec', `${root}${proc}`);
    await copy.mountNew('sysfs', 'nosuid,nodev,noexec', `${root}${sys}`);
    await copy.openNetwork(`${root}${sys}`);
    await copy.makeReadOnly(`${root}${sys}`);
    await copy.addDevices(`${root}${dev}`);
    // fifos for the output of strace and the standard error of the command; they do not lie in the copy
    const trace = copy.addFifo(`${tmp}/trace`, 0o600);
    // everybody may write to it: the command may open /dev/stderr again
    const stderr = copy.addFifo(`${tmp}/stderr`, 0o622);
    return { namespaces, root, fifos: { trace, stderr }, warnings };
  } catch (error) {
    await namespaces.close();
    throw error;
  }
}

function leftOut({ point }: Mount, why: string): string {
  return `the scratch copy has an empty directory in place of ${showPath(point)}: ${why}`;
}

// In a container, single files such as /etc/hosts are mounted. Other mounts, such as the socket of a service, are left out.
async function addMount(copy: Assembly, mount: Mount): Promise<string | undefined> {
  try {
    const status = lstatSync(pathBytes(mount.point));
    if (status.isDirectory()) await copy.addLayer(mount.point, mount.options);
    else if (status.isFile()) await copy.bindFile(mount.point);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

const LINKS = [...DESCRIPTOR_LINKS, ['ptmx', 'pts/ptmx']] as const;

/** The steps by which a copy is assembled. Paths are those of the namespaces. */
class Assembly {
  /** The root directory of the copy. */
  readonly root: string;
  readonly #tools: Tools;
  readonly #namespaces: Namespaces;
  readonly #base: string;

  /** `base`: a tmpfs that only root may search, for the upper layers and the copy itself. */
  constructor(tools: Tools, namespaces: Namespaces, base: string) {
    this.#tools = tools;
    this.#namespaces = namespaces;
    this.#base = base;
    this.root = `${base}/root`;
  }

  /** The same path for this process. */
  #here(path: string): string {
    return `${this.#namespaces.root}${path}`;
  }

  /** Mounts a new file system; a mount point in the copy is made if it does not exist. */
  async mountNew(type: string, options: string, path: string): Promise<void> {
    if (path.startsWith(`${this.root}/`)) mkdirSync(this.#here(path), { recursive: true });
    await this.#mount(['-t', type, '-o', options, type, path]);
  }

  /**
   * Shows the file system at `path` of the host in the copy through an overlay (Documentation/filesystems/overlayfs.rst), with
   * the `flags` of its mount. Devices and set-user-ID bits have no effect, as in a jail.
   */
  async addLayer(path: BytePath, flags: ReadonlySet<string>): Promise<void> {
    const layer = mkdtempSync(this.#here(`${this.#base}/layer-`)).slice(this.#here('').length);
    const [upper, work] = [`${layer}/upper`, `${layer}/work`];
    for (const directory of [upper, work]) mkdirSync(this.#here(directory));
    // the upper layer gives the top directory its owner and mode
    const { mode, uid, gid } = statSync(this.#here(path));
    chownSync(this.#here(upper), uid, gid);
    chmodSync(this.#here(upper), mode & 0o7777);
    const kept = ['ro', 'noexec'].filter((flag) => flags.has(flag));
    const options = [`lowerdir=${path}`, `upperdir=${upper}`, `workdir=${work}`, 'nosuid', 'nodev', ...kept];
    const target = path === '/' ? this.root : `${this.root}${path}`;
    if (path === '/') mkdirSync(this.#here(target));
    await this.#mount(['-t', 'overlay', '-o', options.join(','), 'overlay', target]);
  }

  /** Shows a single file that is mounted on the host, read-only. */
  bindFile(path: BytePath): Promise<void> {
    return this.#mount(['-o', 'bind,ro', path, `${this.root}${path}`]);
  }

  makeReadOnly(path: string): Promise<void> {
    return this.#mount(['-o', 'remount,bind,ro', path]);
  }

  async #mount(options: readonly string[]): Promise<void> {
    // without helper programs of file systems, and without writing to an old /etc/mtab, which is the host's
    const { status, stderr } = await this.#namespaces.run([this.#tools.mount, '-i', '-n', ...options]);
    if (status === 0) return;
    throw new JailError(`a scratch copy of the host cannot be made here: ${lastLine(stderr)}`, {
      code: 'ERR_SCRATCH',
      hint: 'it takes CAP_SYS_ADMIN and overlayfs: run this on the host, or in a privileged container',
    });
  }

  /** Makes a fifo; returns its path in the namespaces, and its path for this process. */
  addFifo(path: string, mode: number) {
    const FIFO = 0o010000;
    this.#addNode(path, FIFO | mode);
    return { there: path, here: this.#here(path) };
  }

  /** Makes a device or a fifo with exactly this mode. */
  #addNode(path: string, mode: number, major = 0, minor = 0): void {
    const directory = openFileRoot(this.#here(parentPath(bytePath(path))));
    try {
      native.inRootMknod(directory.fd, pathBytes(lastComponent(bytePath(path))), mode, major, minor);
    } finally {
      directory.close();
    }
  }

  /** A new /dev without the host's disks, which a group of the user may write, its log and its shared memory. */
  async addDevices(path: string): Promise<void> {
    await this.mountNew('tmpfs', 'mode=0755,size=10%,nosuid,noexec', path);
    for (const [name, major, minor] of DEVICES)
      this.#addNode(`${path}/${name}`, CHARACTER_DEVICE | 0o666, major, minor);
    for (const [name, target] of LINKS) symlinkSync(target, this.#here(`${path}/${name}`));
    await this.mountNew('devpts', 'newinstance,ptmxmode=0666,mode=0620,nosuid,noexec', `${path}/pts`);
    const shm = this.#here(`${path}/shm`);
    mkdirSync(shm);
    chmodSync(shm, 0o1777);
  }

  /** Brings the loopback device of the new network up through its sysfs, and lets everybody bind all ports. */
  async openNetwork(sysfs: string): Promise<void> {
    const IFF_UP_LOOPBACK = '0x9'; // netdevice(7)
    writeFileSync(this.#here(`${sysfs}/class/net/lo/flags`), IFF_UP_LOOPBACK);
    // In a jail, a daemon gets its port by a capability or from its parent; here it has neither. Before Linux 4.11 there is no
    // such file, and the bind fails as on the host (ip(7), ip_unprivileged_port_start).
    await this.#namespaces.run([this.#tools.tee, '/proc/sys/net/ipv4/ip_unprivileged_port_start'], '0');
  }
}

// File systems without files of users. The copy has a new /proc, /sys and /dev; file systems that are mounted below those, such as
// control groups, are left out: writing to them could change the host, and a jail does not have them.
const KERNEL_TYPES = wordSet(`
  proc sysfs devtmpfs devpts mqueue hugetlbfs cgroup cgroup2 securityfs selinuxfs smackfs debugfs tracefs
  pstore bpf configfs fusectl efivarfs binfmt_misc rpc_pipefs nfsd autofs nsfs resctrl xenfs
`);

/**
 * The mounts below the root directory that a copy shows, parents first: all but those of the kernel and those in `own`, the
 * directories that are new in the copy. `isVisible` tells whether nothing is mounted over a mount. `unnamed` are those with a path
 * that an option of mount(8) cannot contain.
 */
export function mountsToCopy(
  mounts: readonly Mount[],
  own: readonly BytePath[],
  isVisible: (mount: Mount) => boolean,
): { readonly shown: readonly Mount[]; readonly unnamed: readonly Mount[] } {
  const isOwn = (point: BytePath) => own.some((path) => isWithin(point, path));
  const visible = mounts
    .filter(({ point, type }) => point !== '/' && !KERNEL_TYPES.has(type) && !isOwn(point))
    .filter((mount) => isVisible(mount))
    .toSorted((a, b) => a.point.split('/').length - b.point.split('/').length);
  return { shown: visible.filter(isPlain), unnamed: visible.filter((mount) => !isPlain(mount)) };
}

// Overlayfs separates with `,` and `:`, and an argument of a command is UTF-8 here.
const isPlain = ({ point }: Mount): boolean => /^[\x20-\x7e]+$/.test(point) && !/[,:\\"]/.test(point);

function copiedMounts(own: readonly BytePath[], warnings: string[]): readonly Mount[] {
  const mounts = readMounts(readFileSync('/proc/self/mountinfo'));
  const { shown, unnamed } = mountsToCopy(mounts, own, isVisible);
  for (const mount of unnamed) warnings.push(leftOut(mount, 'its path has a comma, a colon or the like'));
  return shown;
}

// Whether its path leads to it, and not to a later mount at the same place (fdinfo in proc_pid_fdinfo(5)).
function isVisible({ id, point }: Mount): boolean {
  try {
    const fd = openSync(pathBytes(point), O_PATH);
    try {
      return new RegExp(`^mnt_id:\\s*${id}$`, 'm').test(readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1'));
    } finally {
      closeSync(fd);
    }
  } catch {
    return false; // a file system of a user that even root may not enter (fuse(4))
  }
}
