// Decides for each planned path whether it is put in the jail. A path stays as it is, unless it was named, if a jail user can
// write it or if it was changed in the jail.

import { type BytePath, parentPath, pathBytes, showPath } from '../../binary/path.ts';
import type { DirectoryRoot, FileStatus } from '../../binary/root.ts';
import { JailError } from '../../errors.ts';
import { native } from '../../native.ts';
import type { DirectoryEntry, Entry } from '../manifest/planned-entry.ts';
import type { Manifest, Recorded } from '../manifest/manifest.ts';
import { CACHE_PATH } from '../plan/library-cache.ts';
import type { FileFacts, KnownFiles } from './file-facts.ts';
import type { Expected } from './commit-list.ts';
import { type Grounds, type Judging, openGrounds } from './grounds.ts';
import { type Left, type LeftBecause, toLeft } from './left.ts';
import { everyIn, isSame, lineAt, lineOf, type Look, lookAt, lookOf, stampOf } from './look.ts';

export interface Verdict {
  /** `put`: the planned entry is put in place. `attributes`: mode and owner are set. `stay`: it is already as planned. */
  readonly action: 'put' | 'attributes' | 'stay' | 'leave';
  /** Missing for an entry in a directory that was left. */
  readonly left?: Left;
  readonly warning?: string;
  /** The line (lineAt) of the object that was there when it was judged. */
  readonly was?: string | null;
  /** The stamp (stampOf) of that object; missing if its directory is new. */
  readonly stamp?: string;
}

export interface Judge {
  /**
   * A directory must be judged before its content. `plan` makes the record of the entry; `known` are files that were read before.
   * @throws JailError EEXIST if an object that the builder has not made is in the way; ERR_INSECURE_PATH as checkDirectory
   */
  judge(entry: Entry, plan: () => Promise<Recorded>, known?: KnownFiles): Verdict | Promise<Verdict>;
  /** Judges a path that was recorded before and is no longer planned. Undefined if nothing is there. */
  judgeUnneeded(old: Recorded): Promise<Left | 'remove' | undefined>;
}

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

export function openJudge(judging: Judging): Judge {
  const grounds = openGrounds(judging);
  const { jail } = judging;
  // A directory is planned, but another object is there and stays, so nothing can be put into it.
  const closed = new Set<BytePath>();
  // New directories. They are empty, even if the path was a link to a directory with content.
  const made = new Set<BytePath>();

  function judge(entry: Entry, plan: () => Promise<Recorded>, read?: KnownFiles): Verdict | Promise<Verdict> {
    const { path, kind } = entry;
    const parent = parentPath(path);
    const early = closed.has(parent) ? LEAVE : made.has(parent) ? PUT_IN_NEW : undefined;
    if (early === undefined) return judgeInJail(entry, plan, read);
    if (kind === 'directory') (early === LEAVE ? closed : made).add(path);
    return early;
  }

  async function judgeInJail(
    entry: Entry,
    plan: () => Promise<Recorded>,
    read?: KnownFiles,
  ): Promise<Verdict> {
    const { path, kind } = entry;
    const present = jail.lstat(path);
    const verdict = await judgeOpen(grounds, entry, { present, plan, read });
    if (kind === 'directory' && present?.kind !== 'directory')
      (verdict.action === 'leave' ? closed : made).add(path);
    return verdict;
  }

  async function judgeUnneeded({ path, sizeBytes }: Recorded): Promise<Left | 'remove' | undefined> {
    const present = jail.lstat(path);
    if (present === undefined) return undefined;
    if (grounds.isNamed(path) || (await grounds.isOurs(path, present))) return 'remove';
    const look = await lookAt(jail, path, present, { expected: [sizeBytes] });
    return toLeft(path, 'unneeded', false, { jail: look });
  }

  return { judge, judgeUnneeded };
}

async function judgeOpen(
  grounds: Grounds,
  entry: Entry,
  {
    present,
    plan,
    read,
  }: {
    readonly present: FileStatus | undefined;
    readonly plan: () => Promise<Recorded>;
    readonly read: KnownFiles | undefined;
  },
): Promise<Verdict> {
  if (present === undefined) return { ...(await judgeAbsent(grounds, entry, plan)), was: null, stamp: '' };
  const fresh = await plan();
  const expected = [fresh.sizeBytes, grounds.known.get(entry.path)?.sizeBytes];
  const facts = read?.inJail(entry.path, present);
  const look = await lookAt(grounds.jail, entry.path, present, { expected, facts });
  const met = { present, look, fresh, facts };
  const verdict =
    entry.kind === 'directory' && present.kind === 'directory'
      ? judgeDirectory(grounds, { entry, ...met })
      : await judgeOther(grounds, { entry, ...met });
  return verdict.action === 'stay' ? verdict : { ...verdict, was: lineOf(look), stamp: stampOf(present) };
}

async function judgeAbsent(
  grounds: Grounds,
  { path, kind, reason }: Entry,
  plan: () => Promise<Recorded>,
): Promise<Verdict> {
  const isKnown = grounds.known.has(path);
  if (grounds.isNamed(path)) return PUT;
  if (grounds.isTheirs(path, undefined)) {
    if (isKnown) return leave(grounds, 'removed', { fresh: await plan() });
    // The service owns a copy once it is made: newer files of the host may not fit it.
    if (reason.how === 'copied' && grounds.wasCopied(reason.as ?? ''))
      return leave(grounds, 'new', { fresh: await plan() });
  }
  if (!isKnown || kind === 'directory' || kind === 'device') return PUT;
  return { ...PUT, warning: `${showPath(path)} had been removed in the jail: it is put there again` };
}

function judgeDirectory(grounds: Grounds, met: Met<DirectoryEntry>): Verdict {
  const { entry, present, look, fresh } = met;
  const { path } = entry;
  if (isSame(look, lookOf(fresh))) return STAY;
  if (grounds.isNamed(path)) return { action: 'attributes' };
  const old = grounds.known.get(path);
  if (old === undefined) {
    if (grounds.isTheirs(path, undefined)) return STAY;
    checkDirectory(entry, present);
    return fresh.uid !== 0 && present.uid === 0 ? { action: 'attributes' } : STAY;
  }
  const isRoots = old.uid === 0 && (old.mode & 0o022) === 0;
  if (isRoots) checkDirectory(entry, present);
  if (!isSame(look, lookOf(old))) return leave(grounds, 'changed', met);
  return grounds.isTheirs(path, present) ? leave(grounds, 'writable', met) : { action: 'attributes' };
}

async function judgeOther(grounds: Grounds, met: Met): Promise<Verdict> {
  const { entry, present, look, fresh } = met;
  const { path } = entry;
  const { jail } = grounds;
  const old = grounds.known.get(path);
  const isTheirs = grounds.isTheirs(path, present);
  const isAsPrivileged = (old?.keepPrivileges ?? false) === (fresh.keepPrivileges ?? false);
  if (isSame(look, lookOf(fresh)) && isAsPrivileged)
    return !isTheirs && isShared(jail, path, met) ? PUT : STAY;
  if (grounds.isNamed(path)) {
    // Its content would be lost, although it was not named.
    if (present.kind === 'directory') throw inTheWay(entry, present);
    return PUT;
  }
  if (isTheirs) return leave(grounds, 'writable', met);
  if (path === CACHE_PATH && present.kind === 'file') return PUT; // the new cache includes the entries of the old one, see cacheFor
  if (old === undefined) return judgeUnknown(grounds, met);
  if (!isSame(look, lookOf(old))) return leave(grounds, 'changed', met);
  const isClear =
    present.kind !== 'directory' || (await everyIn(jail, path, (at, status) => grounds.isOurs(at, status)));
  return isClear ? PUT : leave(grounds, 'changed', met);
}

/** Judges an object that the builder has not made. A link or a pipe holds no data, so it is replaced. */
function judgeUnknown(grounds: Grounds, met: Met): Verdict {
  const { entry, present, look, fresh } = met;
  const isInTheWay = present.kind === 'directory' || entry.kind === 'directory' || entry.kind === 'device';
  if (isInTheWay) throw inTheWay(entry, present);
  if (present.kind === 'file')
    return look.content === lookOf(fresh).content ? PUT : leave(grounds, 'unknown', met);
  const words = `${showPath(entry.path)} was ${nameOf(present)} in the jail`;
  return { ...PUT, warning: `${words}: it is replaced by that of the host` };
}

function leave(
  { known }: Grounds,
  because: LeftBecause,
  { fresh, look }: { readonly fresh: Recorded; readonly look?: Look },
): Verdict {
  const old = known.get(fresh.path);
  // A file of /etc was probably edited on purpose.
  const isNews = old === undefined ? !fresh.path.startsWith('/etc/') : !isSame(lookOf(old), lookOf(fresh));
  return { ...LEAVE, left: toLeft(fresh.path, because, isNews, { jail: look, host: lookOf(fresh) }) };
}

/** A file with a second name, which may be on the host: the jail gets a copy instead. */
function isShared(jail: DirectoryRoot, path: BytePath, { present, facts }: Met): boolean {
  return present.kind === 'file' && (facts ?? native.inRootLstat(jail.fd, pathBytes(path))).nlink > 1;
}

export interface Unneeded {
  /** Deepest first. A directory is removed only if it is empty by then. */
  readonly removable: readonly Expected[];
  readonly left: readonly Left[];
}

/** Finds entries of the old manifest that are not among the `planned` paths. */
export async function findUnneeded(
  jail: DirectoryRoot,
  judge: Judge,
  { before, planned }: { readonly before: Manifest | undefined; readonly planned: ReadonlySet<BytePath> },
): Promise<Unneeded> {
  const removable: Expected[] = [];
  const left: Left[] = [];
  for (const entry of (before?.entries ?? []).toReversed()) {
    if (planned.has(entry.path)) continue;
    const verdict = await judge.judgeUnneeded(entry);
    if (verdict === 'remove') removable.push({ path: entry.path, was: await lineAt(jail, entry.path) });
    else if (verdict !== undefined) left.push(verdict);
  }
  return { removable, left };
}

/** Checks a directory of the jail. @throws JailError ERR_INSECURE_PATH if a user other than its owner can write to it */
function checkDirectory(entry: DirectoryEntry, present: FileStatus): void {
  const path = showPath(entry.path);
  const isOurs = present.uid === 0 || present.uid === entry.uid;
  const mayBeWritten = entry.uid !== undefined || (entry.mode & 0o002) !== 0;
  const othersWrite = (present.mode & 0o002) !== 0 || ((present.mode & 0o020) !== 0 && present.gid !== 0);
  if (isOurs && (mayBeWritten || !othersWrite)) return;
  const why = isOurs ? 'can be written by other users' : `is owned by uid ${present.uid}`;
  throw new JailError(`${path} in the jail ${why}, who could replace its files`, {
    code: 'ERR_INSECURE_PATH',
    path,
    hint: 'chown it to root and chmod go-w it, or build a new jail',
  });
}

/** The error for an object that the builder has not made and so does not remove. */
function inTheWay(entry: Entry, present: FileStatus): JailError {
  const path = showPath(entry.path);
  return new JailError(`${path} is ${nameOf(present)} in the jail, and ${plannedName(entry)} on the host`, {
    code: 'EEXIST',
    path,
    hint: `move it away in the jail, or build a new one`,
  });
}

function plannedName(entry: Entry): string {
  if (entry.kind === 'link') return `a link to ${showPath(entry.target)}`;
  return `a ${entry.kind === 'data' ? 'file' : entry.kind}`;
}

/** The kind of an object, with an article: "a file". */
function nameOf({ kind, target }: FileStatus): string {
  return target === undefined ? `a ${NAMES[kind]}` : `a link to ${showPath(target)}`;
}

const NAMES = { file: 'file', directory: 'directory', symlink: 'link', other: 'special file' } as const;
