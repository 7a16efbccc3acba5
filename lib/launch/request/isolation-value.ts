// The values of a request about isolation: namespaces and the view of the file system. Pure.
import { UsageError } from '../../errors.ts';
import { meantHostname, meantList, meantPath, meantView } from '../../mistakes/meant-value.ts';
import { didYouMean } from '../../words/nearest.ts';
import { quote, type Bytes } from '../../words/quote.ts';
import { toWhole } from './number-value.ts';
import { flag, toBytes } from './value.ts';

/** The kinds of namespaces(7) that a launch can make, with their CLONE_NEW flags (linux/sched.h). */
export const namespaceFlags = {
  mount: 0x00020000,
  cgroup: 0x02000000,
  uts: 0x04000000,
  ipc: 0x08000000,
  pid: 0x20000000,
  net: 0x40000000,
} as const;

/** A kind of namespace. */
export type Namespace = keyof typeof namespaceFlags;

const namespaceNames = Object.keys(namespaceFlags) as readonly Namespace[];

// The words of unshare(1) and of other programs.
const foreignNamespaces = {
  network: 'net',
  mnt: 'mount',
  mounts: 'mount',
  pids: 'pid',
  hostname: 'uts',
  user: 'there is no user namespace in a launch by root: leave it out',
  all: 'write --isolate (isolate: true) for all of them',
};

export function toNamespaces(value: readonly Namespace[] | undefined): readonly Namespace[] {
  if (value === undefined) return [];
  if (!Array.isArray(value))
    throw new UsageError("unshare must be an array such as ['pid', 'net']", {
      hint: meantList('unshare', value, "'pid', 'net'"),
    });
  const wrong = value.findIndex((name) => !namespaceNames.includes(name));
  if (wrong < 0) return namespaceNames.filter((name) => value.includes(name));
  throw new UsageError(`there is no namespace '${quote(String(value[wrong]))}'`, {
    hint: String(value[wrong]).includes(',')
      ? meantList('unshare', String(value[wrong]))
      : (didYouMean(String(value[wrong]), namespaceNames, undefined, foreignNamespaces) ??
        `they are ${namespaceNames.join(', ')}`),
  });
}

/** All kinds of namespaces that a launch makes. */
export function namespacesOf(request: {
  readonly isolate: boolean;
  readonly unshare: readonly Namespace[];
  readonly net: Net | undefined;
}): readonly Namespace[] {
  const { isolate, unshare, net } = request;
  return isolate ? namespaceNames.filter((name) => name !== 'net' || net !== 'host') : unshare;
}

/** Whether the program's parent is the init process of a pid namespace, which leads its group and ends with the launcher. */
export function hasInit(request: Parameters<typeof namespacesOf>[0]): boolean {
  return namespacesOf(request).includes('pid');
}

/** Whether an isolated program is in the network of the host: then no namespace keeps it from the abstract sockets there (unix(7)). */
export const seesSockets = ({
  isolate,
  net,
}: {
  readonly isolate: boolean;
  readonly net?: Net | undefined;
}): boolean => isolate && net === 'host';

type Values = Readonly<Record<string, unknown>>;

/** Refuses a key that has a meaning only in a new namespace. */
function requireNamespace(kind: Namespace, key: string, { isolate, rootless, unshare }: Values): void {
  if (isolate === true || rootless === true || (Array.isArray(unshare) && unshare.includes(kind))) return;
  throw new UsageError(`${key} needs a ${kind} namespace of its own`, {
    hint: `give isolate (--isolate), or unshare ${kind} (--unshare ${kind})`,
  });
}

/** The network of a program: a namespace of its own with nothing but lo, or the host's. */
export type Net = 'none' | 'host';

export function toNet(
  value: Net | undefined,
  _: string,
  { isolate, rootless, unshare }: Values,
): Net | undefined {
  if (value === undefined) return undefined;
  if (value !== 'none' && value !== 'host')
    throw new UsageError(`net must be 'none' or 'host', not '${quote(String(value))}'`, {
      hint: "write host for the host's network, or none for one with lo alone",
    });
  if (isolate !== true && rootless !== true)
    throw new UsageError(`net is for isolate`, {
      hint: 'give isolate (--isolate), or for a network of its own alone: unshare net (--unshare net)',
    });
  if (value === 'host' && Array.isArray(unshare) && unshare.includes('net'))
    throw new UsageError('net is host, and unshare has net: choose one', {
      hint: 'leave net out of unshare (--unshare), or leave --net host (net) out',
    });
  return value;
}

/** One change of what the program sees of the file system. Paths are absolute; all but `bind` are paths in the jail. */
export type View =
  | { readonly bind: Bytes; readonly to: Bytes; readonly readOnly?: boolean }
  | {
      readonly tmpfs: Bytes;
      /** Bytes. */
      readonly size?: number | undefined;
      readonly inodes?: number | undefined;
      readonly mode?: number;
      /** Nothing there can be executed. */
      readonly noexec?: boolean;
    }
  | { readonly proc: Bytes }
  | { readonly dev: Bytes }
  | { readonly dir: Bytes }
  | { readonly writable: Bytes };

/** The normal form of a View. */
export type NormalView =
  | { readonly kind: 'bind'; readonly source: Buffer; readonly target: Buffer; readonly readOnly: boolean }
  | {
      readonly kind: 'tmpfs';
      readonly target: Buffer;
      readonly size: number;
      readonly inodes: number;
      readonly mode: number;
      readonly noexec: boolean;
    }
  | { readonly kind: 'proc' | 'dev' | 'dir' | 'writable'; readonly target: Buffer };

function absolute(value: unknown, name: string, to?: Bytes): Buffer {
  const path = toBytes(value as Bytes, name);
  if (path !== undefined && path[0] === 0x2f) return path;
  if (path === undefined) throw new UsageError(`${name} must be an absolute path`);
  throw new UsageError(`${name} must be an absolute path, not ${quote(path)}`, {
    hint: path.length === 0 ? 'is a variable of the shell empty?' : meantPath(name, quote(path), to),
  });
}

// Nothing can be mounted on /: a process would not see it, because its root directory is the one below that mount.
function place(value: unknown, name: string): Buffer {
  const path = absolute(value, name);
  const names = path
    .toString('latin1')
    .split('/')
    .filter((one) => one !== '' && one !== '.');
  // placeOf() of ../plan/mount-points.ts compares the places
  if (names.some((one) => one !== '..')) return Buffer.from(`/${names.join('/')}`, 'latin1');
  throw new UsageError(`${name} must not be /: the jail itself is there`, {
    hint: 'leave it out: what the program sees at / is the jail',
  });
}

// The default size of a tmpfs: 64 MiB and 8192 files.
const defaultSize = 64 * 2 ** 20;
const defaultInodes = 8192;

const kinds = ['bind', 'tmpfs', 'proc', 'dev', 'dir', 'writable'] as const;
const keysOf: Readonly<Record<string, readonly string[]>> = {
  bind: ['to', 'readOnly'],
  tmpfs: ['size', 'inodes', 'mode', 'noexec'],
};

function toEntry(entry: Readonly<Record<string, unknown>>, name: string): NormalView {
  const found = kinds.filter(
    (kind) => entry !== null && typeof entry === 'object' && entry[kind] !== undefined,
  );
  const [kind] = found;
  if (kind === undefined || found.length > 1)
    throw new UsageError(`${name} must have one of ${kinds.join(', ')}, as in {tmpfs: '/tmp'}`, {
      hint: meantView(entry),
    });
  const known = [kind, ...(keysOf[kind] ?? [])];
  const wrong = Object.keys(entry).find((key) => !known.includes(key));
  if (wrong !== undefined)
    throw new UsageError(`${name}: ${kind} takes no '${quote(wrong)}'`, {
      hint: didYouMean(wrong, known) ?? `it takes ${known.join(', ')}`,
    });
  if (kind === 'bind' && entry.to === undefined)
    throw new UsageError(`${name}.to is missing: the path in the jail`, {
      hint: `write to: '${quote(String(entry.bind))}'`,
    });
  const target = place(entry[kind === 'bind' ? 'to' : kind], `${name}.${kind === 'bind' ? 'to' : kind}`);
  if (kind === 'bind') {
    const readOnly = flag(entry.readOnly as boolean | undefined, `${name}.readOnly`);
    return { kind, source: absolute(entry.bind, `${name}.bind`, target), target, readOnly };
  }
  if (kind !== 'tmpfs') return { kind, target };
  return {
    kind,
    target,
    // 0 would be no limit (tmpfs(5))
    size: toWhole(entry.size as number | undefined, `${name}.size`, 1, 2 ** 50) ?? defaultSize,
    inodes: toWhole(entry.inodes as number | undefined, `${name}.inodes`, 1, 2 ** 31) ?? defaultInodes,
    mode: toWhole(entry.mode as number | undefined, `${name}.mode`, 0, 0o7777) ?? 0o1777,
    noexec: flag(entry.noexec as boolean | undefined, `${name}.noexec`),
  };
}

/** In the order in which they are made: a later one can lie in an earlier one. */
export function toView(
  value: readonly View[] | undefined,
  key: string,
  others: Values,
): readonly NormalView[] {
  if (value === undefined) return [];
  requireNamespace('mount', `${key} (--bind, --tmpfs and the like)`, others);
  if (!Array.isArray(value))
    throw new UsageError("view must be an array such as [{tmpfs: '/tmp'}]", {
      hint:
        typeof value === 'object' && value !== null
          ? 'write view: [VIEW], with brackets round it'
          : "write view: [{tmpfs: '/tmp'}], or [{bind: '/etc', to: '/etc', readOnly: true}]",
    });
  const entries = value.map((entry, i) => toEntry(entry as never, `view[${i}]`));
  const trees = others.rootless === true ? { ...treesOf, proc: 2, dev: 6 } : treesOf;
  if (entries.reduce((sum, { kind }) => sum + trees[kind], 0) <= mostTrees) return entries;
  throw new UsageError(`a launch has at most ${mostTrees} of bind, proc and writable`, {
    hint: others.rootless === true ? 'rootless, a proc counts twice and a dev six times' : undefined,
  });
}

// kMaxTrees of native/plan/plan.h, less the jail and the directory of --ephemeral
const mostTrees = 62;
const treesOf: Readonly<Record<NormalView['kind'], number>> = {
  bind: 1,
  tmpfs: 0,
  proc: 1,
  dev: 0,
  dir: 0,
  writable: 1,
};

/** Whether an ordinary user launches, who cannot set supplementary groups (user_namespaces(7)). */
export function toRootless(value: boolean | undefined, key: string, others: Values): boolean {
  const isRootless = flag(value, key);
  const given = ['groups', 'clearGroups'].find(
    (name) => others[name] !== undefined && others[name] !== false,
  );
  if (isRootless && given !== undefined && others.mapAuto !== true)
    throw new UsageError(`${given} and rootless are given at once`, {
      hint: `leave ${given} out, or give --map-auto (mapAuto): else the kernel lets the program keep the caller's groups only`,
    });
  return isRootless;
}

/** Whether the user namespace has a range of ids. */
export function toMapAuto(value: boolean | undefined, key: string, { rootless }: Values): boolean {
  const isMapped = flag(value, key);
  if (isMapped && rootless !== true)
    throw new UsageError('mapAuto is for rootless', {
      hint: 'give rootless too (--rootless); root has all ids, and needs no map',
    });
  return isMapped;
}

/** True: what the program writes vanishes with it. A path: it is kept in that directory of the host. */
export function toEphemeral(
  value: boolean | Bytes | undefined,
  key: string,
  others: Values,
): true | Buffer | undefined {
  if (value === undefined || value === false) return undefined;
  requireNamespace('mount', key, others);
  if (others.readOnly === true)
    throw new UsageError('ephemeral and readOnly are given at once: choose one', {
      hint: 'leave --read-only (readOnly) or --ephemeral (ephemeral) out',
    });
  return value === true ? true : absolute(value, 'ephemeral');
}

/** The root of the jail is read-only. */
export function toReadOnly(value: boolean | undefined, key: string, others: Values): boolean {
  if (flag(value, key)) requireNamespace('mount', key, others);
  return value === true;
}

export function toHostname(value: string | undefined, key: string, others: Values): string | undefined {
  if (value === undefined) return undefined;
  requireNamespace('uts', key, others);
  // hostname(7), and sethostname(2): 64 bytes
  if (typeof value === 'string' && /^[A-Za-z0-9](?:[A-Za-z0-9.-]{0,62}[A-Za-z0-9])?$/.test(value))
    return value;
  throw new UsageError('hostname must be 1 to 64 letters, digits, dots and hyphens', {
    hint: meantHostname(typeof value === 'string' ? value : ''),
  });
}
