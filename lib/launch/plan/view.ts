// The steps that make the program's view of the file system: the jail as the root directory, and what is mounted in it. Pure.
import type { Namespace, NormalView } from '../request/isolation-value.ts';
import type { NormalRequest, SetUpKey } from '../request/request.ts';
import type { MountFlag, Step } from './step.ts';

type Request = Pick<NormalRequest, SetUpKey>;

const jailSlot = 0;
const storeSlot = 1;
// An overlay has its own /dev, so one slot is enough for both.
const devSlot = storeSlot;
const firstBind = 2;

const outside: readonly MountFlag[] = ['nosuid', 'nodev'];
const inert: readonly MountFlag[] = ['nosuid', 'nodev', 'noexec'];
const readOnly: readonly MountFlag[] = ['ro'];

function rootFlags(allowNewPrivs: boolean): readonly MountFlag[] {
  return allowNewPrivs ? ['nodev'] : outside;
}

/**
 * The slots of the trees that come from the host: the source of each bind, what hides files of each proc(5), and each writable
 * directory of a jail that is read-only.
 */
export function slotsOf(view: readonly NormalView[], isReadOnly = false): ReadonlyMap<NormalView, number> {
  const opened = view.filter(
    ({ kind }) => kind === 'bind' || kind === 'proc' || (isReadOnly && kind === 'writable'),
  );
  return new Map(opened.map((entry, i) => [entry, firstBind + i]));
}

/** Opens the jail and what comes from the host, while the host's mounts can still be reached. */
export function openTrees(
  { readOnly: isReadOnly, ephemeral, view, allowNewPrivs }: Request,
  namespaces: readonly Namespace[],
): readonly Step[] {
  if (!namespaces.includes('mount')) return [];
  const isStored = ephemeral !== undefined && ephemeral !== true;
  const slots = slotsOf(view, isReadOnly);
  const inJail = rootFlags(allowNewPrivs);
  return [
    { op: 'open_tree', slot: jailSlot, flags: isReadOnly ? [...inJail, ...readOnly] : inJail },
    ...(isStored
      ? [
          {
            op: 'open_tree',
            slot: storeSlot,
            source: ephemeral,
            isDirectory: true,
            flags: inert,
          } as const,
        ]
      : []),
    ...(ephemeral === undefined ? [openDevices] : []),
    ...[...slots].map(([entry, slot]) => openSource(entry, slot)),
  ];
}

// The jail's own devices work again. Nobody but root can have made them, and none is made from inside. What the host has mounted
// without devices stays so: a user can have mounted it (fusermount(1)).
const openDevices: Step = {
  op: 'open_tree',
  slot: devSlot,
  source: Buffer.from('/dev'),
  isInJail: true,
  ifThere: true,
  flags: ['nosuid', 'noexec'],
};

/**
 * Opens the source of a bind, what hides files of a proc(5), or a writable directory. The latter is taken from the jail as it is on
 * the host: what is mounted read-only there stays so.
 */
export function openSource(entry: NormalView, slot: number): Step {
  if (entry.kind === 'writable')
    return { op: 'open_tree', slot, source: entry.target, isInJail: true, flags: inert };
  if (entry.kind !== 'bind')
    return { op: 'open_tree', slot, source: Buffer.from('/dev/null'), flags: readOnly };
  const flags = entry.readOnly ? [...outside, ...readOnly] : outside;
  return { op: 'open_tree', slot, source: entry.source, flags };
}

// What a program may write to an ephemeral jail: 256 MiB, 65536 files.
const ephemeralSpace = { size: 256 * 2 ** 20, inodes: 65536 };

/** Makes the jail the root directory, and mounts what the program sees in it. */
export function makeView(
  { ephemeral, view, allowNewPrivs, readOnly: isReadOnly }: Request,
  namespaces: readonly Namespace[],
): readonly Step[] {
  if (!namespaces.includes('mount')) return [];
  const slots = slotsOf(view, isReadOnly);
  const space = { ...ephemeralSpace, flags: rootFlags(allowNewPrivs) };
  const overlay = ephemeral === true ? space : { ...space, slot: storeSlot };
  return [
    { op: 'pivot_root', slot: jailSlot, ...(ephemeral === undefined ? {} : { overlay }) },
    ephemeral === undefined
      ? { op: 'move_mount', slot: devSlot, target: device, ifThere: true }
      : { op: 'bind_if_there', source: device, target: device, set: ['nosuid', 'noexec'], clear: ['nodev'] },
    ...view.flatMap((entry) => viewSteps(entry, slots.get(entry))),
  ];
}

const device = Buffer.from('/dev');
const root = Buffer.from('/');

// kMostWatched of native/plan/plan.h
const mostWatched = 16;

/** The places of the file systems in memory that a program can fill. */
export function watchedSpaces({ ephemeral, view }: Pick<Request, 'ephemeral' | 'view'>): readonly Buffer[] {
  const mounted = view.flatMap(({ kind, target }) => {
    if (kind === 'tmpfs') return [target];
    return kind === 'dev' ? [beneath(target, 'shm')] : [];
  });
  return [...(ephemeral === true ? [root] : []), ...mounted].slice(0, mostWatched);
}

/** The steps of one entry of the view, in the jail. `slot` is that of its tree, if it has one. */
export function viewSteps(entry: NormalView, slot: number | undefined): readonly Step[] {
  const { target } = entry;
  switch (entry.kind) {
    case 'bind':
      return [{ op: 'move_mount', slot: slot ?? jailSlot, target }];
    case 'tmpfs': {
      const options = `size=${entry.size},nr_inodes=${entry.inodes},mode=${entry.mode.toString(8)}`;
      return [{ op: 'mount', type: 'tmpfs', target, flags: outside, options }];
    }
    case 'proc':
      return procSteps(target, slot ?? jailSlot);
    case 'dev':
      return devSteps(target);
    case 'dir':
      return [{ op: 'mkdir', path: target, mode: 0o755 }];
    case 'writable':
      // Nobody executes what he has put there.
      return slot === undefined
        ? [{ op: 'bind', source: target, target, set: inert, clear: [] }]
        : [{ op: 'move_mount', slot, target }];
    default:
      return entry satisfies never;
  }
}

function beneath(directory: Buffer, name: string): Buffer {
  return Buffer.concat([directory, Buffer.from(`/${name}`)]);
}

// runc's lists: what tells about the host or changes it (opencontainers/runtime-spec, "Masked Paths", "Readonly Paths").
const mask = 'timer_list';
const masked = ['kcore', 'keys', 'key-users', 'latency_stats', 'sched_debug', 'interrupts', 'kallsyms'];
const unwritable = ['acpi', 'asound', 'bus', 'fs', 'irq', 'scsi', 'sys', 'sysrq-trigger'];

function procSteps(target: Buffer, slot: number): readonly Step[] {
  const source = beneath(target, mask);
  return [
    { op: 'mount', type: 'proc', target, flags: inert, options: '' },
    { op: 'move_mount', slot, target: source },
    ...masked.map((name): Step => ({
      op: 'bind_if_there',
      source,
      target: beneath(target, name),
      set: readOnly,
      clear: [],
    })),
    ...unwritable.map((name): Step => {
      const path = beneath(target, name);
      return { op: 'bind_if_there', source: path, target: path, set: readOnly, clear: [] };
    }),
  ];
}

// devices.txt: major 1 is memory, 5:0 the controlling terminal
const devices = {
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

function devSteps(target: Buffer): readonly Step[] {
  const [pts, shm] = [beneath(target, 'pts'), beneath(target, 'shm')];
  return [
    {
      op: 'mount',
      type: 'tmpfs',
      target,
      flags: ['nosuid', 'noexec'],
      options: 'size=64k,nr_inodes=64,mode=755',
    },
    ...Object.entries(devices).map(([name, [major, minor]]): Step => ({
      op: 'mknod',
      path: beneath(target, name),
      mode: characterDevice | 0o666,
      major,
      minor,
    })),
    ...Object.entries(links).map(([name, to]): Step => ({
      op: 'symlink',
      target: to,
      path: beneath(target, name),
    })),
    { op: 'mkdir', path: pts, mode: 0o755 },
    // group tty is 5 on every Linux (mount(8), "Mount options for devpts")
    {
      op: 'mount',
      type: 'devpts',
      target: pts,
      flags: ['nosuid', 'noexec'],
      options: 'ptmxmode=0666,mode=0620,gid=5',
    },
    { op: 'mkdir', path: shm, mode: 0o755 },
    { op: 'mount', type: 'tmpfs', target: shm, flags: inert, options: 'size=64m,nr_inodes=1024,mode=1777' },
  ];
}
