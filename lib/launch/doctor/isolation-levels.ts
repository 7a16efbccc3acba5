// Which levels of isolation work here, for this user: each is tried in a child that ends before a program would start.
import { mkdirSync, rmdirSync } from 'node:fs';

import { errnoName, reason } from '../../words/errno.ts';
import { LaunchError } from '../../errors.ts';
import { native } from '../../native.ts';
import { planCgroup } from '../host/cgroup.ts';
import { callerInPlace } from '../host/caller.ts';
import { hostQuery } from '../host/account.ts';
import { settle, verify } from '../host/judged-jail.ts';
import { requireRoot } from '../host/privilege.ts';
import { normalize, type LaunchRequest } from '../request/request.ts';
import { wantedFilter } from '../host/wanted-filter.ts';
import { toLaunch } from '../plan/launch.ts';
import { rehearse } from '../tell/rehearse.ts';
import { readSettings, whyNoMount, whyNoProc, whyNoUserNamespace, type Cause } from './host-settings.ts';

/** What does not work, why, and what an administrator does about it. */
export interface Lack {
  /** The option of the command. */
  readonly option: string;
  /** As in a LaunchError. */
  readonly code: string;
  readonly reason: string;
  readonly remedy: string | undefined;
}

export type LevelName = 'isolate' | 'rootless' | 'landlock' | 'bare' | 'ids' | 'limits' | 'outbound';

/** One level of isolation. */
export interface Level {
  readonly name: LevelName;
  /** The options of the command that ask for it. */
  readonly option: string;
  readonly works: boolean;
  /** Why it does not work. */
  readonly lack?: Lack;
  /** Parts of it that do not work, although it does. */
  readonly without: readonly Lack[];
}

/** What this process may do on this host. */
export interface Capabilities {
  readonly uid: number;
  readonly gid: number;
  /** The highest level that works; undefined if none does. Ids, limits and outbound are none of these levels. */
  readonly best: LevelName | undefined;
  /** From the highest on. */
  readonly levels: readonly Level[];
}

// A launch into a directory of the host. The child changes only namespaces of its own, and ends before execve.
function attempt(keys: Partial<LaunchRequest>): LaunchError | undefined {
  const request = normalize({
    user: keys.rootless === true ? (process.getuid?.() ?? 0) : '65534:65534',
    jail: '/',
    insecurePath: true,
    program: '/',
    ...keys,
  });
  try {
    if (!request.rootless) requireRoot();
    const jail = verify(request, native.readHostSync(hostQuery(request)));
    try {
      const caller = callerInPlace();
      const filter = wantedFilter(request, jail.account, caller);
      return rehearse(toLaunch(settle(request, jail), jail, caller, filter));
    } finally {
      native.closeDescriptor(jail.fd);
    }
  } catch (error) {
    if (error instanceof LaunchError) return error;
    throw error;
  }
}

const ofMounts = new Set(['open_tree', 'pivot_root', 'move_mount', 'mount', 'bind', 'bind_if_there']);

// The settings of the host that explain a refusal. The step says where to look.
function causeOf({ step, code }: LaunchError): Cause | undefined {
  const isRefusal = code === 'EPERM' || code === 'EACCES' || code === 'ENOSPC' || code === 'ENOSYS';
  if (!isRefusal) return undefined;
  const isUnprivileged = step === 'id_map' || (step === 'map_ids' && code === 'EACCES');
  if (step === 'user_namespace' || isUnprivileged) return whyNoUserNamespace(readSettings());
  if (step === 'new_tree') return whyNoProc(readSettings());
  return ofMounts.has(step) ? whyNoMount(readSettings()) : undefined;
}

function toLack(option: string, error: LaunchError): Lack {
  const cause = causeOf(error);
  const { code, message, hint } = error;
  if (cause === undefined) return { option, code, reason: message, remedy: hint };
  return { option, code, reason: `${message}: ${cause.reason}`, remedy: cause.remedy };
}

interface Part {
  readonly option: string;
  readonly keys: Partial<LaunchRequest>;
}

const landlock: Part = { option: '--landlock', keys: { landlock: true } };
const parts: readonly Part[] = [
  { option: '--proc', keys: { view: [{ proc: '/proc' }] } },
  { option: '--dev', keys: { view: [{ dev: '/dev' }] } },
  // An overlay needs a directory in which nothing is mounted.
  { option: '--ephemeral', keys: { ephemeral: true, jail: '/usr' } },
  landlock,
];

const rows: readonly (Part & { readonly name: LevelName; readonly parts: readonly Part[] })[] = [
  { name: 'isolate', option: '--isolate', keys: { isolate: true }, parts },
  { name: 'rootless', option: '--rootless', keys: { rootless: true }, parts },
  { ...landlock, name: 'landlock', parts: [] },
  { name: 'bare', option: '', keys: {}, parts: [] },
];

function levelOf({ name, option, keys, parts }: (typeof rows)[number]): Level {
  const error = attempt(keys);
  if (error !== undefined) return { name, option, works: false, lack: toLack(option, error), without: [] };
  const without = parts.flatMap((part) => {
    const failed = attempt({ ...keys, ...part.keys });
    return failed === undefined ? [] : [toLack(part.option, failed)];
  });
  return { name, option, works: true, without };
}

// A range of ids in the user namespace.
const ids = {
  name: 'ids',
  option: '--rootless --map-auto',
  keys: { rootless: true, mapAuto: true },
  parts: [],
} as const;

// A list of what a program may call, as this user would give it.
const outbound = (isRoot: boolean): (typeof rows)[number] => ({
  name: 'outbound',
  option: `${isRoot ? '--isolate' : '--rootless'} --connect-to`,
  keys: { ...(isRoot ? { isolate: true } : { rootless: true }), connectTo: ['host-loopback:1'] },
  // without tproxy, the ports must be named
  parts: [{ option: "--connect-to 'NAME:*'", keys: { connectTo: ['host-loopback:*'] } }],
});

// The limits that need a cgroup: a directory is made where a launch would make it, and removed.
async function limitsLevel(): Promise<Level> {
  const own = { name: 'limits', option: '--memory, --pids, --cpu' } as const;
  try {
    const step = await planCgroup({
      memory: 2 ** 26,
      swap: undefined,
      pids: 64,
      cpu: 1,
      ioWeight: undefined,
      isolate: false,
      unshare: [],
      net: undefined,
    });
    for (const line of step?.lines ?? []) if (/^[12]\//.test(line)) tryDirectory(line.slice(1));
    return { ...own, works: true, without: [] };
  } catch (error) {
    if (!(error instanceof LaunchError)) throw error;
    return { ...own, works: false, lack: toLack(own.option, error), without: [] };
  }
}

function tryDirectory(base: string): void {
  const path = `${base}/uchroot-doctor-${process.pid}`;
  try {
    mkdirSync(path);
    rmdirSync(path);
  } catch (error) {
    const { errno = -5 } = error as NodeJS.ErrnoException;
    throw new LaunchError(`cgroup: ${base}: ${reason(-errno)}`, {
      step: 'cgroup',
      code: errnoName(-errno),
      path: base,
      hint: 'a cgroup must be left to this user: for a command systemd-run --user --scope -p Delegate=yes COMMAND; for a service Delegate=yes in its unit',
    });
  }
}

/**
 * Finds out which levels work, by trying each in a child: about ten forks of this process, so a large service should ask once, when it
 * starts. Nothing of the host changes.
 */
export async function capabilities(): Promise<Capabilities> {
  const levels = rows.map(levelOf);
  return {
    uid: process.getuid?.() ?? 0,
    gid: process.getgid?.() ?? 0,
    best: levels.find(({ works }) => works)?.name,
    levels: [...levels, levelOf(ids), await limitsLevel(), levelOf(outbound(process.geteuid?.() === 0))],
  };
}
