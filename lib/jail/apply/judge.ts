// Decides for each planned path whether it is put in the jail. It stays, unless named, if a user can write it or it was changed.

import { type BytePath, isWithin, parentPath, pathBytes, showPath } from '../../tree/path.ts';
import type { DirectoryRoot, FileRoot, FileStatus } from '../../tree/root.ts';
import { native } from '../../native.ts';
import { isRootsAlone } from '../../trust/writer.ts';
import { isConfiguration, type Manifest, type Recorded } from '../manifest/manifest.ts';
import type { DirectoryEntry, Entry } from '../manifest/planned-entry.ts';
import { CACHE_PATH } from '../plan/library-cache.ts';
import type { Expected } from './commit-list.ts';
import { isDirectory } from './commit.ts';
import { type FileFacts, hasItsCapabilities, type KnownFiles } from './file-facts.ts';
import { checkDirectory, inTheWay, nameOf, refuseMounted } from './obstacle.ts';
import {
  everyIn,
  isSame,
  type Left,
  type LeftBecause,
  lineAt,
  lineOf,
  type Look,
  lookAt,
  lookOf,
  type MayWrite,
  openWritable,
  stampOf,
  toLeft,
} from './present-object.ts';

export interface Verdict {
  /** `put`: the planned entry is put in place. `attributes`: mode and owner are set. `stay`: it is already as planned. */
  readonly action: 'put' | 'attributes' | 'stay' | 'leave';
  /** Missing for an entry in a directory that was left. */
  readonly left?: Left;
  readonly warning?: string;
  /** The line (lineAt) of the object that was there when it was judged. */
  readonly was?: string | null;
  /** Of an entry that was left and is to be kept: the planned one, which the manifest records as seen. */
  readonly seen?: Recorded;
  /** The stamp (stampOf) of that object; missing if its directory is new. */
  readonly stamp?: string;
}

export interface Judging {
  readonly jail: DirectoryRoot;
  readonly source: FileRoot; // the root that files are copied from
  readonly before: Manifest | undefined;
  /** Paths to replace, with all their content. */
  readonly replace: readonly BytePath[];
  /** Paths that are left with all their content, and whose present version on the host counts as seen from now on. */
  readonly keep: readonly BytePath[];
  /** Mount points in the jail, as paths of the jail. */
  readonly mounted: readonly BytePath[];
}

/** Makes the record of an entry. */
type Plan = () => Promise<Recorded>;

/** A planned entry, and the object at its path. */
interface Met<E = Entry> {
  readonly entry: E;
  readonly present: FileStatus;
  readonly look: Look;
  readonly fresh: Recorded;
  readonly facts: FileFacts | undefined;
}

const PUT = { action: 'put' } as const;
const PUT_IN_NEW = { action: 'put', was: null } as const;
const STAY = { action: 'stay' } as const;
const LEAVE = { action: 'leave' } as const;
const ATTRIBUTES = { action: 'attributes' } as const;

export class Judge {
  readonly #judging: Judging;
  readonly #known: ReadonlyMap<BytePath, Recorded>;
  readonly #mayWrite: MayWrite;
  /** Directories are planned there, but other objects are there and stay, so nothing can be put into them. */
  readonly #closed = new Set<BytePath>();
  /** New directories. They are empty, even if the path was a link to a directory with content. */
  readonly #made = new Set<BytePath>();

  constructor(judging: Judging) {
    this.#judging = judging;
    this.#known = new Map((judging.before?.entries ?? []).map((entry) => [entry.path, entry]));
    this.#mayWrite = openWritable(judging.jail);
  }

  /**
   * A directory comes before its content.
   * @throws JailError EEXIST if something unknown is in the way, EXDEV if something is mounted there; as checkDirectory
   */
  judge(entry: Entry, plan: Plan, known?: KnownFiles): Verdict | Promise<Verdict> {
    const { path, kind } = entry;
    const parent = parentPath(path);
    const early = this.#closed.has(parent) ? LEAVE : this.#made.has(parent) ? PUT_IN_NEW : undefined;
    if (early === undefined) return this.#judgeInJail(entry, plan, known);
    if (early === PUT_IN_NEW && this.#staysRemoved(entry)) return this.#leaveRemoved(plan);
    if (kind === 'directory') (early === LEAVE ? this.#closed : this.#made).add(path);
    return early;
  }

  async #judgeInJail(entry: Entry, plan: Plan, known?: KnownFiles): Promise<Verdict> {
    const { path, kind } = entry;
    const present = this.#judging.jail.lstat(path);
    const verdict =
      present === undefined
        ? { ...(await this.#judgeAbsent(entry, plan)), was: null, stamp: '' }
        : await this.#judgePresent(entry, present, await plan(), known);
    const { action, left } = verdict;
    const isOther = kind !== 'directory';
    // A path can look changed because it is a mount point.
    if (action === 'leave' ? isOther && left?.because === 'changed' : action !== 'stay')
      refuseMounted(this.#judging.mounted, path, isOther);
    if (!isOther && present?.kind !== 'directory') (action === 'leave' ? this.#closed : this.#made).add(path);
    return verdict;
  }

  async #judgeAbsent(entry: Entry, plan: Plan): Promise<Verdict> {
    const { path, kind, reason } = entry;
    const isKnown = this.#known.has(path);
    if (this.#isNamed(path)) return PUT;
    if (this.#isTheirs(path, undefined)) {
      if (isKnown) return this.#leaveRemoved(plan);
      // The service owns a copy once it is made: newer files of the host may not fit it.
      const copies = this.#judging.before?.recipe.copies ?? [];
      if (reason.how === 'copied' && copies.some(({ from }) => from === reason.as))
        return this.#leave('new', { fresh: await plan() });
    }
    if (this.#staysRemoved(entry)) return this.#leaveRemoved(plan);
    if (!isKnown || kind === 'directory' || kind === 'device') return PUT;
    return { ...PUT, warning: `${showPath(path)} had been removed in the jail: it is put there again` };
  }

  // As dpkg(1) leaves a configuration file that was removed, alone or with its directory.
  #staysRemoved(entry: Entry): boolean {
    return this.#known.has(entry.path) && isConfiguration(entry) && !this.#isNamed(entry.path);
  }

  async #leaveRemoved(plan: Plan): Promise<Verdict> {
    return this.#leave('removed', { fresh: await plan() });
  }

  async #judgePresent(
    entry: Entry,
    present: FileStatus,
    fresh: Recorded,
    known: KnownFiles | undefined,
  ): Promise<Verdict> {
    const { path } = entry;
    const expected = [fresh.sizeBytes, this.#known.get(path)?.sizeBytes];
    const facts = known?.inJail(path, present);
    const look = await lookAt(this.#judging.jail, path, present, { expected, facts });
    const met = { present, look, fresh, facts };
    const verdict =
      entry.kind === 'directory' && present.kind === 'directory'
        ? this.#judgeDirectory({ entry, ...met })
        : await this.#judgeOther({ entry, ...met });
    return verdict.action === 'stay' ? verdict : { ...verdict, was: lineOf(look), stamp: stampOf(present) };
  }

  #judgeDirectory(met: Met<DirectoryEntry>): Verdict {
    const { entry, present, look, fresh } = met;
    const { path } = entry;
    if (isSame(look, lookOf(fresh))) return STAY;
    if (this.#isNamed(path)) return ATTRIBUTES;
    const old = this.#known.get(path);
    if (old === undefined) {
      if (this.#isTheirs(path, undefined)) return STAY;
      checkDirectory(entry, present);
      return fresh.uid !== 0 && present.uid === 0 ? ATTRIBUTES : STAY;
    }
    if (isRootsAlone(old)) checkDirectory(entry, present);
    if (!isSame(look, lookOf(old))) return this.#leave('changed', met);
    return this.#isTheirs(path, present) ? this.#leave('writable', met) : ATTRIBUTES;
  }

  async #judgeOther(met: Met): Promise<Verdict> {
    const { entry, present, look, fresh } = met;
    const { path } = entry;
    const { jail, source } = this.#judging;
    const old = this.#known.get(path);
    const isTheirs = this.#isTheirs(path, present);
    const isAsPrivileged = (old?.keepPrivileges ?? false) === (fresh.keepPrivileges ?? false);
    const isAlike = isSame(look, lookOf(fresh)) && isAsPrivileged;
    if (isAlike && hasItsCapabilities(entry, source, jail))
      return !isTheirs && isShared(jail, path, met) ? PUT : STAY;
    if (this.#isNamed(path)) {
      // The content would be lost, although nobody named it.
      if (present.kind === 'directory') throw inTheWay(jail, entry, present);
      return PUT;
    }
    if (isTheirs) return this.#leave('writable', met);
    if (isAlike) return { ...PUT, warning: `${showPath(path)} has the host's file capabilities again` };
    if (path === CACHE_PATH && present.kind === 'file') return PUT; // the new cache includes the entries of the old one, see cacheFor
    if (old === undefined) return this.#judgeUnknown(met);
    if (!isSame(look, lookOf(old))) return this.#leave('changed', met);
    const isClear =
      present.kind !== 'directory' || (await everyIn(jail, path, (at, status) => this.#isOurs(at, status)));
    return isClear ? PUT : this.#leave('changed', met);
  }

  /** Judges an object that the builder has not made. A link or a pipe holds no data, so it is replaced. */
  #judgeUnknown(met: Met): Verdict {
    const { entry, present, look, fresh } = met;
    const { jail } = this.#judging;
    if (present.kind === 'directory' || entry.kind === 'directory' || entry.kind === 'device')
      throw inTheWay(jail, entry, present);
    if (present.kind === 'file')
      return look.content === lookOf(fresh).content ? PUT : this.#leave('unknown', met);
    const words = `${showPath(entry.path)} was ${nameOf(present)} in the jail`;
    return { ...PUT, warning: `${words}: it is replaced by that of the host` };
  }

  #leave(because: LeftBecause, { fresh, look }: Pick<Met, 'fresh'> & { readonly look?: Look }): Verdict {
    const old = this.#known.get(fresh.path);
    // A file of /etc was probably edited on purpose.
    const isNews = old === undefined ? !fresh.path.startsWith('/etc/') : !isSame(lookOf(old), lookOf(fresh));
    const isKept = this.#judging.keep.some((named) => isWithin(fresh.path, named));
    const left = toLeft(fresh.path, because, isNews && !isKept, { jail: look, host: lookOf(fresh) });
    return { ...LEAVE, left, ...(isKept && { seen: fresh }) };
  }

  /**
   * Judges the entries of the old manifest that are not among the `planned` paths. What can be removed comes deepest first; a
   * directory is removed only if it is empty by then.
   * @throws JailError EXDEV for something that is mounted
   */
  async findUnneeded(
    planned: ReadonlySet<BytePath>,
  ): Promise<{ readonly removable: readonly Expected[]; readonly left: readonly Left[] }> {
    const { jail, before, mounted } = this.#judging;
    const removable: Expected[] = [];
    const left: Left[] = [];
    for (const { path, sizeBytes } of (before?.entries ?? []).toReversed()) {
      const present = planned.has(path) ? undefined : jail.lstat(path);
      if (present === undefined) continue;
      const isAsked = this.#isNamed(path) || (await this.#isOurs(path, present));
      // Below a link it is something else: its directory was moved away in the jail.
      if (isAsked && isDirectory(jail, parentPath(path))) {
        refuseMounted(mounted, path);
        removable.push({ path, was: await lineAt(jail, path) });
        continue;
      }
      const look = await lookAt(jail, path, present, { expected: [sizeBytes] });
      left.push(toLeft(path, 'unneeded', false, { jail: look }));
    }
    return { removable, left };
  }

  #isNamed(path: BytePath): boolean {
    return this.#judging.replace.some((named) => isWithin(path, named));
  }

  #isTheirs(path: BytePath, status: FileStatus | undefined): boolean {
    // A set-user-ID program can belong to a user who must not be able to change it: it is judged as if root owned it.
    const isProgram = this.#known.get(path)?.keepPrivileges === true;
    return this.#mayWrite(path, isProgram && status !== undefined ? { ...status, uid: 0 } : status);
  }

  /** Whether the builder has put it there, it is unchanged, and no user of the jail can change it. */
  async #isOurs(path: BytePath, status: FileStatus): Promise<boolean> {
    const old = this.#known.get(path);
    if (old === undefined || this.#isTheirs(path, status)) return false;
    const expected = [old.sizeBytes];
    return isSame(await lookAt(this.#judging.jail, path, status, { expected }), lookOf(old));
  }
}

/** A file with a second name, which may be on the host: the jail gets a copy instead. */
function isShared(jail: DirectoryRoot, path: BytePath, { present, facts }: Met): boolean {
  return present.kind === 'file' && (facts ?? native.inRootLstat(jail.fd, pathBytes(path))).nlink > 1;
}
