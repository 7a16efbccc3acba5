// Carries out the decided changes of a jail. The list of changes is on disk, so that the next run can complete it after an
// interruption.

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

/** New files wait in this directory. It is root's, mode 0700. */
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
  syncDirectory(jail, STAGE);
}

/**
 * Completes the change of an interrupted run if it was decided; otherwise removes its staged files. True if a change was
 * completed. @throws as complete
 */
export async function recover(jail: DirectoryRoot): Promise<boolean> {
  if (jail.lstat(STAGE) === undefined) return false;
  const list = readCommit(jail);
  if (list === undefined) removeStage(jail);
  else complete(jail, await withoutChanged(jail, list));
  return list !== undefined;
}

/** The list without the paths that were changed in the jail since the interruption. */
async function withoutChanged(jail: DirectoryRoot, list: CommitList): Promise<CommitList> {
  const files: Staged[] = [];
  const directories = new Set<BytePath>(); // made by this list
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

/** Whether a path is a directory, and no component of it is a link. */
function isDirectory(jail: DirectoryRoot, path: BytePath): boolean {
  return path === '/' || (jail.lstat(path)?.kind === 'directory' && isDirectory(jail, parentPath(path)));
}

/**
 * Carries out a decided list.
 * @throws JailError if an object in the way can be neither replaced nor removed. The next run tries again.
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

interface Waiting extends Staged {
  readonly isDirectory: boolean;
}

// A file that is no longer staged was put in place before the interruption. The manifest comes last: the change is complete when
// the new manifest is in place.
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

/** rename(2) does not replace a directory by a file, or a file by a directory: the old one is removed first. */
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

/** If another process has made the directory meanwhile, that directory is used. */
function putDirectory(jail: DirectoryRoot, { staged, path }: Staged): void {
  if (jail.lstat(path)?.kind === 'directory') native.inRootUnlink(jail.fd, pathBytes(staged), true);
  else native.inRootRename(jail.fd, pathBytes(staged), pathBytes(path));
}

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
    // The directory stays if another process has put a file into it.
    if (errorCode(error) !== 'ENOTEMPTY' && errorCode(error) !== 'EBUSY') throw error;
  }
}

export function removeStage(jail: DirectoryRoot): void {
  // The list is removed first: without it, the next run removes the staged files.
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
