// One entry of a checked jail as the walk met it, and whose it is.

import type { BytePath } from '../../binary/path.ts';
import { STORE } from '../manifest/layout.ts';
import type { Recorded } from '../manifest/manifest.ts';

/**
 * To whom a directory belongs. `system`: programs, libraries and configuration. `extra`: root's, but not made by the builder.
 * `user`: a user may do there what he likes. `passing`: /tmp and the like. `store`: the builder's own.
 */
export type Zone = 'system' | 'extra' | 'user' | 'passing' | 'store';

export type Kind = 'file' | 'directory' | 'link' | 'character' | 'block' | 'fifo' | 'socket';

export interface Entry {
  readonly path: BytePath;
  readonly kind: Kind;
  /** Permission bits with set-user-ID, set-group-ID and sticky. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly nlink: number;
  /** The inode number, in two halves of 32 bits. */
  readonly inodeLow: number;
  readonly inodeHigh: number;
  readonly sizeBytes: number;
  readonly mtimeMs: number;
  /** Of a device. */
  readonly major: number;
  readonly minor: number;
  /** Of a link. */
  readonly target: BytePath;
  /** It has file capabilities (capabilities(7)). */
  readonly hasCapabilities: boolean;
  /** It has an access control list (acl(5)). */
  readonly hasAcl: boolean;
  /** The default list of a directory lets others than its owner write what is made in it (acl(5)). */
  readonly hasLooseDefault: boolean;
  /** It is a mount point: the walk does not enter it. */
  readonly isMounted: boolean;
  readonly isElf: boolean;
  readonly isScript: boolean;
  /** A private key begins near its start. */
  readonly isKey: boolean;
  /** The errno if it could not be read or entered, else 0. */
  readonly error: number;
  /** 0 for the root directory. */
  readonly depth: number;
  /** Its entry in the manifest. */
  readonly recorded: Recorded | undefined;
  /** Of a file of the manifest that has the right size. */
  readonly sha256: string | undefined;
  /** Of the directory that it lies in. */
  readonly zone: Zone;
}

/** Whether anybody may execute it. */
export function isProgram({ kind, mode }: Pick<Entry, 'kind' | 'mode'>): boolean {
  return kind === 'file' && (mode & 0o111) !== 0;
}

// shared libraries, and the modules of interpreters
const CODE = /\.(?:so(?:\.[^/]*)?|py[cd]?|pth|p[lm]|rb|[cm]?js|php|phar|lua|tcl|tm|sh|jar|class|el)$/;

/** Whether it is executed, or loaded by its name. */
export function isCode(entry: Entry): boolean {
  return entry.kind === 'file' && (isProgram(entry) || entry.isElf || CODE.test(entry.path));
}

/** Whether it lies where root keeps programs and configuration, built or not. */
export function isOfSystem({ zone }: Pick<Entry, 'zone'>): boolean {
  return zone === 'system' || zone === 'extra';
}

type Owned = Pick<Entry, 'uid' | 'zone' | 'recorded'>;

/** Whether it is a user's own file, in a place where he may make files, or given to him by the builder. */
export function isOwn({ uid, zone, recorded }: Owned): boolean {
  return uid !== 0 && (zone === 'user' || zone === 'passing' || recorded?.uid === uid);
}

/** Whether it is the data of a user: his own file, or in a directory of his, where he can replace it. */
export function isData(entry: Owned): boolean {
  return entry.zone === 'user' || isOwn(entry);
}

/** The kind that an entry of the manifest had when it was built; its devices are character devices. */
export function builtKind({ kind }: Pick<Recorded, 'kind'>): Kind {
  return kind === 'device' ? 'character' : kind;
}

const PASSING: ReadonlySet<string> = new Set('/tmp /var/tmp /dev /run /var/run /proc /sys'.split(' '));

const SYSTEM = /^\/(?:$|(?:usr|bin|sbin|lib[^/]*|etc|opt)(?:\/|$))/;

/** Whether every system has programs, libraries or configuration there (file-hierarchy(7)). */
export function isSystemPath(path: BytePath): boolean {
  return SYSTEM.test(path);
}

function isRootsAlone({ mode, uid }: Pick<Recorded, 'mode' | 'uid'>, forbidden: number): boolean {
  return uid === 0 && (mode & forbidden) === 0;
}

/** The zone inside a directory. A directory that was built as root's stays root's, whatever happens to it later. */
function zoneWithin(
  directory: Pick<Entry, 'path' | 'mode' | 'uid' | 'recorded'>,
  outer: Zone,
  hasManifest: boolean,
): Zone {
  const { path, recorded } = directory;
  if (path === '/') return 'system';
  // if others may enter the store, its content is checked like any other
  if (path === STORE && isRootsAlone(directory, 0o077)) return 'store';
  if (outer === 'store' || outer === 'passing' || outer === 'user') return outer;
  if (PASSING.has(path)) return 'passing';
  if (recorded !== undefined) return isRootsAlone(recorded, 0o022) ? outer : 'user';
  if (!isSystemPath(path) && !isRootsAlone(directory, 0o022)) return 'user';
  return hasManifest ? 'extra' : 'system';
}

/** Tells the zone of each entry of a walk, which meets a directory before what lies in it. */
export function openZones(hasManifest: boolean): (entry: Omit<Entry, 'zone'>) => Zone {
  const within: Zone[] = []; // of the directories on the way to the entry, outermost first
  return (entry) => {
    const zone = entry.depth === 0 ? 'system' : (within[entry.depth - 1] ?? 'system');
    if (entry.kind === 'directory') {
      within.length = entry.depth;
      within.push(zoneWithin(entry, zone, hasManifest));
    }
    return zone;
  };
}
