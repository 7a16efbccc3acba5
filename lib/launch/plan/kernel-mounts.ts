// The steps that mount what only the kernel can fill: proc(5), and /dev with its devices. Pure.
import { words } from '../../words/word-list.ts';
import type { MountFlag, Step } from './step.ts';

/** Flags of mounts that hold no programs. */
export const inert: readonly MountFlag[] = ['nosuid', 'nodev', 'noexec'];
export const readOnly: readonly MountFlag[] = ['ro'];

/** A path in a directory. */
export function beneath(directory: Buffer, name: string): Buffer {
  return Buffer.concat([directory, Buffer.from(`/${name}`)]);
}

// The file of proc(5) that hides the others.
const mask = 'timer_list';
// The lists of runc: files that tell about the host, or change it (opencontainers/runtime-spec, "Masked Paths", "Readonly Paths"). Besides,
// dynamic_debug/control: the kernel asks a writer for no capability, and logs what he wants.
const masked = ['kcore', 'keys', 'key-users', 'latency_stats', 'sched_debug', 'interrupts', 'kallsyms'];
const unwritable = ['acpi', 'asound', 'bus', 'dynamic_debug', 'fs', 'irq', 'scsi', 'sys', 'sysrq-trigger'];
// The other files of proc(5) that all mounts of it share. Their modes too: if root inside changes one, then the host's next proc(5) has it
// (fs/proc/generic.c, proc_notify_change). No mode of a process's own directory can be changed.
const shared = words(`
  allocinfo bootconfig buddyinfo cgroups cmdline config.gz consoles cpuinfo crypto devices diskstats dma driver execdomains fb filesystems
  iomem ioports kmsg kpagecgroup kpagecount kpageflags loadavg lock_stat lockdep lockdep_chains lockdep_stats locks mdstat meminfo misc
  modules mtd mtrr pagetypeinfo partitions pressure profile schedstat slabinfo softirqs stat swaps sysvipc tty uptime version vmallocinfo
  vmcore vmstat xen zoneinfo
`);

/**
 * The steps that make the file which hides files of proc(5). It is empty, as /dev/null would be. But root inside could lock a device of
 * the host, and with nodev it could not be opened. A tree can be copied only from a mount of this namespace (open_tree(2)). So the file has
 * a tmpfs where the proc(5) will be, which then lies upon it.
 */
export const maskSteps = (target: Buffer): readonly Step[] => [
  { op: 'mount', type: 'tmpfs', target, flags: inert, options: 'size=4k,nr_inodes=2,mode=755', enters: true },
  { op: 'mkfile', path: beneath(target, mask), within: target },
];

/**
 * The steps that mount a proc(5).
 *
 * @param slot for the tree of the file that hides others
 * @param made the slot of a proc(5) that was made already
 * @param isJoined that file is there already, in mounts that are kept
 * @param isRoots the program may write what is root's on the host
 */
export function procSteps(
  target: Buffer,
  slot: number,
  made: number | undefined,
  isJoined: boolean,
  isRoots: boolean,
): readonly Step[] {
  const source = beneath(target, mask);
  const within = target;
  const opened = { op: 'open_tree', slot, source, flags: [...readOnly, ...inert] } as const;
  return [
    ...(isJoined ? [opened] : [...maskSteps(target), { ...opened, within }]),
    made === undefined
      ? { op: 'mount', type: 'proc', target, flags: inert, options: '', enters: true }
      : { op: 'move_mount', slot: made, target, enters: true },
    { op: 'move_mount', slot, target: source, within },
    ...masked.map((name): Step => ({
      op: 'bind_if_there',
      source,
      target: beneath(target, name),
      set: readOnly,
      clear: [],
      within,
    })),
    ...[...unwritable, ...(isRoots ? shared : [])].map((name): Step => {
      const path = beneath(target, name);
      return { op: 'bind_if_there', source: path, target: path, set: readOnly, clear: [], within };
    }),
  ];
}

/** Of devices.txt: major 1 is memory, 5:0 the controlling terminal. */
export const devices = {
  null: [1, 3],
  zero: [1, 5],
  full: [1, 7],
  random: [1, 8],
  urandom: [1, 9],
  tty: [5, 0],
} as const;
const links = {
  fd: '/proc/self/fd',
  stdin: '/proc/self/fd/0',
  stdout: '/proc/self/fd/1',
  stderr: '/proc/self/fd/2',
  ptmx: 'pts/ptmx',
};
const characterDevice = 0o020000;

// Only root can make devices. Without root, the host's devices are mounted there.
function deviceSteps(target: Buffer, trees: readonly { readonly slot: number }[]): readonly Step[] {
  return Object.entries(devices).flatMap(([name, [major, minor]], i): readonly Step[] => {
    const path = beneath(target, name);
    const slot = trees[i]?.slot;
    return slot === undefined
      ? [{ op: 'mknod', path, mode: characterDevice | 0o666, major, minor, within: target }]
      : [
          { op: 'mkfile', path, within: target },
          { op: 'move_mount', slot, target: path, within: target },
        ];
  });
}

/** The steps that make a /dev. @param trees the slots of the host's devices; empty: the devices are made */
export function devSteps(target: Buffer, trees: readonly { readonly slot: number }[]): readonly Step[] {
  const [pts, shm] = [beneath(target, 'pts'), beneath(target, 'shm')];
  const within = target;
  return [
    {
      op: 'mount',
      type: 'tmpfs',
      target,
      flags: ['nosuid', 'noexec'],
      options: 'size=64k,nr_inodes=64,mode=755',
      enters: true,
    },
    ...deviceSteps(target, trees),
    ...Object.entries(links).map(([name, to]): Step => ({
      op: 'symlink',
      target: to,
      path: beneath(target, name),
      within,
    })),
    { op: 'mkdir', path: pts, mode: 0o755, within },
    // group tty is 5 on every Linux (mount(8), "Mount options for devpts")
    {
      op: 'mount',
      type: 'devpts',
      target: pts,
      flags: ['nosuid', 'noexec'],
      // Without root there is no such group. All mounts of devpts share kernel.pty.max, so one jail must not use up all terminals.
      options: `max=256,ptmxmode=0666,mode=0620${trees.length === 0 ? ',gid=5' : ''}`,
      within,
    },
    { op: 'mkdir', path: shm, mode: 0o755, within },
    {
      op: 'mount',
      type: 'tmpfs',
      target: shm,
      flags: inert,
      options: 'size=64m,nr_inodes=1024,mode=1777',
      within,
    },
  ];
}
