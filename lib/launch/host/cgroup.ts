// Finds where the cgroups of launches with limits can be made, and prepares the host for them.
import { existsSync, readFileSync } from 'node:fs';
import { constants as modes, mkdir, readlink, writeFile } from 'node:fs/promises';
import { basename, dirname } from 'node:path';

import { LaunchError, type LaunchErrorCode } from '../../errors.ts';
import { native } from '../../native.ts';
import { caller, isOrdinary } from '../../trust/owner.ts';
import { needsCgroup, type CgroupLimits } from '../request/limit-rows.ts';
import { hasInit } from '../request/isolation-value.ts';
import { isThere, readWords, sweep, toWords } from './cgroup-sweep.ts';
import { toKernelFileError } from './kernel-file.ts';
import { startOf } from './process-start.ts';
import {
  unifiedFor,
  readHierarchies,
  toRecipe,
  type CgroupBases,
  type CgroupPlan,
  type Hierarchy,
} from './cgroup-layout.ts';

/** The keys of a request that count. */
type Limited = CgroupLimits & Parameters<typeof hasInit>[0];

function refusal(code: LaunchErrorCode, message: string, hint: string, path?: string): LaunchError {
  return new LaunchError(`cgroup: ${message}`, { step: 'cgroup', code, hint, path });
}

// The kernel answers at once. Node leaves the descriptor of a read that is under way open if its worker is terminated.
const textNow = (path: string): string => readFileSync(path, 'latin1');

// A pid says nothing in another pid namespace, so the number of the namespace is in the name too.
async function namePrefix(): Promise<string> {
  const namespace = /[0-9]+/.exec(await readlink('/proc/self/ns/pid'))?.[0] ?? '0';
  return `uchroot-${namespace}-${process.pid}-${startOf('self')}`;
}

// The cgroup of this process when it had to leave the one in which the cgroups of launches are made.
const ownLeaf = 'uchroot-main';

// systemd marks the cgroups that it delegates (systemd.resource-control(5), Delegate=). It may change all others at any time. A service
// is in a delegated cgroup, or with DelegateSubgroup= in one below it.
async function baseIn({ directory, mountPoint }: Hierarchy, isManaged: boolean): Promise<string> {
  const own = directory ?? mountPoint;
  if (basename(own) === ownLeaf) return dirname(own);
  if (!isManaged || own === mountPoint || native.isDelegated(own)) return own;
  const above = dirname(own);
  if (!/\.(service|scope|slice)$/.test(basename(own)) && native.isDelegated(above)) return above;
  throw refusal(
    'ERR_NOT_DELEGATED',
    `${own}: systemd manages it, and has not left it to this service`,
    `Delegate=yes in the unit leaves it to the service; for a command: systemd-run ${isOrdinary(caller()) ? '--user ' : ''}--scope -p Delegate=yes COMMAND`,
    own,
  );
}

const unreachable = ({ mountPoint }: Hierarchy): LaunchError =>
  refusal(
    'ENOENT',
    `${mountPoint} does not show the cgroup of this process`,
    'mount the cgroups in this container: a cgroup namespace of its own, with /sys/fs/cgroup writable',
    mountPoint,
  );

async function findBases(): Promise<CgroupBases> {
  if (!(await isThere('/proc/self/cgroup')))
    throw refusal('ENOENT', '/proc is not mounted', 'mount -t proc proc /proc, as root');
  const hierarchies = readHierarchies(textNow('/proc/self/cgroup'), textNow('/proc/self/mountinfo'));
  if (hierarchies.length === 0)
    throw refusal(
      'ENOENT',
      'no cgroup hierarchy is mounted, so there are no limits for memory, pids, cpu and io',
      'mount -t cgroup2 cgroup2 /sys/fs/cgroup',
    );
  const lost = hierarchies.find(({ directory }) => directory === undefined);
  if (lost !== undefined) throw unreachable(lost);
  const isManaged = await isThere('/run/systemd/system');
  const marked = hierarchies.find(({ controllers }) => controllers.includes('name=systemd'));
  // with version 1, systemd marks its own hierarchy
  if (marked !== undefined) await baseIn(marked, isManaged);
  const second = hierarchies.find(({ version }) => version === 2);
  const unified = second === undefined ? undefined : await baseIn(second, isManaged && marked === undefined);
  const controllers = unified === undefined ? [] : toWords(textNow(`${unified}/cgroup.controllers`));
  const isUseful = ['memory', 'pids', 'cpu', 'io'].some((name) => controllers.includes(name));
  // version 2 is not used if it has no controllers here and cannot be written
  const isUsed = isUseful || (unified !== undefined && (await isThere(unified, modes.W_OK)));
  const legacy = hierarchies.flatMap((one): [string, string][] =>
    one.version === 2 ? [] : one.controllers.map((name) => [name, one.directory ?? one.mountPoint]),
  );
  return {
    unified: isUsed ? unified : undefined,
    controllers,
    legacy: new Map(legacy),
    // a kernel without swap has no such file
    hasSwap: existsSync('/proc/swaps') && textNow('/proc/swaps').trim().includes('\n'),
    prefix: await namePrefix(),
  };
}

let found: Promise<CgroupBases> | undefined;

// Looked up once: a service stays in its cgroup. After a refusal it is looked up again.
function bases(): Promise<CgroupBases> {
  found ??= findBases().catch((error: unknown) => {
    found = undefined;
    throw toKernelFileError(error, 'cgroup');
  });
  return found;
}

// The init of a pid namespace is one more process. The program's limit must not become smaller by it.
function planFor(limits: Limited, where: CgroupBases): CgroupPlan {
  const counted =
    limits.pids === undefined || !hasInit(limits) ? limits : { ...limits, pids: limits.pids + 1 };
  const recipe = toRecipe(counted, where);
  if ('lines' in recipe) {
    const { memory, swap, pids, cpu, ioWeight, cpuTime } = limits;
    return { limits: { memory, swap, pids, cpu, ioWeight, cpuTime }, lines: recipe.lines };
  }
  const controller = recipe.missing;
  throw refusal(
    'EOPNOTSUPP',
    `the controller ${controller} is missing${where.unified === undefined ? '' : ` in ${where.unified}/cgroup.controllers`}`,
    `the cgroup above must hand it down (echo +${controller} > cgroup.subtree_control), and the kernel must have it (/proc/cgroups)`,
    where.unified,
  );
}

/** What the limits of a request need, as this host can perform it; undefined without such limits. @throws LaunchError */
export async function planCgroup(limits: Limited): Promise<CgroupPlan | undefined> {
  return needsCgroup(limits) ? planFor(limits, await bases()) : undefined;
}

let keeperPid: number | undefined;

/** Tells which process waits to remove the cgroups of this one; undefined if there is none. */
export function setKeeper(pid: number | undefined): void {
  keeperPid = pid;
}

// A cgroup that hands its controllers down must have no process of its own (cgroups(7), "no internal processes" rule). Only this process
// may be moved out of it, and its keeper.
async function leave(base: string): Promise<void> {
  const own = new Set([process.pid, keeperPid].map(String));
  const inside = await readWords(`${base}/cgroup.procs`);
  if (!inside.every((pid) => own.has(pid)))
    throw refusal(
      'EBUSY',
      `${base}: other processes than this one are in it, so it cannot hand its controllers down`,
      'DelegateSubgroup=main in the unit keeps it empty (systemd.resource-control(5)); elsewhere move them to a cgroup below it',
      base,
    );
  await mkdir(`${base}/${ownLeaf}`, { recursive: true });
  for (const pid of inside) await writeFile(`${base}/${ownLeaf}/cgroup.procs`, pid);
}

async function handDown(base: string, controllers: readonly string[]): Promise<void> {
  const file = `${base}/cgroup.subtree_control`;
  const missing = new Set(controllers);
  for (const name of await readWords(file)) missing.delete(name);
  if (missing.size === 0) return;
  const change = [...missing].map((name) => `+${name}`).join(' ');
  try {
    await writeFile(file, change).catch(async (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EBUSY') throw error;
      await leave(base);
      return writeFile(file, change);
    });
  } catch (error) {
    throw toKernelFileError(error, 'cgroup', file);
  }
}

// What was done once for each base and for each controller of it.
const prepared = new Map<string, Promise<void>>();

function once(key: string, work: () => Promise<void>): Promise<void> {
  const known = prepared.get(key);
  if (known !== undefined) return known;
  const doing = work().catch((error: unknown) => {
    prepared.delete(key);
    throw toKernelFileError(error, 'cgroup');
  });
  prepared.set(key, doing);
  return doing;
}

function directoriesOf({ unified, legacy }: CgroupBases): readonly string[] {
  return [...new Set([...legacy.values(), ...(unified === undefined ? [] : [unified])])];
}

/**
 * The same for a launch that follows. Prepares the host for it: kills and removes what ended services have left, and hands the
 * controllers down.
 *
 * @throws LaunchError
 */
export async function openCgroup(limits: Limited): Promise<CgroupPlan | undefined> {
  const plan = await planCgroup(limits);
  if (plan === undefined) return undefined;
  const where = await bases();
  const { unified, prefix } = where;
  await once('sweep', async () => {
    await Promise.all(directoriesOf(where).map((base) => sweep(base, prefix)));
  });
  const handed = unifiedFor(limits, where);
  if (unified !== undefined && handed.length > 0)
    await once(`+${handed.join('+')}`, () => handDown(unified, handed));
  return plan;
}

/** Where the cgroups of this process are made, and how their names begin. @throws LaunchError */
export async function cgroupPlaces(): Promise<{
  readonly directories: readonly string[];
  readonly prefix: string;
}> {
  const where = await bases();
  return { directories: directoriesOf(where), prefix: where.prefix };
}
