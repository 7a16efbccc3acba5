// The change of a jail, from the moment at which it is decided: a list on disk, and what it takes to go through it, however
// often it is interrupted.

import { constants, fsyncSync } from 'node:fs';

import { type BytePath, bytePath, joinPath, pathBytes } from '../../binary/path.ts';
import { type DirectoryRoot, errorCode } from '../../binary/root.ts';
import { JailError } from '../../errors.ts';
import { native } from '../../native.ts';
import { STORE } from '../manifest/layout.ts';
import { fromText, toText } from '../manifest/text.ts';

/** Where files wait for their place: root's, mode 0700. */
export const STAGE: BytePath = bytePath('/.uchroot/new');
const LIST: BytePath = bytePath('/.uchroot/new/list');
const COMMIT: BytePath = bytePath('/.uchroot/new/commit');
/** Flags to open a directory of the store with. */
export const DIRECTORY: number = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;

/** A file that waits for its place. */
export interface Staged {
  readonly staged: BytePath;
  readonly path: BytePath;
}

export interface CommitList {
  /** In the order in which they are put in place. */
  readonly files: readonly Staged[];
  /** What is removed then, a directory after what lies in it. */
  readonly obsolete: readonly BytePath[];
}

/** Puts the list on disk, which decides the change. `write` makes a file that a power cut cannot take away again. */
export function decide(
  jail: DirectoryRoot,
  { files, obsolete }: CommitList,
  write: (path: BytePath, data: Uint8Array) => void,
): void {
  const list = {
    files: files.map(({ staged, path }) => [toText(staged), toText(path)]),
    obsolete: obsolete.map(toText),
  };
  write(LIST, Buffer.from(JSON.stringify(list)));
  native.inRootRename(jail.fd, pathBytes(LIST), pathBytes(COMMIT));
  syncDirectory(jail, STAGE);
}

/** Completes what an interrupted run had decided, and undoes what it had not; true if something was completed. @throws as complete */
export function recover(jail: DirectoryRoot): boolean {
  if (jail.lstat(STAGE) === undefined) return false;
  const list = readCommit(jail);
  if (list === undefined) removeStage(jail);
  else complete(jail, list);
  return list !== undefined;
}

/**
 * Goes through a list that is decided.
 * @throws JailError if something is in the way that can be neither replaced nor removed; what is left waits for the next run.
 */
export function complete(jail: DirectoryRoot, list: CommitList): void {
  try {
    putInPlace(jail, list.files, list.obsolete);
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
    const text = Buffer.from(file.read(0, file.status.sizeBytes)).toString();
    const { files, obsolete } = JSON.parse(text) as { files: [unknown, unknown][]; obsolete: unknown[] };
    return {
      files: files.map(([staged, path]) => ({ staged: toPath(staged), path: toPath(path) })),
      obsolete: obsolete.map(toPath),
    };
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

function toPath(value: unknown): BytePath {
  if (typeof value !== 'string') throw new TypeError('a path is expected');
  return fromText(value);
}

// Only what is still staged: the others were put in place before the interruption.
function putInPlace(jail: DirectoryRoot, files: readonly Staged[], obsolete: readonly BytePath[]): void {
  const waiting = files.filter(({ staged }) => jail.lstat(staged) !== undefined);
  native.renameAll(
    jail.fd,
    waiting.map(({ staged, path }) => [pathBytes(staged), pathBytes(path)] as const),
  );
  for (const path of obsolete) removeObsolete(jail, path);
  syncDirectory(jail, STORE);
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
