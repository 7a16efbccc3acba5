// The part of a plan that isolates: namespaces, the view of the file system, and the processes that wait. Pure.
import type { Account } from '../host/account.ts';
import { namespacesOf, type Namespace, type NormalView } from '../request/isolation-value.ts';
import type { NormalRequest, SetUpKey } from '../request/request.ts';
import type { MountFlag, Plan, Step } from './step.ts';

type Request = Pick<NormalRequest, SetUpKey>;

/** The parts of a plan that are the same with and without isolation. */
export interface PlanParts {
  /** Steps before the root directory changes. */
  readonly descriptors: readonly Step[];
  /** Steps of the program's own process before it enters the jail. */
  readonly before: readonly Step[];
  /** Steps by which a bare launch enters the jail; the last one changes the working directory. */
  readonly entry: readonly Step[];
  /** The other steps. */
  readonly after: readonly Step[];
}

/** What the processes of the plan that only wait need to know. */
export interface Waiting {
  readonly account: Account;
  /** The init process leads a process group of its own. */
  readonly newGroup: boolean;
  /** By a compiled launcher: the first stage is its own process. */
  readonly isCompiled: boolean;
  /** Who must be the parent of a compiled launcher, for --die-with-parent. */
  readonly parentPid: number;
}

const SIGKILL = 9;

/**
 * The stages of a launch that makes namespaces.
 *
 * With a pid namespace, the first process in it is init: it makes the other namespaces and mounts, starts the program and waits for
 * it (pid_namespaces(7)). What it needs of the host is opened before the namespaces are made: a descriptor of a mount is of no use in
 * another mount namespace. A launcher is born in the pid namespace; a compiled one has to fork for it.
 */
export function isolatedStages(request: Request, parts: PlanParts, waiting: Waiting): Plan {
  const namespaces = namespacesOf(request);
  const others = namespaces.filter((name) => name !== 'pid');
  const world = [
    ...openTrees(request, others),
    ...makeNamespaces(request, others),
    ...makeView(request, others),
  ];
  const entry = others.includes('mount') ? parts.entry.slice(-1) : parts.entry;
  if (!namespaces.includes('pid'))
    return [[...parts.before, ...parts.descriptors, ...world, ...entry, ...parts.after]];
  const init: readonly Step[] = [
    { op: 'end_with_parent' },
    ...(waiting.newGroup ? [{ op: 'setpgid' } as const] : []),
    ...parts.descriptors,
    ...parts.before.filter(needsHost),
    // Of this pid namespace, whose number the kernel takes from the process that writes (proc_sys_vm(5)).
    { op: 'sysctl', path: '/proc/sys/vm/memfd_noexec', value: '2' },
    ...world,
    ...giveUp(waiting.account),
    // Again: a change of ids clears it (PR_SET_PDEATHSIG(2const)).
    { op: 'end_with_parent', afterFork: true },
  ];
  const program = [...parts.before.filter((step) => !needsHost(step)), ...entry, ...parts.after];
  if (!waiting.isCompiled) return [[{ op: 'unshare', namespaces: ['pid'], cloned: true }, ...init], program];
  const { parentPid } = waiting;
  const death: Step = {
    op: 'parent_death_signal',
    signal: parentPid > 0 ? SIGKILL : 0,
    parentPid,
    afterFork: true,
  };
  return [[{ op: 'unshare', namespaces: ['pid'] }, ...giveUp(waiting.account), death], init, program];
}

/** Whether the program's parent is the init process of a pid namespace, which leads its group and ends with the launcher. */
export function hasInit(request: Parameters<typeof namespacesOf>[0]): boolean {
  return namespacesOf(request).includes('pid');
}

/** The program's pid in a pid namespace of its own: init is 1, and starts nothing else. */
export const programPid = 2;

/** The same plan for a process that has to make the pid namespace itself. */
export function withoutClone(plan: Plan): Plan {
  const [[first, ...rest] = [], ...stages] = plan;
  if (first?.op !== 'unshare' || first.cloned !== true) return plan;
  return [[{ op: 'unshare', namespaces: first.namespaces }], rest, ...stages];
}

// Done by a file of the host's /proc; the program inherits it.
const needsHost = ({ op }: Step): boolean => op === 'oom_score_adj';

// A process that only waits has the ids of the program's user, which it needs to send it signals, and no privilege.
function giveUp({ uid, gid }: Account): readonly Step[] {
  const afterFork = true;
  return [
    { op: 'setgroups', gids: [], afterFork },
    { op: 'setresgid', gid, afterFork },
    { op: 'setresuid', uid, afterFork },
    { op: 'capset', capabilities: [], afterFork },
    { op: 'no_new_privs', afterFork },
    { op: 'not_dumpable', afterFork },
  ];
}

const jailSlot = 0;
const storeSlot = 1;
const firstBind = 2;

const outside: readonly MountFlag[] = ['nosuid', 'nodev'];
const inert: readonly MountFlag[] = ['nosuid', 'nodev', 'noexec'];
const readOnly: readonly MountFlag[] = ['ro'];

function rootFlags(allowNewPrivs: boolean): readonly MountFlag[] {
  return allowNewPrivs ? ['nodev'] : outside;
}

// Slot by view: of a bind, and of proc's mask.
function slotsOf(view: readonly NormalView[]): ReadonlyMap<NormalView, number> {
  const opened = view.filter(({ kind }) => kind === 'bind' || kind === 'proc');
  return new Map(opened.map((entry, i) => [entry, firstBind + i]));
}

function openTrees(
  { readOnly: isReadOnly, ephemeral, view, allowNewPrivs }: Request,
  namespaces: readonly Namespace[],
): readonly Step[] {
  if (!namespaces.includes('mount')) return [];
  const isStored = ephemeral !== undefined && ephemeral !== true;
  const slots = slotsOf(view);
  const inJail = rootFlags(allowNewPrivs);
  return [
    { op: 'open_tree', slot: jailSlot, flags: isReadOnly ? [...inJail, ...readOnly] : inJail },
    ...(isStored ? [{ op: 'open_tree', slot: storeSlot, source: ephemeral, flags: inert } as const] : []),
    ...[...slots].map(([entry, slot]): Step => {
      if (entry.kind !== 'bind')
        return { op: 'open_tree', slot, source: Buffer.from('/dev/null'), flags: readOnly };
      const flags = entry.readOnly ? [...outside, ...readOnly] : outside;
      return { op: 'open_tree', slot, source: entry.source, flags };
    }),
  ];
}

function makeNamespaces({ hostname }: Request, namespaces: readonly Namespace[]): readonly Step[] {
  return [
    ...(namespaces.length > 0 ? [{ op: 'unshare', namespaces } as const] : []),
    ...(namespaces.includes('net') ? [{ op: 'loopback_up' } as const] : []),
    ...(hostname === undefined ? [] : [{ op: 'sethostname', name: hostname } as const]),
  ];
}

// What a program may write to an ephemeral jail: 256 MiB, 65536 files.
const ephemeralSpace = { size: 256 * 2 ** 20, inodes: 65536 };

function makeView(
  { ephemeral, view, allowNewPrivs }: Request,
  namespaces: readonly Namespace[],
): readonly Step[] {
  if (!namespaces.includes('mount')) return [];
  const slots = slotsOf(view);
  const space = { ...ephemeralSpace, flags: rootFlags(allowNewPrivs) };
  const overlay = ephemeral === true ? space : { ...space, slot: storeSlot };
  return [
    { op: 'pivot_root', slot: jailSlot, ...(ephemeral === undefined ? {} : { overlay }) },
    // The jail's own devices work again. Nobody but root can have made them, and none is made from inside.
    { op: 'bind_if_there', source: device, target: device, set: ['nosuid', 'noexec'], clear: ['nodev'] },
    ...view.flatMap((entry) => viewSteps(entry, slots.get(entry) ?? 0)),
  ];
}

const device = Buffer.from('/dev');

function viewSteps(entry: NormalView, slot: number): readonly Step[] {
  const { target } = entry;
  switch (entry.kind) {
    case 'bind':
      return [{ op: 'move_mount', slot, target }];
    case 'tmpfs': {
      const options = `size=${entry.size},nr_inodes=${entry.inodes},mode=${entry.mode.toString(8)}`;
      return [{ op: 'mount', type: 'tmpfs', target, flags: outside, options }];
    }
    case 'proc':
      return procSteps(target, slot);
    case 'dev':
      return devSteps(target);
    case 'dir':
      return [{ op: 'mkdir', path: target, mode: 0o755 }];
    case 'writable':
      // Nobody executes what he has put there.
      return [{ op: 'bind', source: target, target, set: inert, clear: readOnly }];
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
