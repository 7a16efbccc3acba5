// Where this process is in the cgroup hierarchies of the host, and what a launch with limits makes there. Pure.
import { readMounts, type Mount } from '../../tree/mountinfo.ts';
import { bytePath, isWithin, pathBytes, type BytePath } from '../../tree/path.ts';
import type { CgroupLimits } from '../request/limit-rows.ts';

/** A cgroup hierarchy that is mounted, and the cgroup of this process in it. */
export interface Hierarchy {
  readonly version: 1 | 2;
  /** Of version 1: its controllers, and its name if it has one (`name=systemd`). */
  readonly controllers: readonly string[];
  /** Path of the cgroup of this process; undefined if the mount does not show it. */
  readonly directory: string | undefined;
  readonly mountPoint: string;
}

function join(point: BytePath, path: string): BytePath {
  return (path === '/' || path === '' ? point : `${point}${path}`) as BytePath;
}

// A container may show only a part of a hierarchy: its root is then the root of the mount.
function directoryOf({ root, point }: Mount, path: BytePath): BytePath | undefined {
  if (path.startsWith('/..') || root.startsWith('/..')) return undefined;
  if (root === '/') return join(point, path);
  return isWithin(path, root) ? join(point, path.slice(root.length)) : undefined;
}

const toText = (path: BytePath): string => pathBytes(path).toString();

/**
 * The hierarchies in which this process is and that are mounted.
 *
 * @param cgroups /proc/self/cgroup (cgroups(7))
 * @param mountinfo /proc/self/mountinfo
 */
export function readHierarchies(cgroups: string, mountinfo: string): readonly Hierarchy[] {
  const mounts = readMounts(Buffer.from(mountinfo));
  return cgroups.split('\n').flatMap((line): readonly Hierarchy[] => {
    const [, list = '', path] = /^[0-9]+:([^:]*):(.*)$/.exec(line) ?? [];
    if (path === undefined) return [];
    const version = list === '' ? 2 : 1;
    const controllers = list === '' ? [] : list.split(',');
    const found = mounts.filter(
      ({ type, options, point }, place) =>
        (version === 2
          ? type === 'cgroup2'
          : type === 'cgroup' && controllers.every((name) => options.has(name))) &&
        // of several mounts at one place the last one is on top
        mounts.findLastIndex((other) => other.point === point) === place,
    );
    const inside = bytePath(path);
    // a container may see others too, such as those of the host in a read-only bind
    const shown = found.filter((one) => directoryOf(one, inside) !== undefined);
    const mount = shown.findLast(({ options }) => !options.has('ro')) ?? shown.at(-1) ?? found.at(-1);
    if (mount === undefined) return [];
    const directory = directoryOf(mount, inside);
    return [
      {
        version,
        controllers,
        directory: directory && toText(directory),
        mountPoint: toText(mount.point),
      },
    ];
  });
}

/** The controller of a limit, as version 2 names it. */
export type Controller = 'memory' | 'pids' | 'cpu' | 'io';

/** The controllers that a launch needs. */
function controllersFor({ memory, pids, cpu, ioWeight }: CgroupLimits): readonly Controller[] {
  return [
    ...(memory === undefined ? [] : ['memory' as const]),
    ...(pids === undefined ? [] : ['pids' as const]),
    ...(cpu === undefined ? [] : ['cpu' as const]),
    ...(ioWeight === undefined ? [] : ['io' as const]),
  ];
}

// With so few processes, a cgroup of the scheduler brings nothing, and making it takes time.
const mostAlone = 16;

/**
 * Controllers that are used if they are there. With `cpu`, the scheduler treats all processes of a launch as one, so many processes of a
 * launch cannot keep the service from the CPU.
 */
function helpfulFor({ pids = 0, cpu }: CgroupLimits): readonly Controller[] {
  return pids <= mostAlone || cpu !== undefined ? [] : ['cpu'];
}

/** The controllers of version 2 that a launch uses. */
export function unifiedFor(
  limits: CgroupLimits,
  { unified, controllers }: CgroupBases,
): readonly Controller[] {
  if (unified === undefined) return [];
  return [...controllersFor(limits), ...helpfulFor(limits)].filter((name) => controllers.includes(name));
}

/** The directories in which the cgroups of launches are made. */
export interface CgroupBases {
  /** In version 2, if that is mounted. */
  readonly unified: string | undefined;
  /** Controllers that version 2 has there. */
  readonly controllers: readonly string[];
  /** Of version 1, by controller. */
  readonly legacy: ReadonlyMap<string, string>;
  /** Whether the host has swap. */
  readonly hasSwap: boolean;
  /** How the name of each cgroup begins: it names this process. */
  readonly prefix: string;
}

const period = 100_000;

type Lines = readonly string[];

// What version 2 takes for a limit, and what it counts (Documentation/admin-guide/cgroup-v2.rst). A launch that needs too much
// memory ends as a whole: a tree of which one process is missing is of no use.
const unifiedLines: Readonly<Record<Controller, (limits: CgroupLimits, swapMark: string) => Lines>> = {
  memory: ({ memory, swap = 0 }, swapMark) => [
    `=memory.max=${memory}`,
    `${swapMark}memory.swap.max=${swap}`,
    '=memory.oom.group=1',
    '<0memory.events:oom_kill',
    '<2memory.peak',
  ],
  pids: ({ pids }) => [`=pids.max=${pids}`, '<1pids.events:max'],
  cpu: ({ cpu = 1 }) => [`=cpu.max=${Math.round(cpu * period)} ${period}`],
  io: ({ ioWeight }) => [`=io.weight=${ioWeight}`],
};

// The same for version 1 (Documentation/admin-guide/cgroup-v1). Its memsw is memory and swap together. It counts buffers of TCP apart, and
// only if they have a limit (memory.rst, 2.7.1); some kernels do not have the file. Its weights end at 1000.
const legacyLines: typeof unifiedLines = {
  memory: ({ memory = 0, swap = 0 }, swapMark) => [
    `=memory.limit_in_bytes=${memory}`,
    `${swapMark}memory.memsw.limit_in_bytes=${memory + swap}`,
    `?memory.kmem.tcp.limit_in_bytes=${memory}`,
    '<0memory.oom_control:oom_kill',
    '<2memory.max_usage_in_bytes',
  ],
  pids: ({ pids }) => [`=pids.max=${pids}`, '<1pids.events:max'],
  cpu: ({ cpu = 1 }) => [`=cpu.cfs_period_us=${period}`, `=cpu.cfs_quota_us=${Math.round(cpu * period)}`],
  io: ({ ioWeight = 100 }) => [`=blkio.bfq.weight=${Math.min(ioWeight, 1000)}`],
};

/** The name of a controller in version 1. */
const legacyName = (controller: Controller): string => (controller === 'io' ? 'blkio' : controller);

/** The limits of a launch, and what native/cgroup/cgroup.h makes for them. */
export interface CgroupPlan {
  readonly limits: CgroupLimits;
  readonly lines: Lines;
}

/** A controller that the host does not offer; or what native/cgroup/cgroup.h makes of the limits. */
export type Recipe = { readonly missing: Controller | 'cpuacct' } | { readonly lines: Lines };

/**
 * What to make for a launch. Version 2 is used as far as it has the controllers. A cgroup of it is made in any case, where it is
 * mounted: a process can be born there, and the kernel kills all that is in it at once. Without it, the pids controller of version
 * 1 stops forks while the processes are killed.
 */
export function toRecipe(limits: CgroupLimits, bases: CgroupBases): Recipe {
  const { unified, legacy } = bases;
  const swapMark = bases.hasSwap ? '=' : '?';
  // one entry for each cgroup: controllers of version 1 can share a hierarchy
  const groups = new Map<string, string[]>();
  const add = (place: string, lines: Lines): void => {
    groups.set(place, [...(groups.get(place) ?? []), ...lines]);
  };
  if (unified !== undefined)
    add(`2${unified}`, ['<3cpu.stat:usage_usec', '<5cpu.stat:user_usec', '<6cpu.stat:system_usec']);
  const addLegacy = (name: string, lines: Lines): boolean => {
    const base = legacy.get(name);
    if (base !== undefined) add(`1${base}`, lines);
    return base !== undefined;
  };
  const inUnified = unifiedFor(limits, bases);
  for (const controller of controllersFor(limits)) {
    if (inUnified.includes(controller)) add(`2${unified}`, unifiedLines[controller](limits, swapMark));
    else if (!addLegacy(legacyName(controller), legacyLines[controller](limits, swapMark)))
      return { missing: controller };
  }
  for (const controller of helpfulFor(limits)) if (!inUnified.includes(controller)) addLegacy(controller, []);
  if (unified === undefined) {
    addLegacy('pids', ['!pids.max=0']);
    if (!addLegacy('cpuacct', ['<4cpuacct.usage']) && limits.cpuTime !== undefined)
      return { missing: 'cpuacct' };
  }
  return { lines: [`N${bases.prefix}`, ...[...groups].flat(2)] };
}
