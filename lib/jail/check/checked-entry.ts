// The entries of a checked jail as the walk meets them, and whose they are.

import { createHash, type Hash, hash as hashOnce } from 'node:crypto';

import { type BytePath, pathBytes } from '../../tree/path.ts';
import type { DirectoryRoot } from '../../tree/root.ts';
import { native } from '../../native.ts';
import { caller, seenBy } from '../../trust/owner.ts';
import { STORE } from '../manifest/layout.ts';
import type { Manifest, Recorded } from '../manifest/manifest.ts';
import type { JailWork } from '../request/jail-request.ts';
import { throwIfAborted } from '../work/jail-error.ts';
import { begin } from '../work/steps.ts';

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
  /** As the jail's owner sees them. */
  readonly uid: number;
  readonly gid: number;
  readonly nlink: number;
  readonly inode: bigint;
  readonly sizeBytes: number;
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
export const isOfSystem = ({ zone }: Pick<Entry, 'zone'>): boolean => zone === 'system' || zone === 'extra';

type Owned = Pick<Entry, 'uid' | 'zone' | 'recorded'>;

/** Whether it is a user's own file, in a place where he may make files, or given to him by the builder. */
export function isOwn({ uid, zone, recorded }: Owned): boolean {
  return uid !== 0 && (zone === 'user' || zone === 'passing' || recorded?.uid === uid);
}

/** Whether it is the data of a user: his own file, or in a directory of his, where he can replace it. */
export const isData = (entry: Owned): boolean => entry.zone === 'user' || isOwn(entry);

/** The kind that an entry of the manifest had when it was built; its devices are character devices. */
export const builtKind = ({ kind }: Pick<Recorded, 'kind'>): Kind => (kind === 'device' ? 'character' : kind);

const PASSING: ReadonlySet<string> = new Set('/tmp /var/tmp /dev /run /var/run /proc /sys'.split(' '));

const SYSTEM = /^\/(?:$|(?:usr|bin|sbin|lib[^/]*|etc|opt)(?:\/|$))/;

/** Whether every system has programs, libraries or configuration there (file-hierarchy(7)). */
export const isSystemPath = (path: BytePath): boolean => SYSTEM.test(path);

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

const CONTENT_BYTES = 2 << 20;

export interface Scanned {
  readonly files: number;
  readonly sizeBytes: number;
}

/** Calls `meet` for every entry, a directory before what lies in it. @throws system errors; AbortError */
export async function scanJail(
  jail: DirectoryRoot,
  manifest: Manifest | undefined,
  meet: (entry: Entry) => void,
  { signal, onProgress }: Pick<JailWork, 'signal' | 'onProgress'>,
): Promise<Scanned> {
  const recorded = manifest?.entries ?? [];
  const paths = pathBytes(recorded.map(({ path }) => `${path}\0`).join('') as BytePath);
  const sizes = Float64Array.from(recorded, ({ kind, sizeBytes }) =>
    kind === 'file' ? (sizeBytes ?? -1) : -1,
  );
  const scan = native.scanTree(jail.fd, paths, sizes);
  const buffers = [Buffer.allocUnsafeSlow(CONTENT_BYTES), Buffer.allocUnsafeSlow(CONTENT_BYTES)] as const;
  const read = openReader(recorded, manifest !== undefined);
  const total = { files: 0, sizeBytes: 0 };
  const progress = begin('inspect');
  let next = scan.next(buffers[0]);
  try {
    for (let turn = 0; ; turn++) {
      const { records, contentSize } = await next;
      if (records.length === 0 && contentSize === 0) return total;
      throwIfAborted(signal);
      const content = buffers[turn % 2 === 0 ? 0 : 1];
      next = scan.next(buffers[turn % 2 === 0 ? 1 : 0]);
      read(records, content.subarray(0, contentSize), (entry) => {
        if (entry.kind === 'file') {
          total.files++;
          total.sizeBytes += entry.sizeBytes;
        }
        meet(entry);
      });
      onProgress?.({ ...progress, ...total });
    }
  } finally {
    await next.catch(() => undefined); // its thread still uses the buffers and the directories
    scan.close();
  }
}

// by the upper four bits of st_mode (inode(7))
const KINDS: Readonly<Record<number, Kind>> = {
  0o01: 'fifo',
  0o02: 'character',
  0o04: 'directory',
  0o06: 'block',
  0o10: 'file',
  0o12: 'link',
  0o14: 'socket',
};

/** The kind of an object with this st_mode (stat(2)). */
export const kindOf = (mode: number): Kind => KINDS[mode >> 12] ?? 'file';

const HEADER_BYTES = 80;
const IS_READ = 64;

/** Reads batches as native/files/scan.cc writes them. */
function openReader(
  recorded: readonly Recorded[],
  hasManifest: boolean,
): (records: Buffer, content: Buffer, meet: (entry: Entry) => void) => void {
  const zoneOf = openZones(hasManifest);
  let begun: Hash | undefined; // the hash of a file that began in an earlier batch

  function digest(part: Buffer): string {
    if (begun === undefined) return hashOnce('sha256', part, 'hex');
    const sha256 = begun.update(part).digest('hex');
    begun = undefined;
    return sha256;
  }

  return (records, content, meet) => {
    const batch = viewOf(records);
    let contentAt = 0;
    for (let at = 0; at < records.length;) {
      const { entry, isRead, contentBytes, end } = readRecord(batch, at, recorded);
      const contentEnd = contentAt + contentBytes;
      if (isRead) entry.sha256 = digest(content.subarray(contentAt, contentEnd));
      entry.zone = zoneOf(entry);
      meet(entry);
      contentAt = contentEnd;
      at = end + ((8 - (end % 8)) % 8);
    }
    if (contentAt < content.length) (begun ??= createHash('sha256')).update(content.subarray(contentAt));
  };
}

// All supported machines are little-endian, and a record begins at a multiple of 8.
function viewOf(records: Buffer) {
  const { buffer, byteOffset, length } = records;
  const [words, ids] = [
    new Uint32Array(buffer, byteOffset, length >> 2),
    new BigUint64Array(buffer, byteOffset, length >> 3),
  ];
  const doubles = new Float64Array(buffer, byteOffset, length >> 3);
  return { records, words, ids, doubles, owner: caller() };
}

/** The record at a place, without its hash and its zone. */
function readRecord(batch: ReturnType<typeof viewOf>, at: number, recorded: readonly Recorded[]) {
  const { records, words, ids, doubles } = batch;
  const first = at >> 2;
  const number = (index: number): number => words[first + index] ?? 0;
  const flags = number(8);
  const pathAt = at + HEADER_BYTES;
  const targetAt = pathAt + number(12);
  const end = targetAt + number(13);
  const entry = {
    path: records.toString('latin1', pathAt, targetAt) as BytePath,
    kind: kindOf(number(0)),
    mode: number(0) & 0o7777,
    // whether a list lets the group write is only known when it is read: writerIn()
    ...seenBy(batch.owner, { uid: number(1), gid: number(2), mode: (flags & 2) === 0 ? number(0) : 0 }),
    nlink: number(3),
    inode: ids[(at >> 3) + 2] ?? 0n,
    major: number(6),
    minor: number(7),
    hasCapabilities: (flags & 1) !== 0,
    hasAcl: (flags & 2) !== 0,
    isMounted: (flags & 4) !== 0,
    isElf: (flags & 8) !== 0,
    isScript: (flags & 16) !== 0,
    isKey: (flags & 32) !== 0,
    hasLooseDefault: (flags & 128) !== 0,
    error: number(9),
    depth: number(11),
    sizeBytes: doubles[(at >> 3) + 8] ?? 0,
    target: records.toString('latin1', targetAt, end) as BytePath,
    recorded: recorded[number(10)],
    sha256: undefined as string | undefined,
    zone: 'system' as Zone,
  } satisfies Entry;
  return { entry, isRead: (flags & IS_READ) !== 0, contentBytes: number(14), end };
}
