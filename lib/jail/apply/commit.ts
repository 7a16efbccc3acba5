// The change of a jail, from the moment at which it is decided: a list on disk, and what it takes to go through it, however
// often it is interrupted.

import { constants, fchmodSync, fchownSync, fsyncSync } from 'node:fs';

import { type BytePath, bytePath, joinPath, parentPath, pathBytes } from '../../binary/path.ts';
import { type DirectoryRoot, errorCode } from '../../binary/root.ts';
import { JailError } from '../../errors.ts';
import { native } from '../../native.ts';
import { STORE } from '../manifest/layout.ts';
import { MANIFEST_PATH } from '../manifest/manifest.ts';
import {
  type Attributes,
  type CommitList,
  type Expected,
  listFromJson,
  listToJson,
  type Staged,
} from './commit-list.ts';
import { lineAt } from './look.ts';

/** Where files wait for their place: root's, mode 0700. */
export const STAGE: BytePath = bytePath('/.uchroot/new');
const LIST: BytePath = bytePath('/.uchroot/new/list');
const COMMIT: BytePath = bytePath('/.uchroot/new/commit');
/** Flags to open a directory of the store with. */
export const DIRECTORY: number = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;

/** Puts the list on disk, which decides the change. `write` makes a file that a power cut cannot take away again. */
export function decide(
  jail: DirectoryRoot,
  list: CommitList,
  write: (path: BytePath, data: Uint8Array) => void,
): void {
  write(LIST, listToJson(list));
  native.inRootRename(jail.fd, pathBytes(LIST), pathBytes(COMMIT));
  syncDirectory(jail, STAGE);
}

/** Completes what an interrupted run had decided, and undoes what it had not; true if something was completed. @throws as complete */
export async function recover(jail: DirectoryRoot): Promise<boolean> {
  if (jail.lstat(STAGE) === undefined) return false;
  const list = readCommit(jail);
  if (list === undefined) removeStage(jail);
  else complete(jail, await withoutChanged(jail, list));
  return list !== undefined;
}

/** Less what somebody has changed in the jail since the interruption. */
async function withoutChanged(jail: DirectoryRoot, list: CommitList): Promise<CommitList> {
  const files: Staged[] = [];
  const directories = new Set<BytePath>(); // that are made with the rest of the list
  for (const one of list.files) {
    const kind = jail.lstat(one.staged)?.kind;
    if (kind === undefined) continue;
    const isInNew = directories.has(parentPath(one.path));
    if (!isInNew && !(await isAsExpected(jail, one))) continue;
    files.push(one);
    if (kind === 'directory') directories.add(one.path);
  }
  const attributes: Attributes[] = [];
  for (const one of list.attributes) if (await isAsExpected(jail, one)) attributes.push(one);
  const obsolete: Expected[] = [];
  for (const one of list.obsolete) if (await isAsExpected(jail, one)) obsolete.push(one);
  return { files, attributes, obsolete };
}

async function isAsExpected(jail: DirectoryRoot, { path, was }: Expected): Promise<boolean> {
  return isDirectory(jail, parentPath(path)) && (was === undefined || (await lineAt(jail, path)) === was);
}

/** Whether a directory is reached without a link. */
function isDirectory(jail: DirectoryRoot, path: BytePath): boolean {
  return path === '/' || (jail.lstat(path)?.kind === 'directory' && isDirectory(jail, parentPath(path)));
}

/**
 * Goes through a list that is decided.
 * @throws JailError if something is in the way that can be neither replaced nor removed; what is left waits for the next run.
 */
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
  const file = jail.open(COMMIT);
  if (file === undefined) return undefined;
  try {
    return listFromJson(Buffer.from(file.read(0, file.status.sizeBytes)));
  } catch (error) {
    if (errorCode(error) !== undefined) throw error;
    throw new JailError(`${COMMIT}, which an interrupted run has left, is damaged`, {
      code: 'ERR_MANIFEST',
      path: COMMIT,
      hint: 'build the jail anew',
    });
  } finally {
    file.close();
  }
}

/** Something that is still staged. */
interface Waiting extends Staged {
  readonly isDirectory: boolean;
}

// Only what is still staged: the others were put in place before the interruption. The manifest is the last: as long as it is
// the old one, something is left to do.
function putInPlace(jail: DirectoryRoot, { files, attributes, obsolete }: CommitList): void {
  const waiting = files.flatMap((one) => {
    if (isStagedNow(one)) return [one];
    const kind = jail.lstat(one.staged)?.kind;
    return kind === undefined ? [] : [{ ...one, isDirectory: kind === 'directory' }];
  });
  for (const one of waiting) clearWay(jail, one, obsolete);
  for (const one of waiting) if (one.isDirectory) putDirectory(jail, one);
  for (const one of attributes) setAttributes(jail, one);
  const others = waiting.filter(({ isDirectory, path }) => path !== MANIFEST_PATH && !isDirectory);
  renameAll(jail, others);
  for (const { path } of obsolete) removeObsolete(jail, path);
  renameAll(
    jail,
    waiting.filter(({ path }) => path === MANIFEST_PATH),
  );
  syncDirectory(jail, STORE);
}

function isStagedNow(one: Staged): one is Waiting {
  return one.isDirectory !== undefined;
}

function renameAll(jail: DirectoryRoot, files: readonly Staged[]): void {
  native.renameAll(
    jail.fd,
    files.map(({ staged, path }) => [pathBytes(staged), pathBytes(path)] as const),
  );
}

/** Where a file becomes a directory, or the other way round, rename(2) does not take the old one away. */
function clearWay(
  jail: DirectoryRoot,
  { isDirectory, path, was }: Waiting,
  obsolete: readonly Expected[],
): void {
  const old = was === null ? undefined : jail.lstat(path)?.kind;
  if (old === undefined || (old === 'directory') === isDirectory) return;
  for (const inside of obsolete) if (inside.path.startsWith(`${path}/`)) removeObsolete(jail, inside.path);
  native.inRootUnlink(jail.fd, pathBytes(path), old === 'directory');
}

/** One that somebody has made meanwhile is as good. */
function putDirectory(jail: DirectoryRoot, { staged, path }: Staged): void {
  if (jail.lstat(path)?.kind === 'directory') native.inRootUnlink(jail.fd, pathBytes(staged), true);
  else native.inRootRename(jail.fd, pathBytes(staged), pathBytes(path));
}

/** Gives a directory this owner and mode. */
export function setAttributes(jail: DirectoryRoot, { path, mode, uid, gid }: Attributes): void {
  const fd = native.inRootOpen(jail.fd, pathBytes(path), DIRECTORY);
  try {
    fchownSync(fd, uid, gid);
    fchmodSync(fd, mode);
  } finally {
    native.closeDescriptor(fd);
  }
}

function removeObsolete(jail: DirectoryRoot, path: BytePath): void {
  const present = jail.lstat(path);
  if (present === undefined) return;
  try {
    native.inRootUnlink(jail.fd, pathBytes(path), present.kind === 'directory');
  } catch (error) {
    // a directory in which something else lies by now stays
    if (errorCode(error) !== 'ENOTEMPTY' && errorCode(error) !== 'EBUSY') throw error;
  }
}

/** Removes all that waits. */
export function removeStage(jail: DirectoryRoot): void {
  // the list first: without it what is left is nothing but waste
  const names = jail.list(STAGE) ?? [];
  for (const name of names.toSorted((a, b) => Number(b === 'commit') - Number(a === 'commit')))
    removeStaged(jail, joinPath(STAGE, name));
  removeStaged(jail, STAGE);
}

function removeStaged(jail: DirectoryRoot, path: BytePath): void {
  native.inRootUnlink(jail.fd, pathBytes(path), jail.lstat(path)?.kind === 'directory');
}

function syncDirectory(jail: DirectoryRoot, path: BytePath): void {
  const fd = native.inRootOpen(jail.fd, pathBytes(path), DIRECTORY);
  try {
    fsyncSync(fd);
  } finally {
    native.closeDescriptor(fd);
  }
}
