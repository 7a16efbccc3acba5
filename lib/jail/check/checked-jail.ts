// A jail that is being checked, with everything that a rule may look at.

import { constants, readFileSync, readlinkSync } from 'node:fs';

import { openResolver } from '../../binary/closure.ts';
import { BASELINE } from '../../binary/machine.ts';
import { type BytePath, bytePath, pathBytes } from '../../tree/path.ts';
import { rememberStatus } from '../../tree/remembered-root.ts';
import { type DirectoryRoot, type FileRoot, openFileRoot, O_PATH } from '../../tree/root.ts';
import { errnoName, reason } from '../../words/errno.ts';
import { JailError } from '../../errors.ts';
import { native, type PathFacts } from '../../native.ts';
import { closedWay } from '../host/jail-directory.ts';
import { quote } from '../../words/quote.ts';
import { memoize } from '../../values/remember.ts';
import { caller, isOrdinary, type Owner, waySeenBy } from '../../trust/owner.ts';
import { judgeWay } from '../../trust/way.ts';
import { readMounts } from '../../tree/mountinfo.ts';
import { errorCode, lookOr, unless } from '../../words/system-error.ts';
import { unsettledPaths } from '../apply/commit.ts';
import { mountsIn, pointIn } from '../host/mounts.ts';
import { openHost } from '../host/source-host.ts';
import { type Manifest, MANIFEST_PATH, readManifest, type Recorded } from '../manifest/manifest.ts';
import type { JailUser } from '../packs/pack.ts';
import { openReadable } from '../plan/ordinary-plan.ts';
import { withDescriptor } from '../work/closing.ts';
import { type Entry, isOfSystem, isOwn, isProgram } from './checked-entry.ts';
import { type JailPerson, type Loose, looseOn, toPerson } from '../search/jail-writers.ts';
import { heldOutside, processesIn } from './processes.ts';

export type CheckedJail = ReturnType<typeof openChecked>;

/**
 * @param settled its manifest, if the caller has read it and nobody changes it meanwhile
 * @throws JailError if the jail, or the system that it was built from, cannot be opened; system errors.
 */
export function openChecked(directory: BytePath, accounts: readonly JailUser[], settled?: Manifest) {
  const facts = findWay(directory);
  try {
    const owner = caller();
    const own = openFileRoot(facts.fd, owner);
    // a program can close directories of its caller's jail: the walk reports them
    const root = isOrdinary(owner) ? { ...own, ...openReadable(own).root } : own;
    const users = accounts.map((account) => toSeenPerson(account, owner));
    const { manifest, unsettled = NOTHING, fault, isClosed = false } = manifestOf(own, settled);
    const way = waySeenBy(owner, facts);
    const host = unless(['ENOENT', 'ENOTDIR'], () => openHost(manifest?.recipe.from));
    const path = bytePath(readlinkSync(`/proc/self/fd/${facts.fd}`, { encoding: 'buffer' }));
    const mounts = readMounts(readFileSync('/proc/self/mountinfo'));
    const built = once(() => new Set(manifest?.entries.map((entry) => entry.path)));
    const place = { path, ...native.inRootFstat(facts.fd), built };
    return {
      /** Its path on the host, with links resolved, and the absolute path by which it was named. */
      directory: path,
      asked: directory,
      root,
      /** The user who checks it. All ids of files are those that he sees: an ordinary user checks his own jail, or what he can see of root's. */
      owner,
      /** The directories and links on the way to it, the jail itself last, and the faults of that way for these users. */
      components: way.components,
      wayFindings: judgeWay(way, users),
      /** Undefined if there is none, or if it cannot be trusted. Without the `unsettled` paths. */
      manifest,
      /** The paths of an interrupted change, which the next update completes. Each has the old object or the new one. */
      unsettled,
      /** Why the manifest cannot be trusted. */
      manifestFault: fault,
      isManifestClosed: isClosed,
      /** The system that the jail was built from; undefined if it is gone. */
      host,
      /** Accounts of the host that are to be jailed; without any, everybody but root and the owner counts. */
      users,
      /** The mounts that this process sees, and the mount points in the jail, as its paths. */
      mounts,
      mountPoints: new Set(mountsIn(mounts, path).map((mount) => pointIn(mount, path))),
      /** The processes that run in the jail now. */
      processes: once(() => processesIn(place)),
      /** The groups that a user has on the host; remembered, since the name service may be slow. */
      groupsOf: memoize(groupsOf),
      /** Files of the jail that processes outside hold: as heldOutside() of processes.ts. */
      heldOutside: once(() => heldOutside(place)),
      /** As looseOn() of jail-writers.ts for these users; answers are remembered, since many paths lead to the same place. */
      looseOn: rememberLoose(root, users),
      /** A new resolver of what programs of the jail need to start. */
      openResolver: () => openResolver(root, { cpu: host?.cpu ?? BASELINE, hasProc: true }),
      seen: new WalkFacts(manifest),
      close: () => {
        host?.close();
        native.closeDescriptor(facts.fd);
      },
    };
  } catch (error) {
    native.closeDescriptor(facts.fd);
    throw error;
  }
}

/** The way to a jail, with its descriptor. @throws JailError if it cannot be opened */
function findWay(directory: BytePath): PathFacts {
  const facts = native.walkPathSync(pathBytes(directory));
  if (facts.fd >= 0) return facts;
  const path = quote(facts.walkPath ?? pathBytes(directory));
  const errno = facts.walkErrno ?? 0;
  throw new JailError(`${path}: ${reason(errno)}`, { code: errnoName(errno), path, hint: closedWay(errno) });
}

// The owner gains nothing by writing to his own files.
function toSeenPerson(account: JailUser, owner: Owner): JailPerson {
  const person = toPerson(account);
  return { ...person, uid: person.uid === owner.uid ? 0 : person.uid };
}

/** Calls `use` with a descriptor (O_PATH) of the entry at a path of the jail, no link followed; undefined without an entry. */
export function usePath<T>(root: DirectoryRoot, path: BytePath, use: (fd: number) => T): T | undefined {
  const flags = O_PATH | constants.O_NOFOLLOW;
  const fd = lookOr(undefined, () => native.inRootOpen(root.fd, pathBytes(path), flags));
  return fd === undefined ? undefined : withDescriptor(fd, use);
}

/** The entry of the manifest for a path. */
export function recordedAt({ manifest }: CheckedJail, path: BytePath): Recorded | undefined {
  return manifest?.entries.find((entry) => entry.path === path);
}

const MOST_WAYS = 10_000;

function rememberLoose(root: FileRoot, users: readonly JailPerson[]) {
  const known = new Map<BytePath, Loose | undefined>();
  const remembered = rememberStatus(root); // most ways lead through the same directories
  return (path: BytePath): Loose | undefined => {
    if (known.has(path)) return known.get(path);
    const loose = looseOn(remembered, path, users);
    if (known.size < MOST_WAYS) known.set(path, loose);
    return loose;
  };
}

function groupsOf(uid: number): ReadonlySet<number> {
  const user = native.getpwuid(uid);
  return new Set(user ? [user.gid, ...native.getgrouplist(user.name, user.gid)] : [uid]);
}

/** Computed lazily: few rules need it. */
function once<T extends object>(look: () => T): () => T {
  let answer: T | undefined;
  return () => (answer ??= look());
}

interface FoundManifest {
  readonly manifest?: Manifest;
  readonly unsettled?: ReadonlySet<BytePath>;
  readonly fault?: string;
  readonly isClosed?: boolean;
}

const NOTHING: ReadonlySet<BytePath> = new Set();

function manifestOf(root: DirectoryRoot, settled: Manifest | undefined): FoundManifest {
  if (settled !== undefined) return { manifest: settled };
  try {
    const manifest = readManifest(root);
    if (manifest !== undefined) {
      const unsettled = unsettledPaths(root);
      if (unsettled === undefined) return { manifest };
      return {
        manifest: { ...manifest, entries: manifest.entries.filter(({ path }) => !unsettled.has(path)) },
        unsettled,
      };
    }
    const owners = isOrdinary(caller()) ? "its owner's" : "root's";
    return root.lstat(MANIFEST_PATH) === undefined ? {} : { fault: `it is not ${owners} alone` };
  } catch (error) {
    if (error instanceof JailError) return { fault: error.message };
    if (errorCode(error) === 'EACCES') return { isClosed: true };
    if (errorCode(error) === 'ELOOP') return { fault: 'the way to it leads in a circle' };
    throw error;
  }
}

const MOST = 100_000;
const MAX_PATH = 4095; // a system call takes no more (path_resolution(7))

/** A file that has more names than the walk has met; `path` is one of them. */
interface ManyNamed extends Pick<Entry, 'path' | 'nlink' | 'uid' | 'kind'> {
  /** How many names the walk has met. */
  readonly met: number;
  /** It is a user's own. */
  readonly isOwn: boolean;
}

class WalkFacts {
  /** Directories that could not be entered. */
  readonly closed: Set<BytePath> = new Set();
  /** The programs that lie where root keeps programs. */
  readonly programs: Pick<Entry, 'path' | 'recorded'>[] = [];
  readonly #absent: Set<string>;
  // two maps, so that users cannot use up the room for root's files
  readonly #namesOfRoot = new Map<bigint, ManyNamed>();
  readonly #namesOfUsers = new Map<bigint, ManyNamed>();

  constructor(manifest: Manifest | undefined) {
    this.#absent = new Set(manifest?.entries.map(({ path }) => path));
  }

  note(entry: Entry): void {
    const { recorded, path, kind, nlink } = entry;
    if (recorded !== undefined) this.#absent.delete(path);
    if (kind === 'directory' && entry.error !== 0 && this.closed.size < MOST) this.closed.add(path);
    if (kind !== 'directory' && nlink > 1 && !entry.isMounted) this.#noteName(entry);
    const isCode = (entry.isElf || entry.isScript) && isProgram(entry) && path.length <= MAX_PATH;
    if (isCode && isOfSystem(entry) && this.programs.length < MOST) this.programs.push({ path, recorded });
  }

  #noteName(entry: Entry): void {
    const { inode, path, nlink, uid, kind } = entry;
    const names = uid === 0 ? this.#namesOfRoot : this.#namesOfUsers;
    const known = names.get(inode);
    const met = (known?.met ?? 0) + 1;
    // a file whose names are all met stays: one that was left out must not be met as if for the first time
    if (known !== undefined || names.size < MOST)
      names.set(inode, { path: known?.path ?? path, nlink, met, uid, kind, isOwn: isOwn(entry) });
  }

  /** Whether the walk has met a path of the manifest. */
  has(path: BytePath): boolean {
    return !this.#absent.has(path);
  }

  /** Files that have names outside of the jail. */
  namedElsewhere(): readonly ManyNamed[] {
    return [...this.#namesOfRoot.values(), ...this.#namesOfUsers.values()].filter(
      ({ met, nlink }) => met < nlink,
    );
  }
}
