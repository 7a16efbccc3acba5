// The values of a request about isolation: namespaces and the view of the file system. Pure.
import { posix } from 'node:path';

import { checkKeys } from '../../values/keys.ts';
import { absolutePath, flag, list, oneOf, optional, text, whole } from '../../values/validators.ts';
import { atOnce, needs, usageError, wrong } from '../../values/wrong.ts';
import type { Bytes } from '../../words/quote.ts';
import { checkTrees } from './view-trees.ts';

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

const namespaces = list(
  // words of unshare(1) and docker(1)
  oneOf(namespaceNames, { foreign: { network: 'net', mnt: 'mount', pids: 'pid', hostname: 'uts' } }),
  ['pid', 'net'],
);

export function toNamespaces(value: readonly Namespace[] | undefined, key: string): readonly Namespace[] {
  if (value === undefined) return [];
  const given = namespaces(value, key);
  return namespaceNames.filter((name) => given.includes(name));
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
export function requireNamespace(kind: Namespace, key: string, { isolate, rootless, unshare }: Values): void {
  if (isolate === true || rootless === true || (Array.isArray(unshare) && unshare.includes(kind))) return;
  throw usageError(({ name, assign }) => ({
    message: `${name(key)} needs a ${kind} namespace of its own`,
    hint: `give ${assign('isolate', true)}, or ${assign('unshare', [kind])}`,
  }));
}

/** The network of a program: a namespace of its own with nothing but lo, or the host's. */
export type Net = 'none' | 'host';

const net = oneOf(['none', 'host'], { example: 'host' });

export function toNet(
  value: Net | undefined,
  key: string,
  { isolate, rootless, unshare }: Values,
): Net | undefined {
  if (value === undefined) return undefined;
  const given = net(value, key);
  if (isolate !== true && rootless !== true) throw needs(key, 'isolate', true);
  if (given === 'host' && Array.isArray(unshare) && unshare.includes('net'))
    throw usageError(({ name, assign }) => ({
      message: `${assign(key, 'host')} and ${assign('unshare', ['net'])} are given at once: choose one`,
      hint: `leave ${name(key)} or ${name('unshare')} out`,
    }));
  return given;
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
  | {
      readonly kind: 'bind';
      readonly source: Buffer;
      readonly target: Buffer;
      readonly readOnly: boolean;
      /** Of a jail by reference: it was judged when it was added, and has no links. */
      readonly isReference?: true;
    }
  | {
      readonly kind: 'tmpfs';
      readonly target: Buffer;
      readonly size: number;
      readonly inodes: number;
      readonly mode: number;
      readonly noexec: boolean;
    }
  | NormalWorkspace
  | { readonly kind: 'proc' | 'dev' | 'dir' | 'writable'; readonly target: Buffer };

/** A directory of the host, at its own path. What is written goes to `layers`, which lib/launch/host/workspace.ts adds. */
export interface NormalWorkspace {
  readonly kind: 'workspace';
  readonly source: Buffer;
  readonly target: Buffer;
  readonly layers?: Buffer;
  /** Descriptor of a user namespace that shows the owner's files as the user's; undefined if they are. */
  readonly mapFd?: number;
  readonly noexec?: boolean;
}

// Nothing can be mounted on /: a process would not see it, because its root directory is the one below that mount.
function place(value: unknown, key: string, example = '/tmp'): Buffer {
  const path = absolutePath(example)(value as Bytes, key);
  const names = path
    .toString('latin1')
    .split('/')
    .filter((one) => one !== '' && one !== '.');
  // placeOf() of ../plan/mount-points.ts compares the places
  if (names.some((one) => one !== '..')) return Buffer.from(`/${names.join('/')}`, 'latin1');
  throw wrong({ key, value: path, expected: 'a path below /, where the jail itself is', example });
}

// The default size of a tmpfs: 64 MiB and 8192 files.
const defaultSize = 64 * 2 ** 20;
const defaultInodes = 8192;

const kinds = ['bind', 'tmpfs', 'proc', 'dev', 'dir', 'writable'] as const;
const keysOf: Readonly<Record<string, readonly string[]>> = {
  bind: ['to', 'readOnly'],
  tmpfs: ['size', 'inodes', 'mode', 'noexec'],
};

const toSize = optional(whole(1, 2 ** 50, defaultSize), defaultSize);
const toInodes = optional(whole(1, 2 ** 31, defaultInodes), defaultInodes);
const toMode = optional(whole(0, 0o7777, 0o1777), 0o1777);

function toEntry(value: View, key: string): NormalView {
  const entry = (typeof value === 'object' && value !== null ? value : {}) as Readonly<Record<string, never>>;
  const found = kinds.filter((kind) => entry[kind] !== undefined);
  const [kind] = found;
  if (kind === undefined || found.length > 1)
    throw wrong({
      key,
      value,
      expected: `an object with one of ${kinds.join(', ')}`,
      hint: `for example {bind: '/etc', to: '/etc', readOnly: true} or {tmpfs: '/tmp'}`,
    });
  const known = new Set([kind, ...(keysOf[kind] ?? [])]);
  if (Object.keys(entry).some((one) => !known.has(one))) checkKeys(entry, known);
  if (kind === 'bind') {
    const target = place(entry.to, `${key}.to`);
    return {
      kind,
      source: absolutePath('/tmp')(entry.bind ?? '', `${key}.bind`),
      target,
      readOnly: flag(entry.readOnly, `${key}.readOnly`),
    };
  }
  const target = place(entry[kind], `${key}.${kind}`, /^(?:proc|dev)$/.test(kind) ? `/${kind}` : '/tmp');
  if (kind !== 'tmpfs') return { kind, target };
  return {
    kind,
    target,
    // 0 would be no limit (tmpfs(5))
    size: toSize(entry.size, `${key}.size`),
    inodes: toInodes(entry.inodes, `${key}.inodes`),
    mode: toMode(entry.mode, `${key}.mode`),
    noexec: flag(entry.noexec, `${key}.noexec`),
  };
}

const views = list(toEntry, [{ tmpfs: '/tmp' }]);

/** In the order in which they are made: a later one can lie in an earlier one. */
export function toView(
  value: readonly View[] | undefined,
  key: string,
  others: Values,
): readonly NormalView[] {
  const own = others.workspace === undefined ? [] : [toWorkspace(others.workspace, 'workspace', others)];
  if (value === undefined) return own;
  requireNamespace('mount', key, others);
  const entries = [...views(value, key), ...own];
  const isRootless = others.rootless === true;
  checkTrees(
    entries,
    isRootless,
    isRootless ? 'rootless, a proc counts twice and a dev six times' : undefined,
  );
  return entries;
}

/** Whether an ordinary user launches, who cannot set supplementary groups (user_namespaces(7)). */
export function toRootless(value: boolean | undefined, key: string, others: Values): boolean {
  const isRootless = flag(value, key);
  const given = ['groups', 'clearGroups'].find(
    (name) => others[name] !== undefined && others[name] !== false,
  );
  if (isRootless && given !== undefined && others.mapAuto !== true)
    throw usageError(({ name, assign }) => ({
      message: `${name(given)} and ${name(key)} are given at once`,
      hint: `leave ${name(given)} out, or give ${assign('mapAuto', true)}: else the kernel lets the program keep the caller's groups only`,
    }));
  return isRootless;
}

/** Whether the user namespace has a range of ids. */
export function toMapAuto(value: boolean | undefined, key: string, { rootless }: Values): boolean {
  const isMapped = flag(value, key);
  if (isMapped && rootless !== true) throw needs(key, 'rootless', true);
  return isMapped;
}

/** A directory of the host for what programs write. */
export const toStore = absolutePath('/var/lib/jail-changes');

/** True: what the program writes vanishes with it. A path: it is kept in that directory of the host. */
export function toEphemeral(
  value: boolean | Bytes | undefined,
  key: string,
  others: Values,
): true | Buffer | undefined {
  if (value === undefined || value === false) return undefined;
  requireNamespace('mount', key, others);
  if (others.readOnly === true) throw atOnce(key, 'readOnly');
  return value === true ? true : toStore(value, key);
}

const dataPath = absolutePath('/srv/data');

// as a shell shows it, without `..`
const workspacePath = (value: unknown, key: string): Buffer =>
  place(Buffer.from(posix.normalize(dataPath(value as Bytes, key).toString('latin1')), 'latin1'), key);

function toWorkspace(value: unknown, key: string, others: Values): NormalWorkspace {
  // the init of the namespace holds the lock
  requireNamespace('pid', key, others);
  requireNamespace('mount', key, others);
  if (others.ephemeral !== undefined && typeof others.ephemeral !== 'boolean') throw atOnce(key, 'ephemeral');
  const path = workspacePath(value, key);
  return { kind: 'workspace', source: path, target: path };
}

/** The directory whose changes are kept aside. Its mount is an entry of the view. */
export function toWorkspacePath(value: Bytes | undefined, key: string): Buffer | undefined {
  return value === undefined ? undefined : workspacePath(value, key);
}

/** The root of the jail is read-only. */
export function toReadOnly(value: boolean | undefined, key: string, others: Values): boolean {
  const isReadOnly = flag(value, key);
  if (isReadOnly) requireNamespace('mount', key, others);
  return isReadOnly;
}

// hostname(7), and sethostname(2): 64 bytes
const name = text(
  '1 to 64 letters, digits, dots and hyphens',
  'jail',
  /^[A-Za-z0-9](?:[A-Za-z0-9.-]{0,62}[A-Za-z0-9])?$/,
);

export function toHostname(value: string | undefined, key: string, others: Values): string | undefined {
  if (value === undefined) return undefined;
  requireNamespace('uts', key, others);
  return name(value, key);
}
