// Carries out the list of all changes to a jail. It is on disk before that, so that the next run can complete it.
// It sets the times of files too: the same sources make the same jail, so the time of the build is never used.

import { constants, fchmodSync, fchownSync, fsyncSync, futimesSync } from 'node:fs';

import { type BytePath, bytePath, isWithin, joinPath, parentPath, pathBytes } from '../../tree/path.ts';
import { type DirectoryRoot, withFile } from '../../tree/root.ts';
import { JailError } from '../../errors.ts';
import { native } from '../../native.ts';
import { caller, onHost, type Owner } from '../../trust/owner.ts';
import { errorCode } from '../../words/system-error.ts';
import { STORE } from '../manifest/layout.ts';
import { MANIFEST_PATH, type Recorded } from '../manifest/manifest.ts';
import { withOpen } from '../work/closing.ts';
import {
  type Attributes,
  type CommitList,
  type Expected,
  listFromJson,
  listToJson,
  type Staged,
} from './commit-list.ts';
import { mountedIn, refuseMounted } from './obstacle.ts';
import { lineAt } from './present-object.ts';

/** New files wait in this directory. It is the owner's, mode 0700. */
export const STAGE: BytePath = bytePath('/.uchroot/new');
const LIST: BytePath = bytePath('/.uchroot/new/list');
const COMMIT: BytePath = bytePath('/.uchroot/new/commit');
export const DIRECTORY: number = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;

/** Writes the list to disk: from then on the change is decided. `write` makes a file and syncs it. */
export function decide(
  jail: DirectoryRoot,
  list: CommitList,
  write: (path: BytePath, data: Uint8Array) => void,
): void {
  write(LIST, listToJson(list));
  native.inRootRename(jail.fd, pathBytes(LIST), pathBytes(COMMIT));
  withOpen(jail, STAGE, DIRECTORY, fsyncSync);
}

/**
 * Completes the change of an interrupted run if it was decided (true), else removes its staged files.
 * @throws as complete, and JailError EXDEV if something was mounted there meanwhile: nothing is changed
 */
export async function recover(jail: DirectoryRoot): Promise<boolean> {
  if (jail.lstat(STAGE) === undefined) return false;
  const list = readCommit(jail);
  if (list === undefined) {
    removeStage(jail);
    return false;
  }
  const mounted = mountedIn(jail);
  for (const { path } of Object.values(list).flat()) refuseMounted(mounted, path);
  complete(jail, await withoutChanged(jail, list));
  return true;
}

/**
 * The paths of a change that was decided and interrupted: each has the old object or the new one. Undefined without such a change.
 * @throws JailError ERR_MANIFEST if the list of the change is damaged; system errors
 */
export function unsettledPaths(jail: DirectoryRoot): ReadonlySet<BytePath> | undefined {
  const list = jail.lstat(STAGE) === undefined ? undefined : readCommit(jail);
  return (
    list &&
    new Set(Object.values(list).flatMap((items: readonly Expected[]) => items.map(({ path }) => path)))
  );
}

// A file that is no longer staged was put in place before the interruption. Paths that were changed since then are left out.
async function withoutChanged(jail: DirectoryRoot, list: CommitList): Promise<CommitList> {
  const files: Staged[] = [];
  const directories = new Set<BytePath>(); // made by this list
  for (const one of list.files) {
    const kind = jail.lstat(one.staged)?.kind;
    if (kind === undefined) continue;
    if (!directories.has(parentPath(one.path)) && !(await isAsExpected(jail, one))) continue;
    files.push({ ...one, isDirectory: kind === 'directory' });
    if (kind === 'directory') directories.add(one.path);
  }
  const unchanged = async <T extends Expected>(items: readonly T[]): Promise<readonly T[]> => {
    const kept: T[] = [];
    for (const one of items) if (await isAsExpected(jail, one)) kept.push(one);
    return kept;
  };
  return { files, attributes: await unchanged(list.attributes), obsolete: await unchanged(list.obsolete) };
}

async function isAsExpected(jail: DirectoryRoot, { path, was }: Expected): Promise<boolean> {
  return isDirectory(jail, parentPath(path)) && (was === undefined || (await lineAt(jail, path)) === was);
}

/** Whether a path is a directory, and no component of it is a link. */
export function isDirectory(jail: DirectoryRoot, path: BytePath): boolean {
  return path === '/' || (jail.lstat(path)?.kind === 'directory' && isDirectory(jail, parentPath(path)));
}

/** Carries out a decided list. @throws JailError if an object is in the way: the next run tries again */
export function complete(jail: DirectoryRoot, list: CommitList): void {
  try {
    putInPlace(jail, list);
    removeStage(jail);
  } catch (error) {
    const code = errorCode(error);
    if (code === undefined) throw error;
    throw new JailError(`the change of the jail is not complete: ${(error as Error).message}`, {
      code,
      hint: 'clear the way, unmount what is mounted in the jail, and run it again: that completes the change',
    });
  }
}

function readCommit(jail: DirectoryRoot): CommitList | undefined {
  const kind = jail.lstat(COMMIT)?.kind;
  if (kind === undefined) return undefined;
  try {
    // root of the jail can have put anything there
    if (kind !== 'file') throw new TypeError('a file is expected');
    return withFile(jail, COMMIT, ({ read, status }) => listFromJson(Buffer.from(read(0, status.sizeBytes))));
  } catch (error) {
    if (errorCode(error) !== undefined) throw error;
    const message = `${COMMIT}, which an interrupted run has left, is damaged`;
    throw new JailError(message, { code: 'ERR_MANIFEST', path: COMMIT, hint: 'build the jail anew' });
  }
}

// The manifest comes last: the change is complete when the new manifest is in place.
function putInPlace(jail: DirectoryRoot, { files, attributes, obsolete }: CommitList): void {
  for (const one of files) clearWay(jail, one, obsolete);
  for (const one of files) if (one.isDirectory === true) putDirectory(jail, one);
  for (const one of attributes) setAttributes(jail, one);
  const others = files.filter((one) => one.isDirectory !== true);
  renameAll(jail, others, ({ path }) => path !== MANIFEST_PATH);
  for (const { path } of obsolete) removeObsolete(jail, path);
  renameAll(jail, others, ({ path }) => path === MANIFEST_PATH);
  withOpen(jail, STORE, DIRECTORY, fsyncSync);
}

function renameAll(jail: DirectoryRoot, files: readonly Staged[], isNow: (one: Staged) => boolean): void {
  const pairs = files.filter(isNow).map(({ staged, path }) => [pathBytes(staged), pathBytes(path)] as const);
  // each call keeps all its directories open, and descriptors are limited (getrlimit(2))
  for (let i = 0; i < pairs.length; i += 128) native.renameAll(jail.fd, pairs.slice(i, i + 128));
}

/** rename(2) does not replace a directory by a file, or a file by a directory: the old one is removed first. */
function clearWay(
  jail: DirectoryRoot,
  { isDirectory = false, path, was }: Staged,
  obsolete: readonly Expected[],
): void {
  const old = was === null ? undefined : jail.lstat(path)?.kind;
  if (old === undefined || (old === 'directory') === isDirectory) return;
  for (const inside of obsolete) if (inside.path.startsWith(`${path}/`)) removeObsolete(jail, inside.path);
  unlink(jail, path, old);
}

/** If another process has made the directory meanwhile, that directory is used. */
function putDirectory(jail: DirectoryRoot, { staged, path }: Staged): void {
  if (jail.lstat(path)?.kind === 'directory') native.inRootRmdir(jail.fd, pathBytes(staged));
  else native.inRootRename(jail.fd, pathBytes(staged), pathBytes(path));
}

/** Gives an open file to an owner, whose ids are those that the jail's owner sees. */
export function setOwner(fd: number, seen: Owner): void {
  const { uid, gid } = onHost(caller(), seen);
  fchownSync(fd, uid, gid);
}

export function setAttributes(jail: DirectoryRoot, { path, mode, uid, gid }: Attributes): void {
  withOpen(jail, path, DIRECTORY, (fd) => {
    setOwner(fd, { uid, gid });
    fchmodSync(fd, mode);
  });
}

function removeObsolete(jail: DirectoryRoot, path: BytePath): void {
  try {
    remove(jail, path);
  } catch (error) {
    // The directory stays if another process has put a file into it. ELOOP: a link has replaced the directory of the path.
    if (!/^(?:ENOTEMPTY|EBUSY|ELOOP)$/.test(errorCode(error) ?? '')) throw error;
  }
}

export function removeStage(jail: DirectoryRoot): void {
  // The list is removed first: without it, the next run removes the staged files.
  const names = jail.list(STAGE) ?? [];
  for (const name of names.toSorted((a, b) => Number(b === 'commit') - Number(a === 'commit')))
    remove(jail, joinPath(STAGE, name));
  remove(jail, STAGE);
}

function unlink(jail: DirectoryRoot, path: BytePath, kind: string): void {
  if (kind === 'directory') native.inRootRmdir(jail.fd, pathBytes(path));
  else native.inRootUnlink(jail.fd, pathBytes(path));
}

function remove(jail: DirectoryRoot, path: BytePath): void {
  const kind = jail.lstat(path)?.kind;
  if (kind !== undefined) unlink(jail, path, kind);
}

/**
 * A directory gets the time of the newest copy in it, and anything else that of the newest copy in the jail. Paths that were
 * `left`, and those that are `mounted`, keep their times.
 */
export function setTimes(
  jail: DirectoryRoot,
  entries: readonly Recorded[],
  {
    left,
    made,
    mounted,
  }: Readonly<Record<'left' | 'made', ReadonlySet<BytePath>>> & { readonly mounted: readonly BytePath[] },
): void {
  const newest = new Map<string, number>();
  let last = 0;
  for (const { path, mtimeMs } of entries) {
    if (mtimeMs === undefined) continue;
    const parent = path.slice(0, path.lastIndexOf('/'));
    newest.set(parent, Math.max(newest.get(parent) ?? 0, mtimeMs));
    last = Math.max(last, mtimeMs);
  }
  for (const { path, kind, source, uid } of entries.toReversed()) {
    if ((kind === 'file' && source !== undefined) || left.has(path)) continue;
    if (mounted.some((point) => isWithin(path, point))) continue;
    // A service changes its own directory at any time, so only a new one gets a time.
    const isService = kind === 'directory' && uid !== 0;
    if (isService && made.has(path)) setTime(jail, path, 0);
    if (!isService) setTime(jail, path, kind === 'directory' ? (newest.get(path) ?? last) : last);
  }
  for (const path of [MANIFEST_PATH, STORE]) setTime(jail, path, last);
  withOpen(jail, bytePath('/'), constants.O_RDONLY | constants.O_DIRECTORY, (root) =>
    futimesSync(root, last / 1000, last / 1000),
  );
}

function setTime(jail: DirectoryRoot, path: BytePath, mtimeMs: number): void {
  try {
    const { nlink, mode } = native.inRootLstat(jail.fd, pathBytes(path));
    // A file with a second name may be a file of the host.
    if ((mode & constants.S_IFMT) === constants.S_IFDIR || nlink === 1)
      native.inRootSetTimes(jail.fd, pathBytes(path), mtimeMs);
  } catch (error) {
    // The device could not be made, or a jail user has just removed the path.
    if (errorCode(error) === undefined) throw error;
  }
}
