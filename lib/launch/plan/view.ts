// The steps that make the program's view of the file system: the jail as the root directory, and what is mounted in it. Pure.
import type { Namespace, NormalView, NormalWorkspace } from '../request/isolation-value.ts';
import { mayActAsRoot } from '../request/rights.ts';
import type { NormalRequest, SetUpKey } from '../request/request.ts';
import { beneath, devices, devSteps, inert, procSteps, readOnly } from './kernel-mounts.ts';
import { guardLinks } from './mount-links.ts';
import { placed, placeOf } from './mount-points.ts';
import { pathsOf } from '../../outbound/paths.ts';
import { coverResolver, makeResolver } from './outbound-steps.ts';
import type { MountFlag, Step } from './step.ts';

type Request = Pick<NormalRequest, SetUpKey>;

// Free again once the jail is the root directory: then for what hides files of a proc(5).
const jailSlot = 0;
const storeSlot = 1;
// This slot has two uses, but only one in a launch: an overlay has its own /dev.
const devSlot = storeSlot;
const firstBind = 2;

const outside: readonly MountFlag[] = ['nosuid', 'nodev'];

const rootFlags = (allowNewPrivs: boolean): readonly MountFlag[] => (allowNewPrivs ? ['nodev'] : outside);

type Open = Extract<Step, { readonly op: 'open_tree' | 'new_tree' }>;

type Given = Pick<Request, 'view' | 'readOnly' | 'rootless' | 'insecurePath'>;
type Trees = ReadonlyMap<NormalView, readonly Open[]>;
type Source = Open extends infer Each ? (Each extends Open ? Omit<Each, 'slot'> : never) : never;

/**
 * The steps that open the trees of each entry, each in the next slot: the source of a bind, and a writable directory of a read-only jail.
 * Without root also a proc(5), and the devices of the host.
 */
export function treesOf(request: Given): Trees {
  let slot = firstBind;
  const opened = new Map<NormalView, readonly Open[]>();
  for (const entry of request.view) {
    const trees: Open[] = [];
    for (const source of sourcesOf(entry, request)) trees.push({ ...source, slot: slot++ });
    opened.set(entry, trees);
  }
  return opened;
}

/** Opens the jail and the trees of the host, while the host's mounts can still be reached. */
export function openTrees(request: Request, namespaces: readonly Namespace[]): readonly Step[] {
  const { readOnly: isReadOnly, ephemeral, allowNewPrivs, insecurePath } = request;
  if (!namespaces.includes('mount')) return [];
  const isStored = ephemeral !== undefined && ephemeral !== true;
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
            ...judged(insecurePath),
            flags: inert,
          } as const,
        ]
      : []),
    ...(ephemeral === undefined ? [openDevices(isReadOnly)] : []),
    ...[...treesOf(request)].flatMap(([entry, trees]) => withMaps(entry, trees)),
  ];
}

// Mounts the jail's own devices so that they work. Only root can have made them, and the program can make none. If the host has mounted
// the directory with `nodev`, it stays so: a user may have mounted it (fusermount(1)). On a read-only mount, devices can still be written.
const openDevices = (isReadOnly: boolean): Step => ({
  op: 'open_tree',
  slot: devSlot,
  source: Buffer.from('/dev'),
  isInJail: true,
  ifThere: true,
  flags: ['nosuid', 'noexec', ...(isReadOnly ? readOnly : [])],
});

const onHost = (path: string, flags: readonly MountFlag[]): Source => ({
  op: 'open_tree',
  source: Buffer.from(path),
  flags,
});

// The links on the way were judged and resolved before (judgeBinds() in host/binds.ts). One that is there now was put there meanwhile.
const judged = (insecurePath: boolean): { readonly noLinks?: true } =>
  insecurePath ? {} : { noLinks: true };

// The tree that an entry takes from outside the new root directory. A writable directory comes from the jail as it is on the host: if it
// is mounted read-only there, it stays read-only.
function sourcesOf(
  entry: NormalView,
  { readOnly: isReadOnly, rootless: isRootless, insecurePath }: Given,
): readonly Source[] {
  switch (entry.kind) {
    case 'bind': {
      const flags = entry.readOnly ? [...outside, ...readOnly] : outside;
      return [{ op: 'open_tree', source: entry.source, ...judged(insecurePath), flags }];
    }
    case 'writable':
      return isReadOnly
        ? [{ op: 'open_tree', source: entry.target, isInJail: true, noLinks: true, flags: inert }]
        : [];
    case 'proc':
      return isRootless ? [{ op: 'new_tree', type: 'proc', flags: inert }] : [];
    case 'dev':
      return isRootless
        ? Object.keys(devices).map((name) => onHost(`/dev/${name}`, ['nosuid', 'noexec', ...readOnly]))
        : [];
    case 'workspace': {
      const path = entry.layers;
      if (path === undefined) throw new Error('a workspace is planned without its layers');
      return [
        {
          op: 'open_tree',
          source: entry.source,
          isDirectory: true,
          ...judged(insecurePath),
          // also for a program that gets beneath the overlay
          flags: [...outside, ...readOnly],
        },
        { op: 'open_tree', source: path, isDirectory: true, ...judged(insecurePath), flags: inert },
      ];
    }
    case 'tmpfs':
    case 'dir':
      return [];
    default:
      return entry satisfies never;
  }
}

// The trees of an entry; those of a workspace show its owner's files as the user's.
function withMaps(entry: NormalView, trees: readonly Open[]): readonly Step[] {
  if (entry.kind !== 'workspace' || entry.mapFd === undefined) return trees;
  const fd = entry.mapFd;
  return [...trees, ...trees.map(({ slot }): Step => ({ op: 'map_tree', slot, fd }))];
}

// The overlay lies on the directory that it writes to, which hides that, and finds its layers by relative paths from there.
function workspaceSteps(
  { target, noexec }: NormalWorkspace,
  trees: readonly Open[],
  isRootless: boolean,
): readonly Step[] {
  const [lower, layers] = trees.map(({ slot }) => slot);
  // with redirects, a renamed directory would stay in the lower layer, where a commit does not look
  const mode = isRootless ? 'userxattr' : 'metacopy=off';
  const options = `lowerdir=lower,upperdir=upper,workdir=work,redirect_dir=nofollow,${mode}`;
  return [
    { op: 'move_mount', slot: layers ?? jailSlot, target, enters: true },
    { op: 'lock_directory' },
    { op: 'move_mount', slot: lower ?? jailSlot, target: beneath(target, 'lower'), within: target },
    { op: 'mount', type: 'overlay', target, flags: noexec === true ? inert : outside, options },
  ];
}

// The most that a program may write to an ephemeral jail: 256 MiB, 65536 files.
const ephemeralSpace = { size: 256 * 2 ** 20, inodes: 65536 };

/** Makes the jail the root directory, and mounts what the program sees in it. */
export function makeView(request: Request, namespaces: readonly Namespace[]): readonly Step[] {
  if (!namespaces.includes('mount')) return [];
  const { ephemeral, allowNewPrivs, rootless } = request;
  const own = { flags: rootFlags(allowNewPrivs), ...(rootless ? { rootless } : {}) };
  const space = { ...ephemeralSpace, ...own };
  const overlay = ephemeral === true ? space : { ...space, slot: storeSlot };
  const entries = viewSteps(request, treesOf(request));
  return [
    ...makeResolver(request.connectTo),
    { op: 'pivot_root', slot: jailSlot, ...(ephemeral === undefined ? {} : { overlay }) },
    ephemeral === undefined
      ? { op: 'move_mount', slot: devSlot, target: device, ifThere: true }
      : { op: 'bind_if_there', source: device, target: device, set: ['nosuid', 'noexec'], clear: ['nodev'] },
    ...guardLinks(request, [...entries, ...doorSteps(request)]),
    ...coverResolver(request.connectTo),
    ...(ephemeral === undefined && (rootless || mayActAsRoot(request)) ? [keepManifest] : []),
  ];
}

// A door lies on what the view shows.
const doorSteps = ({ connectTo, view, ephemeral }: Request): readonly Step[] =>
  pathsOf(connectTo).flatMap((path) => {
    const entry = { kind: 'dir', target: Buffer.from(path) } as const;
    return placed(placeOf({ view: [...view, entry], ephemeral }, entry), [
      { op: 'unix_door', slot: jailSlot, path: entry.target },
      { op: 'move_mount', slot: jailSlot, target: entry.target },
    ]);
  });

type RightsKey = 'allowRoot' | 'allowNewPrivs' | 'caps' | 'rootless';

// The program may own the jail: without root, or as root inside. It must not change the records of uchroot-jail there, which say for
// example which files to copy from the host. This mount comes last, because a writable directory could hold the records.
const store = Buffer.from('/.uchroot');
const keepManifest: Step = {
  op: 'bind_if_there',
  source: store,
  target: store,
  set: [...inert, ...readOnly],
  clear: [],
};

const [device, root] = [Buffer.from('/dev'), Buffer.from('/')];

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

/**
 * The steps of entries of the view, in the jail, and with the trees that were opened for them. `isJoined`: in a copy of mounts that an open
 * jail keeps.
 */
export function viewSteps(
  request: Pick<Request, 'view' | 'ephemeral' | RightsKey>,
  opened: Trees,
  isJoined = false,
): readonly Step[] {
  const isRoots = mayActAsRoot(request);
  return [...opened].flatMap(([entry, trees]) =>
    placed(placeOf(request, entry), entrySteps(entry, trees, isJoined, isRoots, request.rootless)),
  );
}

function entrySteps(
  entry: NormalView,
  trees: readonly Open[],
  isJoined: boolean,
  isRoots: boolean,
  isRootless: boolean,
): readonly Step[] {
  const { target } = entry;
  const [{ slot } = { slot: jailSlot }] = trees;
  switch (entry.kind) {
    case 'bind':
      return [{ op: 'move_mount', slot, target }];
    case 'workspace':
      return workspaceSteps(entry, trees, isRootless);
    case 'tmpfs': {
      const options = `size=${entry.size},nr_inodes=${entry.inodes},mode=${entry.mode.toString(8)}`;
      return [{ op: 'mount', type: 'tmpfs', target, flags: entry.noexec ? inert : outside, options }];
    }
    case 'proc':
      return procSteps(target, jailSlot, trees[0]?.slot, isJoined, isRoots);
    case 'dev':
      return devSteps(target, trees);
    case 'dir':
      return [{ op: 'mkdir', path: target, mode: 0o755 }];
    case 'writable':
      // The program must not execute files that it has written there.
      return trees.length === 0
        ? [{ op: 'bind', source: target, target, set: inert, clear: [] }]
        : [{ op: 'move_mount', slot, target, noLinks: true }];
    default:
      return entry satisfies never;
  }
}
